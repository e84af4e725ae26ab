"""Numbered rows of a file, a folder or a hub dataset: JSON Lines, plain, .gz or .zst, one JSON array, or Parquet.

Rows come one at a time. Only a JSON array is held in memory as a whole. What a row means is not looked at here.
"""

import json
import re
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from ..errors import DataError
from ..records import Row
from ..store import Table, raw_lines
from ..store.dataset_folder import MANIFEST, is_own
from .keys import RowError

SUFFIXES = (".jsonl", ".jsonl.gz", ".jsonl.zst", ".json", ".json.gz", ".json.zst", ".parquet")
_HUB = re.compile(r"(hub:)?([\w.-]+(?:/[\w.-]+)?)(?::([\w.-]*))?(?::([\w.-]+))?")


class RawRow(NamedTuple):
    """A row as it stands in its file: a JSON line in bytes, or what a format without lines gives."""

    file: str
    number: int
    """Line of the file, or position in it, from 1."""
    raw: object

    @property
    def place(self) -> str:
        """File and line, for messages."""
        return f"{self.file}:{self.number}"


class HubName(NamedTuple):
    """A dataset on the hub."""

    name: str
    config: str | None
    split: str | None


def parse_row(raw: object) -> Row:
    """Return the row of a raw JSON line, or the object itself. Raises RowError.

    >>> parse_row(b'{"answer": 4}')
    {'answer': 4}
    """
    if isinstance(raw, bytes):
        try:
            raw = _parsed(raw.decode("utf-8-sig"))
        except json.JSONDecodeError as error:
            raise RowError(f"not valid JSON: {error.msg} at column {error.colno}") from None
        except UnicodeDecodeError as error:
            raise RowError(f"not valid UTF-8 at byte {error.start}") from None
        except RecursionError:
            raise RowError("JSON nested too deeply") from None
    if not isinstance(raw, dict):
        raise RowError(f"expected a JSON object, got {type(raw).__name__}")
    return raw


def _parsed(text: str | bytes) -> object:
    try:
        return json.loads(text)
    except (json.JSONDecodeError, UnicodeDecodeError):
        raise
    except ValueError:
        # Python refuses integers of more than 4,300 digits. As text they are answers like any other.
        return json.loads(text, parse_int=lambda digits: int(digits) if len(digits) < 4000 else digits)


def read_raw(place: str | Path) -> Iterator[RawRow]:
    """Yield the rows of a file, of a folder's files, of a folder's table `rollouts`, or of a hub dataset.

    Of a dataset folder of ours the main split is read. Raises DataError, one line, for what cannot be read.
    """
    path = Path(place)
    if path.is_dir() and (path / "rollouts").is_dir():
        yield from (RawRow(str(path), n, row) for n, row in enumerate(Table(path / "rollouts", key="id"), 1))
    elif hub := _missing_hub(str(place), path):
        yield from (RawRow(str(place), n, row) for n, row in enumerate(read_hub(hub, streaming=True), 1))
    else:
        for file in find_files(path):
            yield from read_file(file)


def _missing_hub(place: str, path: Path) -> HubName | None:
    """Return the hub dataset that a place means, None if it rather means a local file."""
    is_local = path.exists() or (not place.startswith("hub:") and (place.startswith(".") or path.parent.is_dir()))
    return None if is_local else parse_hub(place)


def find_files(path: Path) -> list[Path]:
    """Return the file, or the files below a folder, in order. Raises DataError if there is none that can be read."""
    if not path.is_dir():
        return [path]
    # Controls and formats of a dataset folder of ours repeat the rows of the main split.
    below = (path / "data" if is_own(path) else path).rglob("*")
    files = sorted(p for p in below if p.is_file() and p.name.lower().endswith(SUFFIXES) and p.name != MANIFEST)
    if not files:
        raise DataError(f"{path}: the folder holds no file that ends in {', '.join(SUFFIXES)}")
    return files


