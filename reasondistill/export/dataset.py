"""Writing a dataset that `datasets.load_dataset(folder)` opens: Parquet shards and a card.

The main split stands under `data/`, each control split under `splits/NAME/data/`. Every row carries its verdict and
where it came from, so that keeping everything and filtering later is one switch.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from ..curation.candidate_source import Candidate, Source
from ..errors import DataError, StoreError
from ..generation.prompts import PromptTemplate
from ..generation.strategies import Cot, Strategy
from ..records import SCHEMA, Example, Message, Row, to_messages
from ..store import disk_error, write_atomic
from ..store.dataset_folder import MANIFEST
from .receipts import RECEIPT, Digest, Judged, make_receipt, receipt_of

SHARD_ROWS = 50_000
GROUP_ROWS = 2_000
"""Rows that are held in memory at once while a shard is written."""


def to_example(
    candidate: Candidate,
    strategy: PromptTemplate | Strategy,
    judged: Judged | None = None,
) -> Example:
    """Turn a rollout into a training example: the student's prompt, the teacher's completion, the receipt.

    `strategy` is how the student will be asked, a template alone for one turn; calls stay as the teacher wrote them.
    `judged` records how the verdict was obtained.
    """
    problem, rollout = candidate.problem, candidate.rollout
    asked = Cot(template=strategy) if isinstance(strategy, PromptTemplate) else strategy
    prompt = asked.ask(problem, rollout.annotations).messages(problem)
    receipt = make_receipt(problem, rollout, candidate.verdict, prompt, judged or Judged())
    tools = {"tools": list(rollout.tools)} if rollout.tools else {}
    receipt[RECEIPT] = receipt_of({**receipt, **tools}, prompt, rollout.completion)
    return Example(prompt=prompt, completion=rollout.completion, tools=rollout.tools, provenance=receipt)


@dataclass(frozen=True, slots=True, kw_only=True)
class Examples:
    """The examples that candidates become, made anew by each iteration: no more than one is held."""

    kept: Source
    make: Callable[[Candidate], Example]

    def __len__(self) -> int:
        return len(self.kept)

    def __iter__(self) -> Iterator[Example]:
        return map(self.make, self.kept)


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """What has to be known of a split before its first row is written."""

    hash: str
    """Of what a trainer would see, in order."""
    receipts: str
    """Of all columns beside the conversation, in order."""
    columns: tuple[str, ...]
    message_keys: frozenset[str]
    """Of `reasoning` and `tool_calls`, those that some message has."""
    tools: bool


def survey(examples: Iterable[Example]) -> Survey:
    """Read the examples once."""
    seen, receipts, keys = hashlib.sha256(), hashlib.sha256(), set[str]()
    columns: tuple[str, ...] = ()
    tools = False
    for example in examples:
        columns = columns or tuple(example.provenance)
        tools = tools or bool(example.tools)
        turns = [m.to_row() for m in (*example.prompt, *example.completion)]
        keys.update(*turns)
        seen.update(json.dumps(turns, sort_keys=True).encode() + b"\n")
        receipts.update(json.dumps(example.provenance, sort_keys=True).encode() + b"\n")
    return Survey(
        hash=seen.hexdigest()[:20],
        receipts=receipts.hexdigest()[:20],
        columns=columns,
        message_keys=frozenset(keys - {"role", "content"}),
        tools=tools,
    )


def write_dataset(
    folder: Path,
    examples: Iterable[Example],
    controls: Mapping[str, Iterable[Example]],
    card: str,
    manifest: Mapping[str, Any] | None = None,
    *,
    surveys: Mapping[str, Survey] | None = None,
    beside: Mapping[str, Path] | None = None,
) -> None:
    """Replace the dataset folder, whole or not at all. Raises StoreError when it cannot be written.

    Examples are read twice, so an iterator that can be read once will not do; once where their `surveys` are given, by
    split, `main` the first. `beside` are folders that are moved into the dataset's by name. `manifest` is written to
    manifest.json with the count and the digest of every split.
    """
    part = folder.with_name(folder.name + ".tmp")
    known = surveys or {}
    try:
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        splits = {"main": _write_parquet(part / "data", examples, known.get("main"))}
        for name, rows in controls.items():
            splits[name] = _write_parquet(part / "splits" / name / "data", rows, known.get(name))
        for name, place in (beside or {}).items():
            place.replace(part / name)
        described = {"schema": SCHEMA, **(manifest or {}), "splits": {k: v.to_row() for k, v in splits.items()}}
        write_atomic(part / MANIFEST, json.dumps(described, indent=1) + "\n")
        write_atomic(part / "README.md", card)
        old = folder.with_name(folder.name + ".old")
        shutil.rmtree(old, ignore_errors=True)
        if folder.exists():
            folder.replace(old)
        part.replace(folder)
        shutil.rmtree(old, ignore_errors=True)
    except StoreError:
        raise
    except OSError as error:
        raise disk_error(error, folder) from None


def read_examples(folder: Path) -> list[Row]:
    """Return the rows of a dataset folder's main split, messages rebuilt."""
    return list(iter_rows(folder / "data"))


