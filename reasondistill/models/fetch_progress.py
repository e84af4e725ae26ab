"""Show a fetch on stderr: a bar where it is a terminal, a line per step elsewhere."""

import contextlib
import sys
from collections.abc import Iterator
from typing import TextIO

from .wheels import Progress


@contextlib.contextmanager
def fetch_progress(stream: TextIO | None = None) -> Iterator[Progress]:
    """Give the callback that `fetch` takes. Nothing is shown until its first call.

    >>> with fetch_progress(sys.stdout) as progress:
    ...     progress(50_000_000, 100_000_000, "smollm2: part 1")
    fetch: smollm2: part 1 (50 of 100 MB)
    """
    stream = stream or sys.stderr
    if stream.isatty():
        with _bar(stream) as progress:
            yield progress
    else:
        yield lambda done, total, what: print(
            f"fetch: {what} ({done / 1e6:.0f} of {total / 1e6:.0f} MB)", file=stream, flush=True
        )


@contextlib.contextmanager
def _bar(stream: TextIO) -> Iterator[Progress]:
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import BarColumn, DownloadColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(file=stream)) as bars:
        task = bars.add_task("", total=None, visible=False)
        yield lambda done, total, what: bars.update(
            task, completed=done, total=total, description=escape(what), visible=True
        )
