"""Tokenized rows on disk: an Arrow stream that `datasets` maps into memory, so that no row becomes a Python list."""

from pathlib import Path
from types import TracebackType
from typing import Any, Self

from .conversation import TokenizedRow

BATCH = 1_000
"""Rows held in memory before they are written."""


class TokenWriter:
    """Writes tokenized rows with the columns input_ids, labels, length (all tokens) and trained (tokens trained on).

    A context manager; the file is whole when it is left.
    """

    def __init__(self, path: Path) -> None:
        import pyarrow as pa

        tokens = pa.list_(pa.int32())
        columns = {"input_ids": tokens, "labels": tokens, "length": pa.int32(), "trained": pa.int32()}
        self._schema = pa.schema(list(columns.items()))
        self._rows: list[dict[str, Any]] = []
        self._file = path.open("wb")
        self._writer = pa.ipc.new_stream(self._file, self._schema)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._file:
            if error is None:
                self._flush()
            self._writer.close()

    def add(self, row: TokenizedRow) -> None:
        """Append a row."""
        counts = {"length": len(row.input_ids), "trained": row.trained}
        self._rows.append({"input_ids": row.input_ids, "labels": row.labels, **counts})
        if len(self._rows) >= BATCH:
            self._flush()

    def _flush(self) -> None:
        import pyarrow as pa

        if self._rows:
            self._writer.write_batch(pa.RecordBatch.from_pylist(self._rows, schema=self._schema))
            self._rows.clear()


def open_tokens(path: Path) -> Any:
    """Return the file's rows as a memory-mapped `datasets.Dataset`."""
    from datasets import Dataset

    return Dataset.from_file(str(path))
