"""A format of a dataset: its name, its columns and a pure function that makes the rows.

Each format becomes Parquet shards and a configuration of the card, so that `load_dataset(folder, NAME)` opens it. Every
format holds the problems of the main split and no other: what curation left out does not come back in another shape.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ...errors import RecipeError
from ...records import Row
from ...store.options import load_member
from ..shards import Column, schema_of, write_shards
from . import FORMATS
from .inputs import Material


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """One way to write the rows."""

    name: str
    """Name of its folder and its configuration."""
    rows: Callable[[Material], Iterator[Row]]
    columns: Mapping[str, Column]
    about: str
    """Sentence for the card: everything a reader must know to use it."""
    wrong: bool = False
    """Need of the wrong rollouts."""


ORIGIN: dict[str, Column] = {"rollout_id": "text", "problem_id": "text", "source": "text"}
"""Columns that name a row's origin."""


def load_formats(names: Iterable[str]) -> list[Format]:
    """Return the formats by their names or by your own `package.module:NAME`, each once.

    Raises RecipeError for one that does not exist or repeats another's name.
    """
    formats: dict[str, Format] = {}
    for reference in dict.fromkeys(names):
        each: Format = load_member(reference, FORMATS, "recipe.yaml: export.formats")
        if each.name in formats or not each.name.replace("-", "_").isidentifier():
            raise RecipeError(f"export.formats {reference!r}: its name {each.name!r} is taken or no identifier")
        formats[each.name] = each
    return list(formats.values())


def needs_wrong(formats: Iterable[Format]) -> bool:
    """Return whether one of the formats needs the wrong rollouts."""
    return any(each.wrong for each in formats)


def write_formats(folder: Path, formats: Sequence[Format], material: Material) -> dict[str, int]:
    """Write `folder/NAME/data/train-*.parquet` of each format and return its rows."""
    return {
        each.name: write_shards(
            folder / each.name / "data", schema_of(_columns(each.columns, material)), each.rows(material)
        )
        for each in formats
    }


def _columns(columns: Mapping[str, Column], material: Material) -> dict[str, Column]:
    """Return the columns, without those of tools where no tool was used."""
    if material.tools:
        return {name: "messages_with_calls" if kind == "messages" else kind for name, kind in columns.items()}
    return {name: kind for name, kind in columns.items() if kind != "tools"}
