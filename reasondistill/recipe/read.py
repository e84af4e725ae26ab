"""Reading recipes: YAML files and `key=value` words, into the records of `recipe`.

Unknown keys are refused with the nearest known one. Values on the command line win over the file.
"""

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, TypeVar

from ..errors import RecipeError
from ..generation.decoding.forcing_options import ForcingOptions
from ..generation.strategies.tir.options import TirOptions
from ..problems.source import ProblemSource
from ..store.options import read_options
from ..training.methods import method_words
from ..training.options import TrainCommandOptions
from .check import check_recipe, nearest
from .records import Recipe

T = TypeVar("T")


def load_recipe(path: Path, overrides: Sequence[str] = ()) -> Recipe:
    """Read a recipe file, apply `key=value` overrides, check it.

    Raises RecipeError naming the file, the key, and what to write instead.
    """
    recipe = read_structured(path, overrides, Recipe)
    check_recipe(recipe, str(path))
    return recipe


def read_structured(path: Path, overrides: Sequence[str], kind: type[T]) -> T:
    """Read a YAML file into a dataclass of defaults, with `key=value` overrides. Raises RecipeError as load_recipe."""
    import yaml
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    if not path.is_file():
        raise RecipeError(f"{path}: no such recipe file{_similar_files(path)}")
    try:
        text = path.read_text(encoding="utf-8")
        _refuse_environment(str(path), (text, *overrides))
        _check_keys(str(path), yaml.safe_load(text), kind())
        given = OmegaConf.load(path)
        for override in overrides:
            _check_override(override, kind())
        merged = OmegaConf.merge(OmegaConf.structured(kind), given, OmegaConf.from_dotlist(list(overrides)))
        recipe = _to_records(merged, path)
    except OmegaConfBaseException as error:
        key = getattr(error, "full_key", None)
        raise RecipeError(f"{path}: {f'{key}: ' if key else ''}{str(error).splitlines()[0]}") from None
    except OSError as error:
        raise RecipeError(f"{path}: cannot be read ({error.strerror})") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise RecipeError(f"{path}: not YAML ({' '.join(str(error).split())})") from None
    assert isinstance(recipe, kind)
    return recipe


def _to_records(merged: Any, path: Path) -> Any:
    """Make the records; those that check their own values name the key, and here the file is put before it."""
    from omegaconf import OmegaConf

    try:
        return OmegaConf.to_object(merged)
    except RecipeError as error:
        raise RecipeError(f"{path}: {error}") from None


def parse_options(words: Sequence[str]) -> TrainCommandOptions:
    """Read the `key=value` words of `train`. RecipeError for an unknown key or a value that cannot be used.

    >>> parse_options(["epochs=2", "mode=lora"]).epochs
    2.0
    """
    names = [f.name for f in fields(TrainCommandOptions)]
    row: dict[str, Any] = {}
    for word in method_words(words):
        key, equals, _ = word.partition("=")
        if not equals:
            raise RecipeError(f"{word}: an option is written key=value, for instance epochs=2")
        if key.startswith("method."):
            row["method"] = {"name": row["method"]} if isinstance(row["method"], str) else row["method"]
            row["method"][key.removeprefix("method.")] = _yaml_value(word)
            continue
        if key not in names:
            raise RecipeError(f"{word}: unknown option {key}{nearest(key, names)}")
        row[key] = _yaml_value(word)
    return read_options(TrainCommandOptions, row, "", "train")


def parse_tir(pairs: Sequence[str]) -> TirOptions:
    """Read the `key=value` words of `--tir`. RecipeError for an unknown key or a value that cannot be used.

    >>> parse_tir(["executions=4"]).executions
    4
    """
    options = _from_words(TirOptions, pairs, "tir", "executions=4")
    assert isinstance(options, TirOptions)
    return options


