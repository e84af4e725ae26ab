"""Option records at the border: JSON or YAML rows become frozen dataclasses and back, mistakes become one line.

An option record is a frozen, slotted, keyword-only dataclass at its owner with its ranges in the annotations:
`samples: Annotated[int, Ge(1)] = 1`, `keep: Literal["correct", "all"] = "correct"`. pydantic checks and converts here;
a record made in Python is not checked.
"""

import difflib
import importlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, cast, get_args, get_origin, get_type_hints

from ..errors import RecipeError
from ..records import Row
from .secrets import mask_secrets

T = TypeVar("T")

# fmt: off
_TYPES = {
    **dict.fromkeys(("int_parsing", "int_from_float", "int_type"), "a whole number"),
    **dict.fromkeys(("float_parsing", "float_type"), "a number"), "finite_number": "a finite number",
    **dict.fromkeys(("bool_parsing", "bool_type"), "true or false"),
    **dict.fromkeys(("tuple_type", "list_type"), "a list"), "string_type": "text", "path_type": "a path",
    **dict.fromkeys(("dict_type", "dataclass_type"), "a mapping of keys to values"), "none_required": "null",
}
# fmt: on
"""Expected value by pydantic's error type."""
_UNKNOWN_KEY = ("extra_forbidden", "unexpected_keyword_argument", "invalid_key")


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One member of a folder (a strategy, a method, a step) and its options: `NAME` or `{name: NAME, key: value}`.

    >>> read_options(Choice, {"name": "tir", "executions": 4})
    Choice(name='tir', options={'executions': 4})
    """

    name: str
    """Short name, or `package.module:Name` of the user's own member."""
    options: Row = field(default_factory=dict)
    """Row of the member's `Options`; see `read_choice`."""

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: Any, _handler: Any) -> Any:
        from pydantic_core import core_schema

        def read(value: Any) -> Choice:
            if isinstance(value, Choice):
                return value
            name = value.get("name") if isinstance(value, Mapping) else value
            if not (isinstance(name, str) and name):
                raise ValueError(f"must be a name or a mapping with a name, got {_shown(value)}")
            options = {} if value is name else {k: v for k, v in value.items() if k != "name"}
            return Choice(name=name, options=options)

        return core_schema.no_info_plain_validator_function(read)


@dataclass(frozen=True, slots=True, kw_only=True)
class NoOptions:
    """Options of a member that has none."""


@dataclass(frozen=True, slots=True)
class Check:
    """A rule in an annotation, for what no range or choice can say: `Annotated[str, Check(rule)]`."""

    rule: Callable[[Any], None]
    """Raises ValueError with the words that follow the key: "must be an address, got 5"."""

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> Any:
        from pydantic_core import core_schema

        def checked(value: Any) -> Any:
            self.rule(value)
            return value

        return core_schema.no_info_after_validator_function(checked, handler(source))


def check_own_member(name: str) -> None:
    """Raise ValueError for a name that cannot be `package.module:Name`."""
    module, colon, member = name.partition(":")
    if not (colon and member.isidentifier() and all(part.isidentifier() for part in module.split("."))):
        raise ValueError("must be your own package.module:Name")


OwnMember = Annotated[str, Check(check_own_member)]
"""Name of the user's own member of a folder, beside the built-in ones."""


def read_options(cls: type[T], row: Any, where: str = "recipe.yaml", key: str = "") -> T:
    """Return the record that a row of JSON or YAML values describes; fields that the row lacks keep their defaults.

    `where` is the file and `key` the dotted key of the row in it, both for the RecipeError, one line about the first
    mistake: an unknown key, a value of another type, out of range or not among the choices.

    >>> from ..records import Sampling
    >>> read_options(Sampling, {"stop": ["###"]}).stop
    ('###',)
    """
    from pydantic import ValidationError

    try:
        return cast(T, _adapter(cls).validate_python([row])[0])
    except ValidationError as error:
        line = _line(cls, row, error.errors(include_url=False), key)
    raise RecipeError(f"{where}: {line}" if where else line)


