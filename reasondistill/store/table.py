"""The run folder: append-only tables that survive `kill -9`, one writer at a time, and a manifest.

A table is a folder of JSONL shards. The newest shard is plain `NNNNN.jsonl`; full ones are `NNNNN.jsonl.zst` with
their ids, or what else a table wants to know of a row without reading it, in `NNNNN.ids`. A row that was appended is
kept whatever happens to the process; a torn last line is dropped. Power loss may cost the rows of the last seconds:
nothing is synced to the platter until a shard closes.
"""

import json
import os
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, islice
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from ..errors import StoreError
from ..records import Row
from .files import Warn, raw_lines, read_rows, store_errors, write_atomic

SHARD_BYTES = 64 << 20
"""Size at which a shard is closed and compressed."""
HELD_BYTES = 64 << 20
"""Rows that are held at a time while they are read in another order than the table's."""
_NUMBER_BITS = 40
"""Of a row's place, those that number it within its shard."""

_parse = json.JSONDecoder().decode


class Table:
    """Rows with an id, kept in the order in which they were appended; the newest row of an id counts.

    Open it for reading at any time; open it for writing only while holding the run folder's lock.

    >>> import tempfile
    >>> with Table(Path(tempfile.mkdtemp()) / "rollouts", key="id", writable=True) as table:
    ...     table.append({"id": "a", "n": 1})
    ...     table.append({"id": "a", "n": 2})
    ...     [row["n"] for row in table]
    [2]
    """

    def __init__(
        self,
        folder: Path,
        *,
        key: str,
        writable: bool = False,
        head: Callable[[Row], Row] | None = None,
        warn: Warn | None = None,
        shard_bytes: int = SHARD_BYTES,
    ) -> None:
        """`head` makes of a row the small one, with its id, that is kept in the index and that `heads` yields."""
        self.folder = folder
        self._key = key
        self._head = head
        self._warn = warn or (lambda _: None)
        self._shard_bytes = shard_bytes
        self._newest: dict[str, int] = {}
        """Where the newest row of an id is: number of the shard, then of the row in it, in one integer."""
        self._shards: dict[str, int] = {}
        self._counts: dict[str, int] = {}
        self._open: _OpenShard | None = None
        if writable:
            with store_errors(folder):
                folder.mkdir(parents=True, exist_ok=True)
                self._tidy()
        for stem in self._stems():
            for number, identifier in enumerate(self._shard_ids(stem)):
                self._note(identifier, stem, number)
        if writable:
            self._start_shard()

    def __contains__(self, identifier: str) -> bool:
        return identifier in self._newest

    def __len__(self) -> int:
        return len(self._newest)

    def __iter__(self) -> Iterator[Row]:
        for stem in self._stems():
            first = self._first_place(stem)
            for place, row in enumerate(self._shard_rows(stem), first):
                if self._newest.get(row[self._key]) == place:
                    yield row

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def heads(self) -> Iterator[Row]:
        """Yield what `head` makes of each row; of closed shards only the index is read. Without `head`, the rows."""
        for stem in self._stems():
            for place, head in enumerate(self._shard_heads(stem), self._first_place(stem)):
                if self._newest.get(head[self._key]) == place:
                    yield head

    def ids(self) -> set[str]:
        """Return the ids that have a row."""
        return set(self._newest)

    def in_order(self) -> Iterator[str]:
        """Yield the ids in the order in which they first got a row."""
        return iter(self._newest)

    def rows(self, ids: Iterable[str], *, held_bytes: int = HELD_BYTES) -> Iterator[Row]:
        """Yield the rows of these ids in their order, with about `held_bytes` of rows in memory.

        A shard is read as often as rows of it are wanted so far apart that they cannot be held together: once or twice
        where the order is nearly the table's. Raises KeyError for an id without a row.
        """
        wanted, most = iter(ids), max(1, held_bytes // self._mean_bytes())
        while batch := list(islice(wanted, most)):
            places = [self._newest[identifier] for identifier in batch]
            lines = self._lines(places)
            for place in places:
                yield json.loads(lines[place])

    def append(self, row: Row) -> None:
        """Write one row; when this returns, the row outlives the process. Raises StoreError when the disk is full."""
        if self._open is None:
            raise StoreError(f"{self.folder}: opened for reading, cannot append")
        stem, number = self._open.stem, self._counts.get(self._open.stem, 0)
        with store_errors(self.folder):
            self._open.write(json.dumps(row, ensure_ascii=True, separators=(",", ":")).encode() + b"\n")
        self._note(row[self._key], stem, number)
        if self._open.size >= self._shard_bytes:
            self.close()
            try:
                with store_errors(self.folder):
                    self._compress(stem)
            finally:
                # Without space for the compressed shard the plain one goes on being appended to.
                self._start_shard()

    def close(self) -> None:
        """Close the open shard. Reading still works."""
        if self._open is not None:
            self._open.close()
            self._open = None

    def _note(self, identifier: str, stem: str, number: int) -> None:
        self._newest[identifier] = self._first_place(stem) + number
        self._counts[stem] = number + 1

    def _first_place(self, stem: str) -> int:
        return self._shards.setdefault(stem, len(self._shards)) << _NUMBER_BITS

    def _mean_bytes(self) -> int:
        """Return about how long a row is."""
        plain = (self.folder / f"{stem}.jsonl" for stem in self._counts)
        total = sum(path.stat().st_size if path.exists() else self._shard_bytes for path in plain)
        return max(1, total // max(1, sum(self._counts.values())))

    def _lines(self, places: Iterable[int]) -> dict[int, bytes]:
        """Return the lines at these places."""
        by_shard: dict[int, set[int]] = {}
        for place in places:
            by_shard.setdefault(place >> _NUMBER_BITS, set()).add(place)
        stems = list(self._shards)
        found: dict[int, bytes] = {}
        for shard, wanted in sorted(by_shard.items()):
            last = max(wanted)
            for place, line in enumerate(self._shard_lines(stems[shard]), shard << _NUMBER_BITS):
                if place in wanted:
                    found[place] = line
                if place == last:
                    break
        return found

    def _stems(self) -> list[str]:
        return sorted({p.name.split(".")[0] for p in self.folder.glob("*.jsonl*") if ".tmp" not in p.name})

    def _shard_ids(self, stem: str) -> Iterator[str]:
        index = self._index(stem)
        for entry in self._shard_rows(stem) if index is None else index:
            yield entry if isinstance(entry, str) else entry[self._key]

    def _shard_heads(self, stem: str) -> Iterator[Row]:
        index = None if self._head is None else self._index(stem)
        for entry in index or ():
            if isinstance(entry, str):
                break  # an index of ids alone
            yield entry
        else:
            if index is not None:
                return
        if self._head is None:
            yield from self._shard_rows(stem)
            return
        made = []
        for row in self._shard_rows(stem):
            made.append(self._head(row))
            yield made[-1]
        if index is not None and self._open is not None:
            # The next process need not read the rows.
            self._write_index(stem, made)

    def _index(self, stem: str) -> Iterator[Any] | None:
        """Return the heads of a closed shard's rows, or their ids; None where there is no index to trust."""
        index = self.folder / f"{stem}.ids"
        if not index.exists() or not (self.folder / f"{stem}.jsonl.zst").exists():
            return None
        return (_parse(line.decode("ascii")) for line in raw_lines(index))

    def _shard_rows(self, stem: str) -> Iterator[Row]:
        plain, closed = self.folder / f"{stem}.jsonl", self.folder / f"{stem}.jsonl.zst"
        try:
            yield from read_rows(closed if closed.exists() else plain, warn=self._warn)
        except FileNotFoundError:
            # A writer has just closed the shard: the plain file goes when the compressed one is there.
            yield from read_rows(closed, warn=self._warn)

    def _shard_lines(self, stem: str) -> Iterator[bytes]:
        plain, closed = self.folder / f"{stem}.jsonl", self.folder / f"{stem}.jsonl.zst"
        try:
            lines = raw_lines(closed if closed.exists() else plain)
            first = next(lines, b"")
        except FileNotFoundError:
            first, lines = b"", raw_lines(closed)
        yield from (line for line in chain([first], lines) if line and not line.isspace())

    def _start_shard(self) -> None:
        stems = self._stems()
        last = stems[-1] if stems else "00000"
        stem = last if (self.folder / f"{last}.jsonl").exists() else f"{int(last) + 1:05d}"
        with store_errors(self.folder):
            self._open = _OpenShard(self.folder / f"{stem}.jsonl")

    def _compress(self, stem: str) -> None:
        import zstandard

        plain, closed = self.folder / f"{stem}.jsonl", self.folder / f"{stem}.jsonl.zst"
        self._write_index(stem, (self._head(row) if self._head else row[self._key] for row in read_rows(plain)))
        part = closed.with_suffix(".zst.tmp")
        try:
            with plain.open("rb") as source, part.open("wb") as target:
                zstandard.ZstdCompressor(level=6).copy_stream(source, target)
                target.flush()
                os.fsync(target.fileno())
        except OSError:
            part.unlink(missing_ok=True)
            raise
        part.replace(closed)
        plain.unlink()

    def _write_index(self, stem: str, entries: Iterable[Row | str]) -> None:
        write_atomic(self.folder / f"{stem}.ids", "".join(json.dumps(entry) + "\n" for entry in entries))

    def _tidy(self) -> None:
        """Finish what a killed writer left: half-made files, a shard that is already compressed, a torn last line."""
        for part in self.folder.glob("*.tmp"):
            part.unlink()
        for plain in self.folder.glob("*.jsonl"):
            if plain.with_suffix(".jsonl.zst").exists():
                plain.unlink()
                continue
            plain.with_suffix(".ids").unlink(missing_ok=True)
            _drop_torn_line(plain, self._warn)


class _OpenShard:
    """An append-only file that holds whole lines only, also when the disk fills up in the middle of one."""

    def __init__(self, path: Path) -> None:
        self.stem = path.name.split(".")[0]
        self._file = path.open("ab", buffering=0)
        self.size = self._file.tell()

    def write(self, line: bytes) -> None:
        view = memoryview(line)
        try:
            while view:
                view = view[self._file.write(view) :]
        except OSError:
            self._file.truncate(self.size)
            raise
        self.size += len(line)

    def close(self) -> None:
        os.fsync(self._file.fileno())
        self._file.close()


def _drop_torn_line(path: Path, warn: Warn) -> None:
    with path.open("rb+") as file:
        size = keep = file.seek(0, os.SEEK_END)
        while keep > 0:
            start = file.seek(max(0, keep - 65536))
            cut = file.read(keep - start).rfind(b"\n")
            keep = start + cut + 1
            if cut >= 0:
                break
        if keep < size:
            warn(f"{path}: dropped a torn last line of {size - keep} bytes; it will be done again")
            file.truncate(keep)
