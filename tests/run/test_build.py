"""A recipe as a list of steps: who is sampled on what, where it goes, and what makes stored outputs stale."""

from pathlib import Path

import pytest

from reasondistill.generation.step import SampleStep
from reasondistill.recipe.records import Recipe
from reasondistill.rows.problem_file import load_problems
from reasondistill.run.build import build_steps
from reasondistill.run.driver import Driver
from reasondistill.store.options import read_options
from reasondistill.store.run_context import RunContext

ROW = {
    "name": "test",
    "out": "runs/test",
    "problems": {"count": 5},
    "held_out": {"seen": {"split": "seen", "count": 3}, "unseen": {"split": "unseen", "count": 2}},
    "teacher": {"model": "t", "engine": "openai", "base_url": "http://127.0.0.1:1/v1"},
    "student": {"model": "s", "engine": "replay", "concurrency": 7, "max_context": 99},
}
"""A recipe whose models are served or recorded: none is looked for."""


def _row(**changed):
    """Return the row of a recipe; a dotted key is written with two underscores."""
    row = {key: dict(value) if isinstance(value, dict) else value for key, value in ROW.items()}
    for key, value in changed.items():
        *path, last = key.split("__")
        part = row
        for name in path:
            part[name] = dict(part.get(name) or {})
            part = part[name]
        part[last] = value
    return row


def _steps(*, beside=Path("configs"), **changed):
    return {step.name: step for step in build_steps(read_options(Recipe, _row(**changed)), beside)}


def _sets(step, key=None):
    return {one.label: one for one in step.stage(key).sets}


def test_the_steps_stand_in_order():
    assert list(_steps()) == [
        "problems",
        "generate",
        "verify",
        "curate",
        "export",
        "train/student",
        "evaluate/before",
        "evaluate/student",
        "report",
    ]
    assert list(_steps(until="verify")) == ["problems", "generate", "verify", "report"]


def test_every_step_owns_its_outputs():
    """No two steps write the same file, so that each can be superseded alone."""
    steps = _steps(students={"sft": {}, "all": {"data": "all", "match": "sft"}}, curate__unsolved_by=["m"])
    written = [place for step in steps.values() for place in step.writes]
    assert len(written) == len(set(written))
    assert steps["train/all"].writes == ("models/all",)
    assert set(steps["evaluate/all"].writes) == {"evaluations/all-seen", "evaluations/all-unseen"}
    assert "drops" in steps["curate"].writes


def test_every_step_reads_steps_before_it():
    steps = _steps(students={"sft": {}, "all": {"data": "all", "match": "sft"}, "more": {"start": "sft"}})
    before = set()
    for step in steps.values():
        assert {name.partition(":")[0] for name in step.reads} <= before, step.name
        before.add(step.name)


def test_each_seed_teaches_every_student():
    steps = _steps(train__seeds=2, students={"sft": {}, "all": {"data": "all"}, "once": {"data": "wrong", "seeds": 1}})
    trained = [name for name in steps if name.startswith("train/")]
    assert trained == ["train/sft", "train/all", "train/once", "train/sft-seed1", "train/all-seed1"]
    assert (steps["train/sft"].stage.seed, steps["train/sft-seed1"].stage.seed) == (0, 1)


def test_the_teacher_is_sampled_on_training_and_greedily_on_held_out_problems():
    steps = _steps(generate={"samples": 4, "sampling": {"temperature": 0.7}}, evaluate__teacher_count=2)
    stage = steps["generate"].stage(None)
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
    sets = _sets(_steps(evaluate__few_shot=few_shot)["evaluate/before"])
    assert list(sets) == [f"{who} / {name}" for who in labels for name in ("seen", "unseen")]
    templates = {"before": "math-zero-shot", "few-shot": "math-few-shot"}
    assert all(one.template == templates[label.split(" / ")[0]] for label, one in sets.items())
    assert all(one.sampling.temperature == 0.0 for one in sets.values())


