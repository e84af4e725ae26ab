"""A recipe as stages and paths: who is sampled on what, where it goes, and what makes earlier work stale."""

from pathlib import Path

import pytest

from reasondistill.curation.options import CurateOptions
from reasondistill.curation.steps.pass_rate import PassRate, PassRateOptions
from reasondistill.engines.options import EngineOptions
from reasondistill.problems.source import ProblemSource
from reasondistill.recipe.records import EvaluateOptions, GenerateOptions, Recipe, StudentOptions
from reasondistill.run.plan import Arm, Plan
from reasondistill.store import RunFolder, write_atomic
from reasondistill.training.options import TrainOptions


def _recipe(**changed):
    """Return a recipe whose models are served or recorded: none is looked for."""
    given = {
        "name": "test",
        "held_out": {"seen": ProblemSource(split="seen", count=3), "unseen": ProblemSource(split="unseen", count=2)},
        "problems": ProblemSource(count=5),
        "teacher": EngineOptions(model="t", engine="openai", base_url="http://127.0.0.1:1/v1"),
        "student": EngineOptions(model="s", engine="replay", concurrency=7, max_context=99),
    }
    return Recipe(**{**given, **changed})


def _plan(**changed):
    return Plan(recipe=_recipe(**changed), folder=Path("runs/test"), recipe_folder=Path("configs"))


def test_everything_stands_in_the_run_folder():
    plan = _plan()
    main = Arm(student="student", keep="correct", seed=0, main=True)
    control = Arm(student="control", keep="all", seed=2, main=False)
    assert plan.problem_file("seen") == Path("runs/test/problems/seen.jsonl")
    assert plan.evaluation("before", "seen") == Path("runs/test/evaluations/before-seen")
    assert (plan.model(main), plan.model(control)) == (
        Path("runs/test/models/student"),
        Path("runs/test/models/control-seed2"),
    )
    assert (plan.dataset(main), plan.dataset(control)) == (
        Path("runs/test/dataset"),
        Path("runs/test/dataset/splits/all"),
    )


def test_each_seed_trains_the_main_arm_and_then_the_controls():
    students = {"student": StudentOptions(), "all": StudentOptions(data="all"), "wrong": StudentOptions(data="wrong")}
    plan = _plan(students=students, train=TrainOptions(seeds=2))
    assert [arm.name for arm in plan.arms()] == [
        "student",
        "all",
        "wrong",
        "student-seed1",
        "all-seed1",
        "wrong-seed1",
    ]


def test_the_teacher_is_sampled_on_training_and_greedily_on_held_out_problems(changed):
    values = {"generate.samples": 4, "generate.sampling.temperature": 0.7, "evaluate.teacher_count": 2}
    recipe = changed(_recipe(), values)
    stage = Plan(recipe=recipe, folder=Path("runs/test"), recipe_folder=Path()).teacher()
    train, *held_out = stage.sets
    assert (train.samples, train.sampling.temperature, train.count) == (4, 0.7, None)
    assert [(s.label, s.samples, s.sampling.temperature, s.count) for s in held_out] == [
        ("teacher / seen", 1, 0.0, 2),
        ("teacher / unseen", 1, 0.0, 2),
    ]
    assert {s.template for s in stage.sets} == {"math-few-shot"}
    assert (stage.model, stage.engine.base_url) == ("t", "http://127.0.0.1:1/v1")


@pytest.mark.parametrize(("few_shot", "labels"), [(True, ["before", "few-shot"]), (False, ["before"])])
def test_the_untrained_student_is_measured_with_its_own_prompt_and_the_teachers(few_shot, labels):
    plan = _plan(evaluate=EvaluateOptions(few_shot=few_shot))
    sets = plan.before().sets
    assert [s.label for s in sets] == [f"{who} / {name}" for who in labels for name in ("seen", "unseen")]
    templates = {"before": "math-zero-shot", "few-shot": "math-few-shot"}
    assert all(s.template == templates[s.label.split(" / ")[0]] for s in sets)
    assert all(s.sampling.temperature == 0.0 for s in sets)


