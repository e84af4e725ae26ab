"""The record of one layout."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from ...records import Row


def same_row(row: Row) -> Row:
    """Return the row itself."""
    return row


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """How the rows of one kind of file are read."""

    name: str
    knows: Callable[[Row], bool]
    """Whether a row has this layout."""
    spread: Callable[[Row], Iterable[Row]]
    """The row's completions, each a row with names of `rows.keys`. Raises RowError."""
    problem: Callable[[Row], Row] = same_row
    """The row's problem, with names of `rows.keys`."""
    repeats: str | None = None
    """Key by which several rows hold the same completions; only rows with its first value count."""
