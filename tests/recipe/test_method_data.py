"""A training method that reads an export format: a recipe without that format is refused before anything runs."""

import pytest

from reasondistill.errors import RecipeError
from reasondistill.recipe.read import check_recipe
from reasondistill.recipe.records import Recipe
from reasondistill.run.build import build_steps
from reasondistill.store.options import read_options

MODULE = """
from dataclasses import dataclass, field
from reasondistill.training.method import Method


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    beta: float = 0.1
    verify: dict = field(default_factory=dict)


class Pairs(Method):
    DATA = "dpo"
    Options = Options
"""
ROW = {
    "teacher": {"model": "t"},
    "student": {"model": "s"},
    "held_out": {"seen": {"source": "procedural", "split": "seen", "count": 3}},
}
PAIRS = {"name": "my_method:Pairs", "beta": 0.2}


@pytest.fixture(autouse=True)
def module(tmp_path, monkeypatch):
    (tmp_path / "my_method.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path)


def _recipe(**changed):
    return read_options(Recipe, {**ROW, **changed})


@pytest.mark.parametrize(
    "changed",
    [
        {"train": {"method": PAIRS}},
        {"students": {"sft": {}, "pairs": {"method": PAIRS}}},
        {"students": {"pairs": {"train": {"method": PAIRS}}}, "export": {"formats": ["kto"]}},
    ],
)
def test_a_method_whose_format_is_not_exported_is_refused_with_the_fix(changed):
    with pytest.raises(
        RecipeError, match=r"my_method:Pairs trains on the format dpo, .*set export.formats=\["
    ) as raised:
        check_recipe(_recipe(**changed), "r.yaml")
    formats = str(raised.value).rpartition("=")[2].strip("[]").split(", ")
    check_recipe(_recipe(**{**changed, "export": {"formats": formats}}), "r.yaml")
    check_recipe(_recipe(**changed, until="curate"), "r.yaml")


def test_a_control_has_no_format():
    students = {"sft": {}, "wrong": {"data": "wrong", "match": "sft", "method": PAIRS}}
    with pytest.raises(RecipeError, match=r"students.wrong.data: .* which the control wrong does not have"):
        check_recipe(_recipe(students=students, export={"formats": ["dpo"]}), "r.yaml")


def test_a_step_trains_with_the_students_own_method_and_the_runs_sections(tmp_path):
    students = {"sft": {}, "pairs": {"train": {"method": PAIRS}}, "strict": {"method": {**PAIRS, "verify": {}}}}
    recipe = _recipe(students=students, verify={"strict": False}, out=str(tmp_path))
    methods = {step.name: step.stage.method for step in build_steps(recipe, tmp_path) if step.name.startswith("train/")}
    assert (methods["train/sft"].name, methods["train/sft"].options) == ("sft", {})
    assert methods["train/pairs"].options["beta"] == 0.2
    assert methods["train/pairs"].options["verify"]["strict"] is False
    assert methods["train/strict"].options["verify"] == {}