def test_a_trained_students_name_holds_its_fingerprint():
    plan = _plan()
    [arm] = plan.arms()
    stage = plan.after(arm, "0123456789abcdef")
    assert stage.model == "test/student@01234567"
    assert stage.engine.model == "runs/test/models/student"
    assert (stage.engine.concurrency, stage.engine.max_context) == (7, 99)
    before, after = plan.before().sets[0], stage.sets[0]
    assert (before.template, before.sampling) == (after.template, after.sampling)


def test_controls_are_trained_on_as_many_tokens_with_the_seeds_of_their_arm():
    students = {"student": StudentOptions(), "all": StudentOptions(data="all", match="student", train={"epochs": 3.0})}
    plan = _plan(seed=10, students=students)
    stage = plan.training(Arm(student="all", keep="all", seed=2, main=False), 1234)
    assert (stage.tokens, stage.seed, stage.options.epochs, stage.student) == (1234, 12, 3.0, "s")
    assert plan.training(Arm(student="student", keep="correct", seed=0, main=True), None).tokens is None


def test_controls_of_as_many_problems_are_trained_on_all_their_tokens():
    students = {"a": StudentOptions(), "b": StudentOptions(data="random", match="a", match_by="problems")}
    plan = _plan(students=students)
    assert plan.training(Arm(student="b", keep="random", seed=0, main=False), 1234).tokens is None


def test_curation_of_the_arms_differs_in_the_outcome_only():
    plan = _plan()
    one, two = plan.select("correct"), plan.select("wrong")
    assert (one.keep, two.keep) == ("correct", "wrong")
    assert {f: getattr(one, f) for f in one.__slots__ if f != "keep"} == {
        f: getattr(two, f) for f in two.__slots__ if f != "keep"
    }
    assert PassRate.of(one) is None


def test_a_pass_rate_band_is_measured_on_the_student_or_a_named_model():
    plan = _plan(curate=CurateOptions(pass_rate=PassRateOptions(enabled=True)))
    band = plan.select("correct").pass_rate
    assert (PassRate.of(plan.select("correct")) is not None, band.low, band.high) == (True, 0.1, 0.9)
    assert (plan.pass_rate().model, plan.pass_rate().sets[0].samples) == ("s", 4)
    plan = _plan(curate=CurateOptions(pass_rate=PassRateOptions(enabled=True, model="smollm2-135m-instruct")))
    assert plan.pass_rate().model == "smollm2-135m-instruct"


@pytest.mark.parametrize(
    ("enabled", "formats", "student", "rates", "drops"),
    [
        (None, [], "s", False, False),
        (None, ["dpo"], "s", False, False),
        (None, ["grpo"], "s", True, False),
        (None, ["grpo"], "", False, False),
        (False, ["grpo"], "s", False, False),
        (True, [], "s", True, True),
    ],
)
def test_rows_for_rl_are_held_to_the_band_by_default(enabled, formats, student, rates, drops, changed):
    values = {"curate.pass_rate.enabled": enabled, "export.formats": formats, "student.model": student}
    recipe = changed(_recipe(), values)
    plan = Plan(recipe=recipe, folder=Path("runs/test"), recipe_folder=Path())
    assert plan.rates_problems == rates
    assert (PassRate.of(plan.select("correct")) is not None) == drops


def test_reference_models_are_asked_once_and_greedily():
    models = ("smollm2-135m-instruct", "qwen2.5-coder-0.5b-instruct")
    stages = _plan(curate=CurateOptions(unsolved_by=models)).references()
    assert tuple(stages) == models
    sets = [stage.sets[0] for stage in stages.values()]
    assert {(given.samples, given.sampling.temperature) for given in sets} == {(1, 0.0)}
    assert len({given.folder for given in sets}) == 2