def check_keys(cls: type[Any], row: Any, where: str) -> None:
    """Raise RecipeError for the first unknown key of a row whose values are not complete yet."""
    from pydantic import ValidationError

    try:
        _adapter(cls).validate_python([row])
    except ValidationError as error:
        unknown = [e for e in error.errors(include_url=False) if e["type"] in _UNKNOWN_KEY]
        if unknown:
            raise RecipeError(f"{where}: {_line(cls, row, unknown, '')}") from None


def dump_options(value: Any) -> Any:
    """Return a record as plain JSON values, which `read_options` turns into an equal record.

    >>> dump_options({"strategy": Choice(name="tir"), "out": Path("runs")})
    {'strategy': 'tir', 'out': 'runs'}
    """
    if isinstance(value, Choice):
        return {"name": value.name, **dump_options(value.options)} if value.options else value.name
    if is_dataclass(value):
        return {f.name: dump_options(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): dump_options(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [dump_options(inner) for inner in value]
    return str(value) if isinstance(value, Path) else value


def load_member(reference: str, members: Mapping[str, str], kind: str) -> Any:
    """Import a member by its short name, or the user's own by `package.module:Name`.

    `members` maps short names to `package.module:Name`; `kind` begins the RecipeError for one that does not exist:
    "strategy" or "recipe.yaml: generate.strategy".

    >>> load_member("json", {"json": "json:dumps"}, "format").__name__
    'dumps'
    """
    module, colon, name = members.get(reference, reference).partition(":")
    if not (module and colon and name):
        accepted = f"{', '.join(members)} or your own package.module:Name"
        raise RecipeError(f"{kind} must be one of {accepted}, got {reference!r}{did_you_mean(reference, [*members])}")
    try:
        return getattr(importlib.import_module(module), name)
    except AttributeError:
        raise RecipeError(f"{kind} {reference!r}: module {module} has no {name}") from None
    except Exception as error:  # noqa: BLE001 - the user's module may raise anything while it is imported
        said = " ".join(f"{type(error).__name__}: {error}".split())
        raise RecipeError(f"{kind} {reference!r}: cannot import {module} ({said}); is it on PYTHONPATH?") from None


def read_choice(choice: Choice, members: Mapping[str, str], key: str, where: str = "recipe.yaml") -> tuple[Any, Any]:
    """Return the member that a choice names and the record of its `Options`. RecipeError as in `read_options`."""
    member, options = load_member_options(choice.name, members, f"{where}: {key}" if where else key)
    return member, read_options(options, choice.options, where, key)


def load_member_options(reference: str, members: Mapping[str, str], kind: str) -> tuple[Any, type]:
    """Import a member as `load_member` does and return it with its record `Options`. RecipeError if it has none."""
    member = load_member(reference, members, kind)
    options = getattr(member, "Options", None)
    if not (isinstance(options, type) and is_dataclass(options)):
        raise RecipeError(f"{kind} {reference!r}: has no dataclass `Options`, which states the options that it takes")
    return member, options


def did_you_mean(word: str, known: Sequence[str], prefix: str = "") -> str:
    """Return the known word nearest to a mistaken one as a hint, or nothing.

    >>> did_you_mean("smples", ["samples", "seed"])
    ' (did you mean samples?)'
    """
    close = difflib.get_close_matches(word, known, n=1)
    return f" (did you mean {prefix}{close[0]}?)" if close else ""


def nearest_key(key: str, known: Sequence[str], prefix: str = "") -> str:
    """Return the known key nearest to an unknown one as a hint, else the list of all."""
    return did_you_mean(key, known, prefix) or (f" (known here: {', '.join(known)})" if known else "")


def _new_adapter(cls: Any) -> Any:
    """Validator of one-element lists: pydantic takes a configuration for a list of dataclasses, not for the class."""
    from pydantic import ConfigDict, TypeAdapter

    return TypeAdapter(list[cls], config=ConfigDict(extra="forbid", coerce_numbers_to_str=True, allow_inf_nan=False))


_adapter: Callable[[Any], Any] = cache(_new_adapter)


def _line(cls: Any, row: Any, errors: Sequence[Mapping[str, Any]], prefix: str) -> str:
    """Say the first mistake; unknown keys come first, since a misspelt key may be the cause of the others."""
    first = next((e for e in errors if e["type"] in _UNKNOWN_KEY), errors[0])
    keys, hint, names = _walk(cls, row, first["loc"][1:])
    known_prefix = ".".join(filter(None, [prefix, *keys[:-1]]))
    key = ".".join(filter(None, [prefix, *keys])) or "the file"
    if first["type"] in _UNKNOWN_KEY:
        return f"unknown key {key}{nearest_key(keys[-1], names, f'{known_prefix}.' if known_prefix else '')}"
    if first["type"] == "missing":
        return f"{key} is missing"
    if isinstance(cause := (first.get("ctx") or {}).get("error"), RecipeError):
        return str(cause)  # a record's own check names the fields itself
    if isinstance(cause, ValueError):
        return f"{key} {cause}"
    same = [e for e in errors if _walk(cls, row, e["loc"][1:])[0] == keys]
    if any(e["type"] in ("string_too_short", "too_short") for e in same):
        return f"{key} is empty; give it a value"
    rules = " or ".join(dict.fromkeys(_rule(e, hint) for e in same))
    value = first["input"]
    is_word = isinstance(value, str) and any(e["type"] == "literal_error" for e in same)
    close = did_you_mean(value, _literals(hint)) if is_word else ""
    return f"{key} must be {rules}, got {_shown(value)}{close}"


def _rule(error: Mapping[str, Any], hint: Any) -> str:
    kind, context = error["type"], error.get("ctx") or {}
    if kind == "literal_error":
        words = _literals(hint)
        return f"one of {', '.join(words)}" if len(words) > 1 else words[0]
    if kind.startswith(("greater_than", "less_than")):
        bounds: dict[str, Any] = {}
        for metadata in (m for part in annotation_parts(hint) for m in getattr(part, "__metadata__", ())):
            bounds |= {b: getattr(metadata, b) for b in ("ge", "gt", "le", "lt") if hasattr(metadata, b)}
        return _range({b: v for b, v in bounds.items() if v is not None} or context)
    return _TYPES.get(kind, str(error["msg"]))


def _range(bounds: Mapping[str, Any]) -> str:
    """Say a range in words.

    >>> _range({"ge": 0, "le": 1}), _range({"gt": 0}), _range({"ge": 0, "lt": 1})
    ('between 0 and 1', 'above 0', 'at least 0 and below 1')
    """
    if bounds.keys() in ({"ge", "le"}, {"gt", "lt"}):
        low, high = sorted(bounds.values())
        return f"between {low} and {high}"
    words = {"ge": "at least", "gt": "above", "le": "at most", "lt": "below"}
    return " and ".join(f"{word} {bounds[name]}" for name, word in words.items() if name in bounds)


def _walk(cls: Any, row: Any, location: Sequence[Any]) -> tuple[list[str], Any, list[str]]:
    """Follow an error's location; return its keys, the annotation of the last one and the keys of its record.

    pydantic's locations also hold positions in lists and members of unions, which are not keys.
    """
    keys: list[str] = []
    hint, names, node = cls, list[str](), row
    for part in location:
        if isinstance(node, list | tuple) and isinstance(part, int):
            node = node[part] if part < len(node) else None
            continue
        record = next((h for h in annotation_parts(hint) if is_dataclass(h)), None)
        names = [f.name for f in fields(record)] if record else []
        inside = node if isinstance(node, Mapping) else {}
        if part not in names and str(part) not in map(str, inside):
            continue
        keys.append(str(part))
        node = inside.get(part)
        mapping = next((h for h in annotation_parts(hint) if get_origin(h) is dict), dict[str, Any])
        hint = get_type_hints(record, include_extras=True).get(part, Any) if record else get_args(mapping)[1]
    return keys, hint, names


def annotation_parts(hint: Any) -> Iterator[Any]:
    """Yield an annotation and those inside it, but for the values of mappings."""
    yield hint
    if get_origin(hint) not in (dict, Literal):
        for inner in get_args(hint):
            yield from annotation_parts(inner)


def _literals(hint: Any) -> list[str]:
    return [str(word) for part in annotation_parts(hint) if get_origin(part) is Literal for word in get_args(part)]


def _shown(value: Any) -> str:
    """Return a value as a recipe writes it, without secrets and not too long."""
    if value is None or isinstance(value, bool):
        return "null" if value is None else str(value).lower()
    text = repr(mask_secrets(value))
    return text if len(text) <= 80 else f"{text[:77]}..."