def parse_forcing(pairs: Sequence[str]) -> ForcingOptions:
    """Read the `key=value` words of `--forcing`. RecipeError for an unknown key or a value that cannot be used.

    >>> parse_forcing(["waits=2"]).waits
    2
    """
    options = _from_words(ForcingOptions, pairs, "forcing", "waits=2")
    assert isinstance(options, ForcingOptions)
    return options


def _from_words(kind: type, pairs: Sequence[str], where: str, example: str) -> Any:
    """Read `key=value` words into a dataclass."""
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    names = [f.name for f in fields(kind)]
    for pair in pairs:
        key, equals, _ = pair.partition("=")
        if not equals:
            raise RecipeError(f"{pair}: an option is written key=value, for instance {example}")
        if key not in names:
            raise RecipeError(f"{pair}: unknown option {key}{nearest(key, names)}")
        _yaml_value(pair)
    try:
        merged = OmegaConf.merge(OmegaConf.structured(kind), OmegaConf.from_dotlist(list(pairs)))
        return OmegaConf.to_object(merged)
    except OmegaConfBaseException as error:
        raise RecipeError(f"{where}.{getattr(error, 'full_key', '')}: {str(error).splitlines()[0]}") from None


def _check_keys(where: str, given: Any, known: Any, prefix: str = "") -> None:
    """Raise RecipeError for the first key that no field has."""
    if given is None:
        return
    if not isinstance(given, Mapping):
        raise RecipeError(f"{where}: {prefix.rstrip('.') or 'the file'} must be a mapping of keys to values")
    names = [f.name for f in fields(known)]
    for key, value in given.items():
        if key not in names:
            raise RecipeError(f"{where}: unknown key {prefix}{key}{nearest(str(key), names, prefix)}")
        inner = getattr(known, key)
        if is_dataclass(inner):
            _check_keys(where, value, inner, f"{prefix}{key}.")
        elif key == "held_out" and value is not None:
            if not isinstance(value, Mapping):
                raise RecipeError(f"{where}: held_out must be a mapping of set names to sources")
            for name, source in value.items():
                _check_keys(where, source, ProblemSource(), f"held_out.{name}.")


def _refuse_environment(where: str, texts: Iterable[str]) -> None:
    """Refuse OmegaConf's `oc.env`: what it reads would be written into the run folder, a secret among it."""
    if any("oc.env" in text for text in texts):
        raise RecipeError(
            f"{where}: `oc.env` is not allowed in a recipe; keys are read from the environment by themselves"
        )


def _check_override(override: str, recipe: Any) -> None:
    key, equals, _ = override.partition("=")
    if not equals or not key:
        raise RecipeError(f"{override}: an override is written key=value, for instance generate.samples=2")
    value = _yaml_value(override)
    known = recipe
    path = key.split(".")
    for depth, part in enumerate(path):
        names = [f.name for f in fields(known)] if is_dataclass(known) else []
        if part not in names:
            raise RecipeError(f"{override}: unknown key {key}{nearest(part, names, '.'.join([*path[:depth], '']))}")
        known = getattr(known, part)
        if part == "held_out":
            nested: Any = value
            for inner in reversed(path):
                nested = {inner: nested}
            _check_keys(override, nested, recipe)
            return
    if is_dataclass(known):
        _check_keys(override, value, known, f"{key}.")


def _yaml_value(pair: str) -> Any:
    import yaml

    try:
        return yaml.safe_load(pair.partition("=")[2])
    except yaml.YAMLError:
        raise RecipeError(
            f"{pair}: the value is not YAML; put quotes around text that looks like a list or a map"
        ) from None


def _similar_files(path: Path) -> str:
    beside = sorted(p.name for p in path.parent.glob("*.yaml")) if path.parent.is_dir() else []
    close = difflib.get_close_matches(path.name, beside, n=1)
    if close:
        return f" (did you mean {path.parent / close[0]}?)"
    return f"; beside it: {', '.join(beside[:5])}" if beside else ""
