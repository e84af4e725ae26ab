"""Read recipes: a YAML file and `key=value` words become option records. Words win over the file."""

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, TypeVar

from ..errors import RecipeError
from ..export.formats import FORMATS
from ..export.formats.table import load_formats
from ..generation.decoding import DECODINGS
from ..generation.strategies import STRATEGIES
from ..records import Row
from ..store import mask_secrets
from ..store.options import Choice, check_keys, did_you_mean, dump_options, nearest_key, read_choice, read_options
from ..training.methods import open_method
from ..training.options import TrainOptions
from ..training.rows import MAIN
from .records import STEPS, EvaluateOptions, GenerateOptions, Recipe

T = TypeVar("T")

RESERVED = ("teacher", "before", "reference")
"""Names of models that a run evaluates besides its students."""


def load_recipe(path: Path, overrides: Sequence[str] = ()) -> Recipe:
    """Read a recipe file and apply `key=value` overrides.

    Raises RecipeError, one line that names the file, the key and the way out.
    """
    recipe = read_yaml(path, overrides, Recipe)
    check_recipe(recipe, str(path))
    return recipe


def read_yaml(path: Path, overrides: Sequence[str], kind: type[T]) -> T:
    """Read a YAML file and `key=value` overrides into a record. Raises RecipeError as `load_recipe` does."""
    row = _yaml_file(path)
    check_keys(kind, row, str(path))
    defaults = _defaults(kind())
    merged = _merged(defaults, row)
    for override in overrides:
        nested = _nested(override, "an override", "generate.samples=2")
        check_keys(kind, nested, mask_secrets(override))
        merged = _merged(_unset(merged, defaults, override.partition("=")[0].split(".")), nested)
    return read_options(kind, merged, str(path))


def read_words(kind: type[T], words: Sequence[str], key: str, example: str) -> T:
    """Read `key=value` words of the command line into a record; `key` names the record in a RecipeError.

    >>> from ..training.options import TrainOptions
    >>> read_words(TrainOptions, ["epochs=2", "mode=lora"], "train", "epochs=2").epochs
    2.0
    """
    names = [f.name for f in fields(kind)]  # type: ignore[arg-type]
    row: Row = {}
    for word in words:
        name, equals, _ = word.partition("=")
        if equals and name.partition(".")[0] not in names:
            raise RecipeError(f"{word}: unknown option {name}{nearest_key(name, names)}")
        row = _merged(row, _nested(word, "an option", example))
    return read_options(kind, row, "", key)


def check_recipe(recipe: Recipe, where: str) -> None:
    """Raise RecipeError for values that do not fit together or that name something unknown."""
    budget = recipe.generate.budget
    if budget.max_cost is not None and not (budget.prompt_price > 0 or budget.completion_price > 0):
        raise RecipeError(f"{where}: generate.budget.max_cost needs prompt_price and completion_price")
    trains = STEPS.index(recipe.until) >= STEPS.index("train")
    imports = bool(recipe.generate.rollouts)
    if imports and recipe.teacher.model:
        line = "generate.rollouts replaces the teacher; leave out teacher.model or generate.rollouts"
        raise RecipeError(f"{where}: {line}")
    for key, model in {"teacher.model": recipe.teacher.model, "student.model": recipe.student.model}.items():
        if not model and (trains or key == "teacher.model") and not (imports and key == "teacher.model"):
            raise RecipeError(f"{where}: {key} is missing; name a model, for instance {key}=smollm2-135m-instruct")
    if trains and not recipe.held_out:
        raise RecipeError(f"{where}: held_out names no evaluation set; add one under held_out.seen")
    for name in recipe.held_out:
        if not name.isidentifier() or name == "train":
            raise RecipeError(
                f"{where}: held_out.{name}: a set's name may hold letters, digits and underscores only, "
                "and train names the training problems"
            )
    asked: dict[str, GenerateOptions | EvaluateOptions] = {"generate": recipe.generate, "evaluate": recipe.evaluate}
    for key, part in asked.items():
        if part.sampling.seed:
            raise RecipeError(f"{where}: {key}.sampling.seed is the recipe's seed; set `seed` instead")
        read_choice(part.strategy, STRATEGIES, f"{key}.strategy", where)
        read_choice(part.decoding, DECODINGS, f"{key}.decoding", where)
    for name in recipe.export.formats:
        if name not in FORMATS and ":" not in name:
            accepted = f"must be one of {', '.join(FORMATS)}, got {name!r}{did_you_mean(name, [*FORMATS])}"
            raise RecipeError(f"{where}: export.formats {accepted}")
    open_method(recipe.train.method, where=where)
    _check_students(recipe, where)


