"""Problems in local files: JSON Lines (also gzipped), one JSON array, or Parquet.

Files are read in one pass; only `iter_problems` does without keeping the problems in memory.
"""

import gzip
import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from zlib import error as ZlibError

from ..errors import DataError, RecipeError, StoreError
from ..records import Kind, Problem
from .problem import RowRules, each_problem
from .warn import to_stderr

SUFFIXES = (".jsonl", ".jsonl.gz", ".json", ".json.gz", ".parquet")


def load_problems(
    path: str | Path,
    *,
    kind: Kind | str | None = None,
    split: str | None = None,
    skip_bad: bool = False,
    limit: int | None = None,
    require_reference: bool = True,
    warn: Callable[[str], None] = to_stderr,
) -> list[Problem]:
    """Return the problems of a file, the usual key spellings mapped, the first `limit` of them.

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


def iter_problems(path: str | Path, rules: RowRules, warn: Callable[[str], None] = to_stderr) -> Iterator[Problem]:
    """Yield the problems of a file as they are read, each id once. Raises DataError as `load_problems` does."""
    try:
        yield from each_problem(_rows(Path(path)), rules, warn)
    except OSError as error:
        raise DataError(_unreadable(path, error)) from None
    except (EOFError, ZlibError) as error:
        raise DataError(f"{path}: the gzip data is damaged or cut off ({error}); fetch the file again") from None


def write_problems(path: str | Path, problems: Iterable[Problem]) -> None:
    """Write problems as JSON Lines that `load_problems` reads back unchanged; a file there is replaced at once."""
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


def _rows(path: Path) -> Iterator[tuple[int, object]]:
    name = path.name.lower()
    if name.endswith(".parquet"):
        return _parquet_rows(path)
    if name.endswith(SUFFIXES):
        return _json_rows(path, gzip.open if name.endswith(".gz") else open)
    raise DataError(f"{path}: cannot tell the format; the name must end in {', '.join(SUFFIXES)}")


def _json_rows(path: Path, opener: Callable[..., Iterable[bytes]]) -> Iterator[tuple[int, object]]:
    with opener(path, "rb") as file:  # type: ignore[attr-defined]
        if ".json" in path.suffixes and file.read(64).lstrip()[:1] == b"[":
            file.seek(0)
            yield from enumerate(_array(path, file.read()), start=1)
            return
        file.seek(0)
        yield from ((number, line) for number, line in enumerate(file, start=1) if line.strip())


def _array(path: Path, text: bytes) -> list[object]:
    try:
        rows: list[object] = json.loads(text)
    except ValueError as error:
        raise DataError(f"{path}: not a valid JSON array: {error}") from None
    return rows


def _parquet_rows(path: Path) -> Iterator[tuple[int, object]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            batches = file.iter_batches(batch_size=1024)
            yield from enumerate((row for batch in batches for row in batch.to_pylist()), start=1)
    except pa.ArrowInvalid as error:
        raise DataError(f"{path}: not a readable Parquet file: {str(error).splitlines()[0]}") from None


def _unreadable(path: str | Path, error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return f"{path}: file not found; check the path of the problems"
    return f"{path}: cannot be read: {error.strerror or error}"
