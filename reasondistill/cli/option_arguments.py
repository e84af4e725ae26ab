"""Command-line options from option records: flag, type, choices, range, default and help come from each field.

Only typed options reach the namespace, so the defaults of the record hold and none is written here.
"""

import ast
import inspect
import textwrap
from argparse import SUPPRESS, ArgumentParser, ArgumentTypeError, BooleanOptionalAction, Namespace, _ArgumentGroup
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import MISSING, Field, fields
from itertools import pairwise
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from ..errors import RecipeError
from ..store.options import annotation_parts, read_options

T = TypeVar("T")


def add_options(
    parser: ArgumentParser | _ArgumentGroup,
    record: type,
    *,
    only: Collection[str] = (),
    skip: Collection[str] = (),
    required: Collection[str] = (),
) -> None:
    """Add an option for every field of a record, or for those in `only` and not in `skip`.

    >>> from ..records import Sampling
    >>> parser = ArgumentParser()
    >>> add_options(parser, Sampling, only=("top_p", "max_tokens"))
    >>> read_record(parser.parse_args(["--max-tokens", "8"]), Sampling).max_tokens
    8
    """
    hints, docs = get_type_hints(record, include_extras=True), field_docs(record)
    for one in fields(record):
        if one.name in skip or (only and one.name not in only):
            continue
        settings = _values(one, hints[one.name])
        if one.name in required:
            settings["required"] = True
        repeated = "; may be repeated" if settings.get("action") == "append" else ""
        shown = "" if one.default in (None, MISSING, False, "", ()) else f" (default: {one.default})"
        text = f"{docs.get(one.name, '').removesuffix('.')}{repeated}{shown}".replace("%", "%%")
        destination = _destination(record, one.name)
        parser.add_argument(
            f"--{one.name.replace('_', '-')}", dest=destination, default=SUPPRESS, help=text, **settings
        )


def typed_options(args: Namespace, record: type) -> dict[str, Any]:
    """Return the options of a record that were typed, by field.

    RecipeError names the option of a repeated one that cannot be used; argparse has checked the others.
    """
    hints, typed = get_type_hints(record, include_extras=True), dict[str, Any]()
    for one in fields(record):
        value = getattr(args, _destination(record, one.name), None)
        if isinstance(value, list):
            value = read_options(hints[one.name], tuple(value), where="", key=f"--{one.name.replace('_', '-')}")
        if value is not None:
            typed[one.name] = value
    return typed


def read_record(args: Namespace, record: type[T], **values: Any) -> T:
    """Return the record with the options that were typed and the other `values`, which win."""
    return record(**{**typed_options(args, record), **values})


def _destination(record: type, name: str) -> str:
    """Return where an option is stored; two records may have fields of one name."""
    return f"{record.__name__}.{name}"


def field_docs(record: type) -> dict[str, str]:
    """Return the docstring under each field of a record; empty where the source is not installed."""
    docs: dict[str, str] = {}
    for cls in reversed(record.__mro__[:-1]):
        try:
            [definition] = ast.parse(textwrap.dedent(inspect.getsource(cls))).body
        except (OSError, TypeError):
            continue
        assert isinstance(definition, ast.ClassDef)
        for field, doc in pairwise(definition.body):
            if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and isinstance(doc, ast.Expr):
                docs[field.target.id] = " ".join(str(ast.literal_eval(doc.value)).split())
    return docs


def _values(field: Field[Any], hint: Any) -> dict[str, Any]:
    """Return the arguments of `add_argument` that say which values an option takes."""
    parts = [part for part in get_args(hint) if part is not NoneType]
    if get_origin(hint) in (Union, UnionType):
        hint = Union[tuple(parts)]  # noqa: UP007 - built from a list
    types = [*annotation_parts(hint)]
    if bool in types:
        return {"action": BooleanOptionalAction if field.default else "store_true"}
    metavar = field.name.upper()
    choices = [word for part in types if get_origin(part) is Literal for word in get_args(part)]
    if choices and str in types:  # built-in members or the user's own
        return {"type": _reader(hint, text=True), "metavar": f"{{{','.join(choices)}}}|package.module:Name"}
    if choices:
        return {"choices": choices}
    if any(get_origin(part) is tuple for part in types):
        return {"action": "append", "metavar": metavar}
    return {"type": _reader(hint, text=str in types), "metavar": metavar}


def _reader(hint: Any, *, text: bool) -> Callable[[str], Any]:
    """Return a converter of one word, checked by the annotation."""

    def read(word: str) -> Any:
        value: int | float | str = word
        for kind in () if text else (float, int):
            with suppress(ValueError):
                value = kind(word)
        try:
            return read_options(hint, value, where="", key="value")
        except RecipeError as error:
            raise ArgumentTypeError(str(error).removeprefix("value ")) from None

    return read
