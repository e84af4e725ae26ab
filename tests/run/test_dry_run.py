"""A dry run says what a run would do, counts what is stored, and writes nothing."""

import re
from pathlib import Path

import pytest

from reasondistill.recipe.records import Recipe
from reasondistill.run.recipe_run import RecipeRun
from reasondistill.store import Table
from reasondistill.store.options import read_options

ROW = {
    "name": "test",
    "problems": {"count": 5},
    "held_out": {"seen": {"split": "seen", "count": 3}, "unseen": {"split": "unseen", "count": 2}},
    "teacher": {"model": "t", "engine": "openai"},
    "student": {"model": "s", "engine": "replay"},
    "students": {"student": {}, "all": {"data": "all", "match": "student"}},
    "generate": {"samples": 2, "sampling": {"max_tokens": 100}},
}


@pytest.fixture
def planned(tmp_path):
    """Return the run of the recipe with some blocks changed."""

    def planned(**changed):
        recipe = read_options(Recipe, {**ROW, "out": str(tmp_path / "run"), **changed})
        return RecipeRun(recipe, recipe_folder=Path())

    return planned


def _parts(result):
    return {
        part["set"]: (part["stored"], part["wanted"])
        for row in result["steps"]
        for part in row["parts"]
        if "set" in part
    }


def _step(result, name):
    return next(row for row in result["steps"] if row["name"] == name)


def test_everything_is_to_do_in_a_fresh_folder(planned):
    run = planned()
    result, lines = run.dry_run()
    assert _step(result, "problems")["parts"] == [{"seen": 3, "unseen": 2, "train": 5}]
    assert _parts(result) == {
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
    assert not any(row["current"] for row in result["steps"])
    assert lines[-1] == "nothing was written"
    assert not run.path.exists()


def test_the_tokens_of_missing_rollouts_are_told(planned):
    result, lines = planned().dry_run()
    train = _step(result, "generate")["parts"][0]
    assert train["completion_tokens_at_most"] == 10 * 100
    assert 10 * 100 < train["prompt_tokens_about"] < 10 * 1000
    line = next(line for line in lines if "teacher / train" in line)
    assert re.search(r"0 of 10 rollouts stored, 10 to sample with t \(about [\d,]+ prompt and at most 1,000", line)


def test_stored_rollouts_are_counted(planned, make_rollout):
    run = planned()
    driver = run.driver
    with driver.writing():
        driver.run({"problems"})
    train = driver.steps[1].stage(None).sets[0]
    with Table(run.path / "rollouts", key="id", writable=True) as table:
        for identifier, problem, index in list(train.plan("t").wanted())[:7]:
            table.append(make_rollout(problem, index=index, id=identifier).to_row())
    before = sorted(run.path.rglob("*"))
    result, lines = planned().dry_run()
    assert _parts(result)["teacher / train"] == (7, 10)
    assert any("7 of 10 rollouts stored, 3 to sample" in line for line in lines)
    assert sorted(run.path.rglob("*")) == before


@pytest.mark.parametrize(
    ("until", "sampled", "trained"),
    [
        ("problems", set(), 0),
        ("export", {"generate"}, 0),
        ("train", {"generate"}, 2),
        ("report", {"generate", "evaluate/before", "evaluate/student", "evaluate/all"}, 2),
    ],
)
def test_a_run_that_stops_early_needs_less(planned, until, sampled, trained):
    result, _ = planned(until=until).dry_run()
    assert {row["name"] for row in result["steps"] if any("set" in part for part in row["parts"])} == sampled
    assert sum(row["name"].startswith("train/") for row in result["steps"]) == trained


def test_a_pass_rate_band_costs_tokens_too(planned):
    result, _ = planned(curate={"pass_rate": {"enabled": True}}).dry_run()
    assert _parts(result)["reference / train"] == (0, 20)


def test_a_stale_student_is_never_called_current(planned):
    """What decides the prompts decides the student: a strategy with the same template too."""
    run = planned(until="problems")
    run.run()
    result, _ = planned(evaluate={"template": "tir", "strategy": "tir"}).dry_run()
    assert not _step(result, "train/student")["current"]
    assert _step(result, "problems")["current"]