def iter_rows(data: Path) -> Iterator[Row]:
    """Yield the rows of a folder of Parquet shards, in order, a few at a time. Raises DataError for a damaged one."""
    import pyarrow as pa
    import pyarrow.parquet as parquet

    for path in sorted(data.glob("train-*.parquet")):
        try:
            with parquet.ParquetFile(path) as file:
                for batch in file.iter_batches(batch_size=256):
                    yield from batch.to_pylist()
        except (pa.ArrowInvalid, OSError) as error:
            raise DataError(f"{path}: not a readable Parquet file: {str(error).splitlines()[0]}") from None


def row_messages(row: Mapping[str, Any], side: str) -> tuple[Message, ...]:
    """Return `prompt` or `completion` of a row as it was written: without the nulls of Parquet, calls as objects."""
    messages = []
    for message in row[side]:
        kept = {key: value for key, value in message.items() if value is not None}
        if isinstance(kept.get("tool_calls"), str):
            kept["tool_calls"] = json.loads(kept["tool_calls"])
        messages.append(kept)
    return to_messages(messages)


def _write_parquet(folder: Path, examples: Iterable[Example], known: Survey | None) -> Digest:
    """Write shards of `SHARD_ROWS`; a folder without rows still gets one empty shard with the columns."""
    folder.mkdir(parents=True)
    schema, digest = _schema(known or survey(examples)), Digest()
    shards: list[Path] = []
    rows = iter(examples)
    while not shards or digest.rows == len(shards) * SHARD_ROWS:
        path = folder / f"{len(shards)}.part"
        written = _write_shard(path, schema, rows, digest)
        if shards and not written:
            path.unlink()
            break
        shards.append(path)
    for number, path in enumerate(shards):
        path.replace(folder / f"train-{number:05d}-of-{len(shards):05d}.parquet")
    return digest


def _write_shard(path: Path, schema: Any, rows: Iterator[Example], digest: Digest) -> int:
    import pyarrow as pa
    import pyarrow.parquet as parquet

    written = 0
    with parquet.ParquetWriter(path, schema, compression="zstd") as writer:
        while written < SHARD_ROWS and (group := list(islice(rows, min(GROUP_ROWS, SHARD_ROWS - written)))):
            # `datasets` refuses an empty row group; a file without any it streams
            writer.write_table(pa.Table.from_pylist([_flat(example.to_row()) for example in group], schema=schema))
            for example in group:
                digest.add(str(example.provenance.get(RECEIPT)))
            written += len(group)
    with path.open("rb") as file:
        os.fsync(file.fileno())
    return written


def _flat(row: Row) -> Row:
    """Give every message the same keys, and tools and tool calls as JSON text, so that Arrow sees one type."""
    if row.get("tools"):
        row["tools"] = json.dumps(row["tools"])
    for side in ("prompt", "completion"):
        row[side] = [
            {**m, **({"tool_calls": json.dumps(m["tool_calls"])} if m.get("tool_calls") else {})} for m in row[side]
        ]
    return row


def _schema(known: Survey) -> Any:
    """Return the Arrow schema; `reasoning` and `tool_calls` are columns of a message only where some row has them."""
    import pyarrow as pa

    used = {"role", "content", *known.message_keys}
    message = pa.struct([(k, pa.string()) for k in ("role", "content", "reasoning", "tool_calls") if k in used])
    numbers = {"round": pa.int32(), "completion_tokens": pa.int32()}
    columns = [(name, numbers.get(name, pa.string())) for name in known.columns]
    listed = [("tools", pa.string())] if known.tools else []
    return pa.schema([("prompt", pa.list_(message)), ("completion", pa.list_(message)), *listed, *columns])
