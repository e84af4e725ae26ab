"""Progress for people, on standard error: a moving line per stage in a terminal, plain lines elsewhere."""

import sys
import time
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

PLAIN_SECONDS = 15.0
"""Seconds between two plain lines of one stage."""


def say(line: str) -> None:
    """Print one line to standard error."""
    print(line, file=sys.stderr, flush=True)


class StageProgress:
    """Done, total, rate, time left and a note (pass rate, tokens, loss) of one or several stages.

    Use as a context manager; `advance` is cheap enough to be called for every row.
    """

    def __init__(self, *, terminal: bool | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._terminal = sys.stderr.isatty() if terminal is None else terminal
        self._clock = clock
        self._rich: Progress | None = None
        self._lines: dict[str, _PlainLine] = {}
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> Self:
        if self._terminal:
            self._rich = _rich_progress()
            self._rich.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._rich is not None:
            self._rich.stop()
        for line in self._lines.values():
            line.finish()

    def start(self, stage: str, total: int, *, done: int = 0) -> None:
        """Begin a stage; `done` rows are there already and do not count in the rate."""
        if self._rich is not None:
            self._tasks[stage] = self._rich.add_task(stage, total=total, completed=done, note="")
        else:
            self._lines[stage] = _PlainLine(stage, total, done, self._clock)

    def advance(self, stage: str, *, by: int = 1, note: str = "") -> None:
        """Count rows of a stage and show the note."""
        if self._rich is not None:
            self._rich.update(self._tasks[stage], advance=by, note=note)
        else:
            self._lines[stage].advance(by, note)


class _PlainLine:
    def __init__(self, stage: str, total: int, done: int, clock: Callable[[], float]) -> None:
        self._stage, self._total, self._done, self._first, self._clock = stage, total, done, done, clock
        self._began = self._shown = clock()
        self._note = ""
        self._said = False

    def advance(self, by: int, note: str) -> None:
        self._done += by
        self._note = note
        self._said = False
        if self._clock() - self._shown >= PLAIN_SECONDS:
            self._show()

    def finish(self) -> None:
        if not self._said and self._done > self._first:
            self._show()

    def _show(self) -> None:
        now = self._clock()
        rate = (self._done - self._first) / max(1e-9, now - self._began)
        left = (self._total - self._done) / rate if rate > 0 else 0.0
        time_left = f"{int(left) // 60}:{int(left) % 60:02d} left"
        parts = [f"{self._stage}: {self._done}/{self._total}", f"{rate:.2f}/s", time_left, self._note]
        say(", ".join(part for part in parts if part))
        self._shown, self._said = now, True


def _rich_progress() -> "Progress":
    from rich import progress
    from rich.console import Console
    from rich.text import Text

    class Rate(progress.ProgressColumn):
        def render(self, task: progress.Task) -> Text:
            return Text(f"{task.speed:.2f}/s" if task.speed else "")

    head, note = (progress.TextColumn(text, markup=False) for text in ("{task.description}", "{task.fields[note]}"))
    bar, count, left = progress.BarColumn(bar_width=20), progress.MofNCompleteColumn(), progress.TimeRemainingColumn()
    return progress.Progress(head, bar, count, Rate(), left, note, console=Console(stderr=True))
