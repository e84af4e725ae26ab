"""Rows to Parquet shards, a few rows in memory at a time."""

import os
import re
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any, Literal

from ..records import Row

SHARD_ROWS = 50_000
GROUP_ROWS = 1_000
"""Rows held in memory at once while a shard is written."""

_HALF = re.compile("[\ud800-\udfff]")

Column = Literal[
    "text", "texts", "flag", "flags", "number", "messages", "messages_with_calls", "tools", "turns", "spans"
]
"""Type of a column; `tools` is JSON text, as TRL reads it, and is left out where no tool was used."""


def write_shards(folder: Path, schema: Any, rows: Iterator[Row]) -> int:
    """Write `train-*.parquet` of `SHARD_ROWS` each with an Arrow schema, and return the number of rows.

    Without rows there is one empty shard, which has the columns.
    """
    folder.mkdir(parents=True)
    shards: list[Path] = []
    total = 0
    while not shards or total == len(shards) * SHARD_ROWS:
        path = folder / f"{len(shards)}.part"
        written = _write_shard(path, schema, rows)
        if shards and not written:
            path.unlink()
            break
        shards.append(path)
        total += written
    for number, path in enumerate(shards):
        path.replace(folder / f"train-{number:05d}-of-{len(shards):05d}.parquet")
    return total


def schema_of(columns: Mapping[str, Column]) -> Any:
    """Return the Arrow schema of named columns."""
    import pyarrow as pa

    text, flag = pa.string(), pa.bool_()
    arguments = pa.struct([("code", text)])
    function = pa.struct([("name", text), ("arguments", arguments)])
    call = pa.struct([("id", text), ("type", text), ("function", function)])
    plain = [("role", text), ("content", text)]
    kinds = {
        "text": text,
        "texts": pa.list_(text),
        "flag": flag,
        "flags": pa.list_(flag),
        "number": pa.int64(),
        "messages": pa.list_(pa.struct(plain)),
        "messages_with_calls": pa.list_(pa.struct([*plain, ("tool_calls", pa.list_(call))])),
        "tools": text,
        "turns": pa.list_(pa.struct([("from", text), ("value", text)])),
        "spans": pa.list_(pa.struct([("start", pa.int64()), ("end", pa.int64())])),
    }
    return pa.schema([(name, kinds[kind]) for name, kind in columns.items()])


def _write_shard(path: Path, schema: Any, rows: Iterator[Row]) -> int:
    import pyarrow.parquet as parquet

    written = 0
    with parquet.ParquetWriter(path, schema, compression="zstd") as writer:
        while written < SHARD_ROWS and (group := list(islice(rows, min(GROUP_ROWS, SHARD_ROWS - written)))):
            # `datasets` refuses an empty row group; it streams a file without any.
            writer.write_table(_table(group, schema))
            written += len(group)
    with path.open("rb") as file:
        os.fsync(file.fileno())
    return written


def _table(rows: list[Row], schema: Any) -> Any:
    import pyarrow as pa

    try:
        return pa.Table.from_pylist(rows, schema=schema)
    except UnicodeEncodeError:
        return pa.Table.from_pylist([_encodable(row) for row in rows], schema=schema)


def _encodable(value: Any) -> Any:
    """Return a JSON value with U+FFFD for each half of a surrogate pair: no text gets longer or shorter."""
    if isinstance(value, dict):
        return {key: _encodable(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_encodable(inner) for inner in value]
    return _HALF.sub("\N{REPLACEMENT CHARACTER}", value) if isinstance(value, str) else value
