"""A dry run says what a run would do, counts what is there, and writes nothing."""

import re
from pathlib import Path

import pytest

from reasondistill.engines.options import EngineOptions
from reasondistill.problems import write_problems
from reasondistill.problems.source import ProblemSource
from reasondistill.recipe.records import GenerateOptions, Recipe, StudentOptions
from reasondistill.records import Sampling
from reasondistill.run.dry_run import dry_run
from reasondistill.run.plan import Plan
from reasondistill.store import RunFolder, Table, write_atomic


@pytest.fixture
def plan(tmp_path):
    """A plan over 5 training and 3 + 2 held-out problems; its models are served or recorded."""
    recipe = Recipe(
        name="test",
        problems=ProblemSource(count=5),
        held_out={"seen": ProblemSource(split="seen", count=3), "unseen": ProblemSource(split="unseen", count=2)},
        teacher=EngineOptions(model="t", engine="openai"),
        student=EngineOptions(model="s", engine="replay"),
        students={"student": StudentOptions(), "all": StudentOptions(data="all", match="student")},
        generate=GenerateOptions(samples=2, sampling=Sampling(max_tokens=100)),
    )
    return Plan(recipe=recipe, folder=tmp_path / "run", recipe_folder=Path())


def _there(result):
    return {row["set"]: (row["there"], row["wanted"]) for row in result["sample"]}


def test_everything_is_to_do_in_a_fresh_folder(plan):
    result, lines = dry_run(plan)
    assert result["problems"] == {"train": 5, "seen": 3, "unseen": 2}
    assert _there(result) == {
        "teacher / train": (0, 10),
        "teacher / seen": (0, 3),
        "teacher / unseen": (0, 2),
        "before / seen": (0, 3),
        "before / unseen": (0, 2),
        "few-shot / seen": (0, 3),
        "few-shot / unseen": (0, 2),
        "student / seen": (0, 3),
        "student / unseen": (0, 2),
        "all / seen": (0, 3),
        "all / unseen": (0, 2),
    }
    assert [(row["student"], row["there"]) for row in result["train"]] == [("student", False), ("all", False)]
    assert lines[-1] == "nothing was written"
    assert not plan.folder.exists()


def test_the_tokens_of_what_is_missing_are_told(plan):
    train = dry_run(plan)[0]["sample"][0]
    assert train["completion_tokens_at_most"] == 10 * 100
    assert 10 * 100 < train["prompt_tokens_about"] < 10 * 1000
    line = next(line for line in dry_run(plan)[1] if "teacher / train" in line)
    assert re.search(r"0 of 10 rollouts there, 10 to sample with t \(about [\d,]+ prompt and at most 1,000", line)


def test_what_is_there_is_counted(plan, make_rollout):
    for name, found in plan.read_sources(warn=print):
        write_problems(plan.problem_file(name), found)
    train = plan.train_set()
    wanted = list(train.plan("t").wanted())
    with Table(plan.folder / "rollouts", key="id", writable=True) as table:
        for identifier, problem, index in wanted[:7]:
            table.append(make_rollout(problem, index=index, id=identifier).to_row())
    before = sorted(p for p in plan.folder.rglob("*"))
    result, lines = dry_run(plan)
    assert _there(result)["teacher / train"] == (7, 10)
    assert any("7 of 10 rollouts there, 3 to sample" in line for line in lines)
    assert sorted(p for p in plan.folder.rglob("*")) == before


def test_a_trained_students_rollouts_are_found_under_its_fingerprint(plan, make_rollout):
    folder = RunFolder(plan.folder)
    arm = next(plan.arms())
    fingerprint = plan.training_fingerprint(arm, None, "rows")
    steps = {"dataset": {"main": "rows"}, "settings": plan.dataset_fingerprint()}
    write_atomic(plan.model(arm) / "training.json", "{}")
    folder.update_manifest(models={"student": fingerprint}, steps=steps)
    sets = dict(plan.read_sources(warn=print))
    for name, found in sets.items():
        write_problems(plan.problem_file(name), found)
    stage = plan.after(arm, fingerprint)
    with Table(stage.sets[0].folder / "rollouts", key="id", writable=True) as table:
        for identifier, problem, _ in stage.sets[0].plan(stage.model).wanted():
            table.append(make_rollout(problem, id=identifier).to_row())
    result, lines = dry_run(plan)
    assert _there(result)["student / seen"] == (3, 3)
    assert [row["there"] for row in result["train"]] == [True, False]
    assert "train student on correct rollouts: there" in lines


@pytest.mark.parametrize(
    ("until", "steps", "trained"),
    [
        ("problems", set(), 0),
        ("export", {"generate"}, 0),
        ("train", {"generate"}, 2),
        ("report", {"generate", "evaluate before", "evaluate student", "evaluate all"}, 2),
    ],
)
def test_a_run_that_stops_early_needs_less(plan, until, steps, trained, changed):
    result, _ = dry_run(changed(plan, {"recipe.until": until}))
    assert {row["step"] for row in result["sample"]} == steps
    assert len(result["train"]) == trained


def test_a_pass_rate_band_costs_tokens_too(plan, changed):
    result, _ = dry_run(changed(plan, {"recipe.curate.pass_rate.enabled": True}))
    assert _there(result)["reference / train"] == (0, 20)


def test_held_out_problems_that_training_ones_would_repeat_are_planned_as_they_will_be(plan):
    plan.recipe.held_out["seen"] = ProblemSource(split="train", count=3)
    planned = dict(plan.read_sources(warn=print))
    for name, found in planned.items():
        write_problems(plan.problem_file(name), found)
    wanted = [identifier for identifier, _, _ in plan.train_set().plan("t").wanted()]
    assert len(wanted) == len(set(wanted)) == 10
    assert dry_run(plan)[0]["problems"] == {"seen": 3, "unseen": 2, "train": 5}