def read_file(path: Path) -> Iterator[RawRow]:
    """Yield the rows of one file. Raises DataError."""
    if not path.name.lower().endswith(SUFFIXES):
        if not path.exists():
            raise _not_found(path)
        raise DataError(f"{path}: cannot tell the format; the name must end in {', '.join(SUFFIXES)}")
    if path.suffix.lower() == ".parquet":
        yield from (RawRow(str(path), n, row) for n, row in enumerate(read_parquet([path]), 1))
        return
    try:
        rows: Iterator[object] = raw_lines(path)
        if ".json" in path.suffixes:
            rows = _array_or_lines(path)
        for number, row in enumerate(rows, 1):
            if not isinstance(row, bytes) or row.strip():
                yield RawRow(str(path), number, row)
    except FileNotFoundError:
        raise _not_found(path) from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from None


def _not_found(path: Path) -> DataError:
    return DataError(f"{path}: file not found; name a file, a folder, or a hub dataset as ORG/NAME")


def _array_or_lines(path: Path) -> Iterator[object]:
    lines = raw_lines(path)
    head = b""
    while not head.strip() and (line := next(lines, b"")):
        head += line
    if not head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"["):
        yield from chain([head], lines)
        return
    try:
        array = _parsed(head + b"".join(lines))
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: not a valid JSON array: {error}") from None
    yield from array if isinstance(array, list) else [array]


def read_parquet(paths: Sequence[Path], columns: Sequence[str] | None = None) -> Iterator[Row]:
    """Yield the rows of Parquet files, in order, a few at a time; `columns` names those that are needed."""
    import pyarrow as pa
    import pyarrow.parquet as parquet

    for path in paths:
        try:
            with parquet.ParquetFile(path) as file:
                for batch in file.iter_batches(batch_size=256, columns=columns):
                    yield from batch.to_pylist()
        except FileNotFoundError:
            raise _not_found(path) from None
        except (pa.ArrowInvalid, OSError) as error:
            raise DataError(f"{path}: not a readable Parquet file: {str(error).splitlines()[0]}") from None


def parse_hub(text: str) -> HubName | None:
    """Return the parts of `[hub:]ORG/NAME[:CONFIG[:SPLIT]]`, None for a text that names no hub dataset.

    >>> parse_hub("openai/gsm8k:main:test"), parse_hub("gsm8k"), parse_hub("rows.jsonl")
    (HubName(name='openai/gsm8k', config='main', split='test'), None, None)
    """
    match = _HUB.fullmatch(text)
    if match is None or not (match[1] or "/" in match[2]) or text.lower().endswith(SUFFIXES):
        return None
    return HubName(match[2], match[3] or None, match[4])


def read_hub(hub: HubName, *, streaming: bool) -> Iterator[Row]:
    """Yield the rows of a hub dataset, all splits if none is named. No code of the dataset is run.

    `streaming` reads as rows are needed and keeps no copy. Raises DataError, one line, if the dataset cannot be read or
    has no such configuration or split.
    """
    try:
        from datasets import load_dataset
    except ImportError:
        raise DataError(
            f"{hub.name}: hub datasets need the package `datasets`: pip install 'reasondistill[train]'"
        ) from None
    try:
        loaded = load_dataset(hub.name, hub.config, split=hub.split, streaming=streaming)
        parts = loaded.values() if isinstance(loaded, dict) else [loaded]
        for part in parts:
            yield from part
    except ValueError as error:  # an unknown split or configuration; the message lists those that exist
        raise DataError(f"{hub.name}: {_one_line(error)}; name them as hub:{hub.name}:CONFIG:SPLIT") from None
    except (OSError, RuntimeError) as error:  # no network, no such dataset, a gated one, a script-only one
        way_out = "check the name and the network, or name a local file"
        raise DataError(f"{hub.name}: the dataset cannot be loaded: {_one_line(error)}; {way_out}") from None


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:300].rstrip(" .;")
