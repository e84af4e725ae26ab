"""Tokenized rows on disk: an Arrow stream that `datasets` maps into memory, so that no row becomes a Python list."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ...records import Row
from .conversation import TokenizedRow

BATCH = 1_000
"""Rows held in memory before they are written."""


@contextmanager
def token_writer(path: Path) -> Iterator[Callable[[TokenizedRow], None]]:
    """Yield a function that appends a row; the file is whole when the context is left.

    Columns are input_ids, labels, length (all tokens) and trained (tokens trained on).
    """
    import pyarrow as pa

    tokens, number = pa.list_(pa.int32()), pa.int32()
    schema = pa.schema([("input_ids", tokens), ("labels", tokens), ("length", number), ("trained", number)])
    rows: list[Row] = []
    with path.open("wb") as file, pa.ipc.new_stream(file, schema) as writer:

        def add(row: TokenizedRow) -> None:
            counts = {"length": len(row.input_ids), "trained": row.trained}
            rows.append({"input_ids": row.input_ids, "labels": row.labels, **counts})
            if len(rows) >= BATCH:
                flush()

        def flush() -> None:
            if rows:
                writer.write_batch(pa.RecordBatch.from_pylist(rows, schema=schema))
                rows.clear()

        yield add
        flush()


def open_tokens(path: Path) -> Any:
    """Return the file's rows as a memory-mapped `datasets.Dataset`."""
    from datasets import Dataset

    return Dataset.from_file(str(path))