def test_a_trained_students_name_holds_the_key_of_its_training():
    steps = _steps()
    stage = steps["evaluate/student"].stage("0123456789abcdef")
    assert stage.model == "test/student@01234567"
    assert stage.engine.model == "runs/test/models/student"
    assert (stage.engine.concurrency, stage.engine.max_context) == (7, 99)
    before, after = _sets(steps["evaluate/before"])["before / seen"], stage.sets[0]
    assert (before.template, before.sampling) == (after.template, after.sampling)


def test_a_matched_control_reads_the_tokens_of_its_student():
    students = {"sft": {}, "all": {"data": "all", "match": "sft"}, "few": {"data": "all", "match": "sft"}}
    students["few"]["match_by"] = "problems"
    steps = _steps(students=students)
    assert steps["train/all"].reads == ("export:all", "train/sft")
    assert steps["train/few"].reads == ("export:all",)
    assert steps["train/sft"].reads == ("export:main",)


def test_a_student_that_starts_from_another_reads_its_training():
    steps = _steps(students={"sft": {}, "more": {"start": "sft", "train": {"epochs": 2.0}}})
    assert steps["train/more"].reads == ("export:main", "train/sft")
    assert steps["train/more"].stage.student == "runs/test/models/sft"
    assert steps["train/more"].stage.options.epochs == 2.0


def test_a_pass_rate_band_is_measured_on_the_student_or_a_named_model():
    step = _steps(curate__pass_rate={"enabled": True})["curate/pass_rate"]
    assert (step.stage(None).model, step.stage(None).sets[0].samples) == ("s", 4)
    named = _steps(curate__pass_rate={"enabled": True, "model": "smollm2-135m-instruct"})["curate/pass_rate"]
    assert named.stage(None).model == "smollm2-135m-instruct"


@pytest.mark.parametrize(
    ("enabled", "formats", "student", "rates"),
    [
        (None, [], "s", False),
        (None, ["dpo"], "s", False),
        (None, ["grpo"], "s", True),
        (None, ["grpo"], "", False),
        (False, ["grpo"], "s", False),
        (True, [], "s", True),
    ],
)
def test_rows_for_rl_are_held_to_the_band_by_default(enabled, formats, student, rates):
    changed = {"curate__pass_rate": {"enabled": enabled}, "export__formats": formats, "student__model": student}
    steps = _steps(until="export", **changed)
    assert ("curate/pass_rate" in steps) == rates
    assert ("curate/pass_rate" in steps["curate"].reads) == rates


def test_reference_models_are_asked_once_and_greedily():
    models = ["smollm2-135m-instruct", "qwen2.5-coder-0.5b-instruct"]
    steps = _steps(curate__unsolved_by=models)
    asked = [step for name, step in steps.items() if name.startswith("curate/references/")]
    assert [step.stage(None).engine.model for step in asked] == models
    sets = [step.stage(None).sets[0] for step in asked]
    assert {(one.samples, one.sampling.temperature) for one in sets} == {(1, 0.0)}
    assert len({one.folder for one in sets}) == 2


def _hash(name, *, identity=False, tmp_path, **changed):
    """Return the key or the identity of a step in a fresh folder."""
    steps = _steps(out=str(tmp_path / "run"), **changed)
    driver = Driver(list(steps.values()), tmp_path / "run", name="test")
    step = steps[name]
    return driver._identity(step) if identity else driver._key(step)


@pytest.mark.parametrize(
    ("changed", "stale"),
    [
        ({"teacher__model": "u"}, True),
        ({"teacher__model_id": "u"}, True),
        ({"generate__template": "math-zero-shot"}, True),
        ({"generate__sampling": {"temperature": 0.3}}, True),
        ({"generate__thinking": "low"}, True),
        ({"seed": 1}, True),
        ({"teacher__base_url": "http://127.0.0.1:2/v1"}, False),
        ({"teacher__concurrency": 3}, False),
        ({"generate__samples": 9}, False),
        ({"generate__sampling": {"max_tokens": 9}}, False),
        ({"verify__strict": False}, False),
        ({"curate__keep": "all"}, False),
    ],
)
def test_rollouts_are_stale_when_model_prompt_or_sampling_changed(changed, stale, tmp_path):
    before = _hash("generate", identity=True, tmp_path=tmp_path)
    assert (_hash("generate", identity=True, tmp_path=tmp_path, **changed) != before) is stale


