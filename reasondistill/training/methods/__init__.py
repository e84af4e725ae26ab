"""The training methods by name. A method is one file here, or the user's own `package.module:Name`."""

from collections.abc import Mapping
from dataclasses import fields, replace

from ...records import Row
from ...store.options import Choice, load_member, read_choice
from ..method import Method

__all__ = ["METHODS", "open_method", "with_run_options"]

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
