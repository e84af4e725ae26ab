"""Problem files: any file, folder or hub dataset in, JSON Lines out."""

import json
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from ..errors import RecipeError, StoreError
from ..records import Kind, Problem
from .files import read_raw
from .problem import RowRules, each_problem


def warn_on_stderr(line: str) -> None:
    """Print one warning line to standard error."""
    print(f"warning: {line}", file=sys.stderr)


def load_problems(
    path: str | Path,
    *,
    kind: Kind | str | None = None,
    split: str | None = None,
    skip_bad: bool = False,
    limit: int | None = None,
    require_reference: bool = True,
    warn: Callable[[str], None] = warn_on_stderr,
) -> list[Problem]:
    """Return the problems of a file or a folder, the first `limit` of them.

    `split` None keeps the split of rows that `write_problems` wrote and is train for others. Without
    `require_reference` rows need neither answer nor tests. Raises DataError that names the file and line (a Parquet
    file's row, from 1); `skip_bad` leaves such rows out and warns instead.
    """
    rules = RowRules(
        where=str(path),
        kind=to_kind(kind),
        split=split,
        require_reference=require_reference,
        skip_bad=skip_bad,
        limit=limit,
    )
    return list(iter_problems(path, rules, warn))


def iter_problems(path: str | Path, rules: RowRules, warn: Callable[[str], None] = warn_on_stderr) -> Iterator[Problem]:
    """Yield the problems of a file, a folder or a hub dataset as they are read, each id once. Raises DataError."""
    return each_problem(read_raw(path), rules, warn)


def write_problems(path: str | Path, problems: Iterable[Problem]) -> None:
    """Write problems as JSON Lines that `load_problems` reads back unchanged; an existing file is replaced at once."""
    target = Path(path)
    partial = target.with_name(target.name + ".partial")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("w", encoding="ascii", newline="\n") as file:
            file.writelines(json.dumps(problem.to_row()) + "\n" for problem in problems)
        partial.replace(target)
    except OSError as error:
        raise StoreError(f"{target}: cannot be written: {error.strerror}") from None
    finally:
        with suppress(OSError):
            partial.unlink()  # what an error among the problems left


def to_kind(kind: Kind | str | None) -> Kind | None:
    """Return the kind of that name. Raises RecipeError for another name."""
    if kind is None or kind in list(Kind):
        return None if kind is None else Kind(kind)
    raise RecipeError(f"problems.kind must be math or code, got {kind!r}")