@pytest.mark.parametrize("changed", [{"generate__samples": 9}, {"generate__sampling": {"max_tokens": 9}}])
def test_more_rollouts_are_sampled_when_more_are_wanted(changed, tmp_path):
    assert _hash("generate", tmp_path=tmp_path, **changed) != _hash("generate", tmp_path=tmp_path)


@pytest.mark.parametrize(
    ("changed", "stale"),
    [
        ({"evaluate__template": "math-few-shot"}, True),
        ({"evaluate__strategy": "tir", "evaluate__template": "tir"}, True),
        ({"evaluate__template": "tir", "evaluate__strategy": {"name": "tir", "executions": 2}}, True),
        ({"export__thinking": "before_box"}, True),
        ({"train__epochs": 9.0}, False),
        ({"teacher__base_url": "http://127.0.0.1:2/v1"}, False),
    ],
)
def test_the_dataset_is_stale_when_what_decides_its_rows_changed(changed, stale, tmp_path):
    assert (_hash("export", tmp_path=tmp_path, **changed) != _hash("export", tmp_path=tmp_path)) is stale


@pytest.mark.parametrize(
    "strategies",
    [("cot", "tir"), ({"name": "tir", "executions": 2}, {"name": "tir", "executions": 3})],
)
def test_the_strategy_of_the_student_decides_the_dataset(strategies, tmp_path):
    """Seam fault: with a template named, two strategies ask with different prompts."""
    one, other = (
        _hash("export", tmp_path=tmp_path, evaluate__template="math-zero-shot", evaluate__strategy=strategy)
        for strategy in strategies
    )
    assert one != other


@pytest.mark.parametrize(
    ("changed", "stale"),
    [
        ({"train__epochs": 9.0}, True),
        ({"student__model": "v"}, True),
        ({"seed": 1}, True),
        ({"student__concurrency": 3}, False),
        ({"generate__max_failed_share": 0.5}, False),
    ],
)
def test_a_student_is_trained_anew_when_options_or_student_changed(changed, stale, tmp_path):
    before = _hash("train/student", tmp_path=tmp_path)
    assert (_hash("train/student", tmp_path=tmp_path, **changed) != before) is stale


def test_the_key_of_a_step_does_not_depend_on_the_folder(tmp_path):
    for name in ("generate", "export", "train/student"):
        assert _hash(name, tmp_path=tmp_path / "a") == _hash(name, tmp_path=tmp_path / "b")


def test_held_out_problems_are_read_first_and_training_problems_differ_from_them(tmp_path):
    same = {"source": "procedural", "split": "train", "count": 20}
    steps = _steps(out=str(tmp_path), held_out={"seen": same}, problems=same)
    driver = Driver([steps["problems"]], tmp_path, name="test")
    with driver.writing():
        driver.run()
    sets = {name: load_problems(tmp_path / "problems" / f"{name}.jsonl") for name in ("seen", "train")}
    assert not {p.content_hash for p in sets["seen"]} & {p.content_hash for p in sets["train"]}
    assert driver.context.summary("problems")["problems"] == {"seen": 20, "train": 20}


def test_a_recipes_own_template_is_read_beside_it(tmp_path):
    (tmp_path / "mine.yaml").write_text("user: 'Q: {question}'")
    step = _steps(beside=tmp_path, generate__template="mine.yaml")["generate"]
    assert isinstance(step, SampleStep)
    run = RunContext(folder=Driver([], tmp_path, name="test").folder)
    assert step.identity(run) != _steps()["generate"].identity(run)
