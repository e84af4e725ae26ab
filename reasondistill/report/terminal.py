"""The table at the end of a run, for the terminal. It computes nothing and prints text from elsewhere as plain text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from .data import Bar, PageData
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
    stages = [
        (
            count.stage,
            f"{count.kept:,}",
            f"{count.dropped:,}",
            ", ".join(f"{r} {n:,}" for r, n in count.reasons.items()),
        )
        for count in data.waterfall
    ]
    times = [(stage, duration(seconds)) for stage, seconds in data.seconds]
    if len(times) > 1:
        times.append(("all", duration(sum(seconds for _, seconds in data.seconds))))
    for columns, rows in (
        (("accuracy", "on", ">", "95 % interval>", "n>"), [_accuracy(bar) for bar in data.accuracies]),
        (("stage", "kept>", "dropped>", "why dropped"), stages),
        (("stage", "time>"), times),
    ):
        if rows:
            console.print(_table(columns, rows))
    for comparison in data.comparisons:
        if comparison.words:
            console.print(_plain(comparison.words))
    if page is not None:
        # Not wrapped: a path broken in two cannot be copied.
        console.print(Text.assemble("report: ", one_line(str(page), 4096)), soft_wrap=True)


def _accuracy(bar: Bar) -> tuple[str, ...]:
    e = bar.estimate
    numbers = (percent(e.value), interval(e.low, e.high)) if measured(e) else ("no data", "")
    return bar.label, bar.group, *numbers, str(e.n)


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> Table:
    """Return a table; a name that ends with `>` makes a column of numbers."""
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in columns:
        table.add_column(name.removesuffix(">"), justify="right" if name.endswith(">") else "left")
    for row in rows:
        table.add_row(*(_plain(cell) for cell in row))
    return table


def _plain(words: str) -> Text:
    from rich.text import Text

    return Text(one_line(words, 500))