def _check_students(recipe: Recipe, where: str) -> None:
    earlier: list[str] = []
    for name, student in recipe.students.items():
        key = f"students.{name}"
        if not name.isidentifier() or name in RESERVED:
            raise RecipeError(
                f"{where}: {key}: a student's name may hold letters, digits and underscores only, "
                f"and {', '.join(RESERVED)} name other models"
            )
        for field, other in {"match": student.match, "start": student.start}.items():
            if other is not None and other not in earlier:
                known = f"; before it: {', '.join(earlier)}" if earlier else ", and this one is the first"
                raise RecipeError(f"{where}: {key}.{field} must name a student before it, got {other!r}{known}")
        train = read_options(TrainOptions, _merged(dump_options(recipe.train), student.train), where, f"{key}.train")
        method = open_method(train.method, key=f"{key}.train.method", where=where)
        if student.method:
            method = open_method(student.method, key=f"{key}.method", where=where)
        if STEPS.index(recipe.until) >= STEPS.index("train") and method.DATA != MAIN:
            chosen = (student.method or train.method).name
            if student.data is not None:
                raise RecipeError(
                    f"{where}: {key}.data: {chosen} trains on the format {method.DATA}, which the control "
                    f"{student.data} does not have; leave data out"
                )
            if method.DATA not in [one.name for one in load_formats(recipe.export.formats)]:
                formats = ", ".join([*recipe.export.formats, method.DATA])
                raise RecipeError(
                    f"{where}: {key}: {chosen} trains on the format {method.DATA}, which export does not write; "
                    f"set export.formats=[{formats}]"
                )
        earlier.append(name)
    if not earlier:
        raise RecipeError(f"{where}: students is empty; leave it out for one student as `train` says")


def _yaml_file(path: Path) -> Any:
    """Read a YAML file; refuse duplicate keys, of which YAML libraries silently keep the last."""
    import yaml

    class Loader(yaml.SafeLoader):
        def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> Any:
            keys = [key.value for key, _ in node.value]
            if double := next((key for key in keys if keys.count(key) > 1), None):
                raise yaml.constructor.ConstructorError(None, None, f"duplicate key {double}", node.start_mark)
            return super().construct_mapping(node, deep)

    if not path.is_file():
        others = sorted(p.name for p in path.parent.glob("*.yaml")) if path.parent.is_dir() else []
        close = difflib.get_close_matches(path.name, others, n=1)
        listed = f"; its folder holds {', '.join(others[:5])}" if others else ""
        hint = f" (did you mean {path.parent / close[0]}?)" if close else listed
        raise RecipeError(f"{path}: no such recipe file{hint}")
    try:
        return yaml.load(path.read_text(encoding="utf-8"), Loader) or {}
    except OSError as error:
        raise RecipeError(f"{path}: cannot be read ({error.strerror})") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise RecipeError(f"{path}: not YAML ({' '.join(str(error).split())})") from None


def _nested(word: str, what: str, example: str) -> Row:
    """Return a `key=value` word as nested mappings."""
    import yaml

    key, equals, text = word.partition("=")
    if not equals or not key:
        raise RecipeError(f"{word}: {what} is written key=value, for instance {example}")
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError:
        line = "the value is not YAML; put quotes around text that looks like a list or a map"
        raise RecipeError(f"{word}: {line}") from None
    for part in reversed(key.split(".")):
        value = {part: value}
    return dict(value)


def _defaults(record: Any) -> Row:
    """Return a record's values without its open mappings, such as `students`, which a file replaces as a whole."""
    values = {f.name: getattr(record, f.name) for f in fields(record)}
    nested = {name: is_dataclass(value) and not isinstance(value, Choice) for name, value in values.items()}
    return {
        name: _defaults(value) if nested[name] else dump_options(value)
        for name, value in values.items()
        if not isinstance(value, dict)
    }


def _merged(base: Any, changed: Any) -> Any:
    """Return nested mappings with the changes in them.

    An empty section changes nothing. Options that change a bare name, such as a strategy's, keep that name.

    >>> _merged({"a": {"b": 1, "c": 2}, "d": "tir", "e": {"f": 1}}, {"a": {"b": 3}, "d": {"executions": 4}, "e": None})
    {'a': {'b': 3, 'c': 2}, 'd': {'name': 'tir', 'executions': 4}, 'e': {'f': 1}}
    """
    if isinstance(base, str) and isinstance(changed, Mapping):
        return {"name": base, **changed}
    if not isinstance(base, Mapping) or not isinstance(changed, Mapping):
        return base if isinstance(base, Mapping) and changed is None else changed
    return {**base, **{key: _merged(base.get(key), value) for key, value in changed.items()}}


def _unset(row: Row, defaults: Any, keys: Sequence[str]) -> Row:
    """Return a row without the value that an override is about to set, unless that is a section, which is merged.

    >>> _unset({"students": {"a": {}}, "train": {"epochs": 2}}, {"train": {"epochs": 1}}, ["students"])
    {'students': None, 'train': {'epochs': 2}}
    """
    first, *rest = keys
    default = defaults.get(first) if isinstance(defaults, Mapping) else None
    value = row.get(first)
    if rest:
        return {**row, first: _unset(dict(value), default, rest)} if isinstance(value, Mapping) else row
    return row if isinstance(default, Mapping) else {**row, first: None}
