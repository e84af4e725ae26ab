"""The table at the end of a run, for the terminal. It computes nothing and prints text from elsewhere as plain text."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from .data import Count, PageData
from .text import duration, interval, measured, one_line, percent

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text


def print_summary(data: PageData, console: Console, *, page: Path | None = None) -> None:
    """Print accuracies, comparisons, counts and times, then the path of the page on a line of its own.

    >>> from rich.console import Console
    >>> print_summary(PageData(title="A run", summary=["It [b]worked[/b]."]), Console(width=40))
    A run
    It [b]worked[/b].
    """
    from rich.text import Text

    console.print(Text(one_line(data.title), style="bold"))
    for sentence in data.summary:
        console.print(_plain(sentence))
    for table in (_accuracies(data), _counts(data), _times(data)):
        if table.row_count:
            console.print(table)
    for comparison in data.comparisons:
        if comparison.words:
            console.print(_plain(comparison.words))
    if page is not None:
        # Not wrapped: a path broken in two cannot be copied.
        console.print(Text.assemble("report: ", one_line(str(page), 4096)), soft_wrap=True)


def _accuracies(data: PageData) -> Table:
    table = _table("accuracy", "on", ">", "95 % interval>", "n>")
    for bar in data.accuracies:
        e = bar.estimate
        numbers = (percent(e.value), interval(e.low, e.high)) if measured(e) else ("no data", "")
        _add(table, bar.label, bar.group, *numbers, str(e.n))
    return table


def _counts(data: PageData) -> Table:
    table = _table("stage", "kept>", "dropped>", "why dropped")
    for count in data.waterfall:
        _add(table, count.stage, f"{count.kept:,}", f"{count.dropped:,}", _reasons(count))
    return table


def _reasons(count: Count) -> str:
    return ", ".join(f"{reason} {n:,}" for reason, n in count.reasons.items())


def _times(data: PageData) -> Table:
    table = _table("stage", "time>")
    for stage, seconds in data.seconds:
        _add(table, stage, duration(seconds))
    if len(data.seconds) > 1:
        _add(table, "all", duration(sum(seconds for _, seconds in data.seconds)))
    return table


def _table(*columns: str) -> Table:
    """Return an empty table; a name that ends with `>` makes a column of numbers."""
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in columns:
        table.add_column(name.removesuffix(">"), justify="right" if name.endswith(">") else "left")
    return table


def _add(table: Table, *cells: str) -> None:
    table.add_row(*(_plain(cell) for cell in cells))


def _plain(words: str) -> Text:
    from rich.text import Text

    return Text(one_line(words, 500))
