"""Files: read JSON Lines, plain or compressed, and replace text files whole or not at all."""

import errno
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType

from ..errors import DataError, StoreError
from ..records import Row

Warn = Callable[[str], None]


def read_rows(path: Path, *, warn: Warn | None = None) -> Iterator[Row]:
    """Yield the rows of a JSONL file, plain, .gz or .zst; a torn last line is left out with a warning.

    Raises DataError for a line in the middle that is no JSON object, and for damaged compression.
    """
    torn: tuple[int, str] | None = None
    for number, line in enumerate(raw_lines(path), 1):
        if torn:
            raise DataError(f"{path}:{torn[0]}: {torn[1]}; the file is damaged, restore it or delete that line")
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError:
            torn = (number, "not a JSON object")
            continue
        if not isinstance(row, dict):
            raise DataError(f"{path}:{number}: a JSON object was expected, got {type(row).__name__}")
        yield row
    if torn and warn:
        warn(f"{path}: dropped a torn last line (line {torn[0]})")


def raw_lines(path: Path) -> Iterator[bytes]:
    """Yield the lines of a file, plain, .gz or .zst. Raises DataError for damaged compression."""
    if path.suffix == ".gz":
        import gzip
        import zlib

        try:
            with gzip.open(path, "rb") as packed:
                yield from packed
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise _damaged(path, error) from None
    elif path.suffix == ".zst":
        import io

        import zstandard

        unpack = zstandard.ZstdDecompressor()
        try:
            with path.open("rb") as packed_file, unpack.stream_reader(packed_file, read_across_frames=True) as stream:
                yield from io.BufferedReader(stream)
        except zstandard.ZstdError as error:
            raise _damaged(path, error) from None
    else:
        with path.open("rb") as plain:
            yield from plain


def _damaged(path: Path, error: Exception) -> DataError:
    return DataError(f"{path}: the compressed data is damaged or cut off ({error}); restore the file")


def write_atomic(path: Path, text: str) -> None:
    """Write a text file whole or not at all. Raises StoreError when it cannot be written."""
    part = path.with_name(path.name + ".tmp")
    with store_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with part.open("w", encoding="utf-8", errors="surrogatepass") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)


class store_errors:
    """Turn the operating system's refusals to write into one clear line."""

    def __init__(self, place: Path) -> None:
        self._place = place

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, OSError) and not isinstance(error, StoreError):
            raise disk_error(error, self._place) from None


def disk_error(error: OSError, place: Path) -> StoreError:
    """Return the line to show for a refused write: what, where, how to go on."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        full = "no space left on the disk; free some and run the same command again, nothing is lost"
        return StoreError(f"{place}: {full}")
    return StoreError(f"{place}: cannot be written ({error.strerror or error}); mend that or choose another folder")
