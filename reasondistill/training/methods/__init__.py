"""The training methods by name. A method is one file here, or the user's own `package.module:Name`."""

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace

from ...records import Row
from ...store.options import Choice, load_member, read_choice
from ..method import Method
from ..options import TrainOptions

__all__ = ["METHODS", "method_words", "open_method", "with_run_options"]

METHODS: dict[str, str] = {
    "sft": "reasondistill.training.methods.sft:Sft",
}


def open_method(choice: Choice, *, key: str = "train.method", where: str = "") -> Method:
    """Return the method with its options. RecipeError names the key in the file `where`.

    >>> open_method(Choice(name="sft", options={"loss_type": "dft"})).options.loss_type
    'dft'
    """
    member, options = read_choice(choice, METHODS, key, where)
    method: Method = member(options)
    return method


def with_run_options(choice: Choice, run: Mapping[str, Row], *, key: str = "train.method", where: str = "") -> Choice:
    """Fill in the options that a method shares with the run.

    A method whose `Options` has a field named like a section of the recipe, such as `verify` or `teacher`, gets that
    section (`run` holds it as JSON) unless its own options name it.
    """
    member = load_member(choice.name, METHODS, f"{where}: {key}" if where else key)
    shared = {f.name: run[f.name] for f in fields(member.Options) if f.name in run}
    return replace(choice, options={**shared, **choice.options})


def method_words(words: Sequence[str]) -> list[str]:
    """Return `key=value` words of the command line with the options of the method below `method`.

    >>> method_words(["method=sft", "loss_type=dft", "epochs=2"])
    ['method=sft', 'method.loss_type=dft', 'epochs=2']
    """
    name = next((word.partition("=")[2] for word in reversed(words) if word.startswith("method=")), "sft")
    options = fields(load_member(name, METHODS, "method").Options)
    own = {f.name for f in options} - {f.name for f in fields(TrainOptions)}
    others = [word for word in words if not word.startswith("method=")]
    return [f"method={name}", *(f"method.{word}" if word.partition("=")[0] in own else word for word in others)]
