"""Methods by name, their options and those that they share with the run."""

from dataclasses import dataclass

import pytest

from reasondistill.errors import RecipeError
from reasondistill.records import Row
from reasondistill.store.options import Choice
from reasondistill.training.method import Method
from reasondistill.training.methods import METHODS, method_words, open_method, with_run_options


@pytest.mark.parametrize("name", METHODS)
def test_every_method_opens_with_its_defaults(name: str) -> None:
    method = open_method(Choice(name=name))
    assert isinstance(method, Method)
    assert method.options == type(method).Options()


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        (Choice(name="stf"), r"train.method must be one of sft or your own package.module:Name, got 'stf' \(did you"),
        (Choice(name="sft", options={"loss": "dft"}), r"unknown key train.method.loss \(did you mean"),
        (Choice(name="sft", options={"loss_type": "kl"}), "train.method.loss_type must be one of nll, dft, got 'kl'"),
        (Choice(name="no_such_module:Toy"), "cannot import no_such_module"),
    ],
    ids=["name", "key", "value", "module"],
)
def test_a_mistake_is_named(choice: Choice, message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        open_method(choice)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    verify: Row | None = None
    beta: float = 0.1


class Rewarded(Method):
    Options = Judged


@pytest.mark.parametrize(
    ("options", "expected"),
    [({}, {"verify": {"strict": True}}), ({"verify": {}, "beta": 0.2}, {"verify": {}, "beta": 0.2})],
    ids=["the run's", "its own"],
)
def test_a_method_gets_the_sections_of_the_recipe_that_its_options_name(
    options: Row, expected: Row, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(METHODS, "rewarded", f"{__name__}:Rewarded")
    monkeypatch.setitem(__import__("sys").modules, __name__, __import__("types").SimpleNamespace(Rewarded=Rewarded))
    run: dict[str, Row] = {"verify": {"strict": True}, "teacher": {"model": "m"}}
    assert with_run_options(Choice(name="rewarded", options=options), run).options == expected


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], ["method=sft"]),
        (["packing=true", "max_length=9"], ["method=sft", "method.packing=true", "max_length=9"]),
        (["method.packing=true"], ["method=sft", "method.packing=true"]),
    ],
)
def test_words_of_the_command_line_reach_the_method(words: list[str], expected: list[str]) -> None:
    assert method_words(words) == expected