@pytest.fixture
def change(changed):
    def plan(key, value):
        return Plan(recipe=changed(_recipe(), {key: value}), folder=Path("runs/test"), recipe_folder=Path())

    return plan


@pytest.mark.parametrize(
    ("key", "value", "stale"),
    [
        ("teacher.model", "u", True),
        ("teacher.model_id", "u", True),
        ("generate.template", "math-zero-shot", True),
        ("generate.sampling.temperature", 0.3, True),
        ("seed", 1, True),
        ("teacher.base_url", "http://127.0.0.1:2/v1", False),
        ("teacher.concurrency", 3, False),
        ("generate.samples", 9, False),
        ("generate.sampling.max_tokens", 9, False),
        ("verify.strict", False, False),
        ("curate.keep", "all", False),
    ],
)
def test_rollouts_are_stale_when_model_prompt_or_sampling_changed(key, value, stale, change):
    assert (change(key, value).sampling_fingerprint() != _plan().sampling_fingerprint()) is stale


@pytest.mark.parametrize(
    ("key", "value", "stale"),
    [
        ("generate.samples", 9, True),
        ("generate.sampling.max_tokens", 9, True),
        ("verify.strict", False, True),
        ("curate.keep", "all", True),
        ("problems.count", 9, True),
        ("evaluate.template", "math-few-shot", True),
        ("export.thinking", "before_box", True),
        ("train.epochs", 9.0, False),
        ("teacher.base_url", "http://127.0.0.1:2/v1", False),
    ],
)
def test_the_dataset_may_change_with_what_decides_its_rows(key, value, stale, change):
    assert (change(key, value).dataset_fingerprint() != _plan().dataset_fingerprint()) is stale


@pytest.mark.parametrize(
    ("key", "value", "stale"),
    [("train.epochs", 9.0, True), ("student.model", "v", True), ("seed", 1, True), ("student.concurrency", 3, False)],
)
def test_a_student_is_trained_anew_when_options_student_or_rows_changed(key, value, stale, change):
    [arm] = _plan().arms()
    before = _plan().training_fingerprint(arm, None, "rows")
    assert (change(key, value).training_fingerprint(arm, None, "rows") != before) is stale
    assert _plan().training_fingerprint(arm, None, "other rows") != before


def test_only_students_that_this_recipe_would_make_count_as_trained(tmp_path):
    plan = Plan(recipe=_recipe(), folder=tmp_path, recipe_folder=Path())
    folder = RunFolder(tmp_path)
    assert plan.trained(folder) == {}
    [arm] = plan.arms()
    fingerprint = plan.training_fingerprint(arm, None, "rows")
    steps = {"dataset": {"main": "rows"}, "settings": plan.dataset_fingerprint()}
    folder.update_manifest(models={"student": fingerprint}, steps=steps)
    assert plan.trained(folder) == {"student": fingerprint}
    folder.update_manifest(steps={**steps, "dataset": {"main": "others"}})
    assert plan.trained(folder) == {}


def test_held_out_problems_are_read_first_and_training_problems_differ_from_them(tmp_path):
    same = ProblemSource(source="procedural", split="train", count=20)
    plan = _plan(held_out={"seen": same}, problems=same)
    sets = dict(plan.read_sources(warn=print))
    assert list(sets) == ["seen", "train"]
    assert not {p.content_hash for p in sets["seen"]} & {p.content_hash for p in sets["train"]}


def test_a_recipes_own_template_is_found_beside_it(tmp_path):
    write_atomic(tmp_path / "mine.yaml", "user: 'Q: {question}'")
    recipe = _recipe(generate=GenerateOptions(template="mine.yaml"))
    plan = Plan(recipe=recipe, folder=Path("runs/test"), recipe_folder=tmp_path)
    assert plan.sampling_fingerprint() != _plan().sampling_fingerprint()
