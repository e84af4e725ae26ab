"""Writing a dataset that `datasets.load_dataset(folder)` opens: Parquet shards and a card.

The main split stands under `data/`, each control split under `splits/NAME/data/`. Every row carries its verdict and
where it came from, so that keeping everything and filtering later is one switch.
"""

import json
import os
import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from verifiers import Verdict

from ..curation.candidates import Candidate
from ..errors import StoreError
from ..generation.prompts import PromptTemplate
from ..generation.strategies import StrategyOptions, asking
from ..records import Example, Message, Rollout, Row, content_id
from ..store import disk_error, write_atomic

SHARD_ROWS = 50_000


def to_example(candidate: Candidate, template: PromptTemplate, strategy: StrategyOptions | None = None) -> Example:
    """Turn a rollout into a training example: the student's prompt, the teacher's completion, the receipt.

    `strategy` is how the student will be asked, by default in one turn; calls stay as the teacher wrote them.
    """
    rollout, asked = candidate.rollout, strategy or StrategyOptions()
    prompt = asking(asked, template, candidate.problem, rollout.marks.get("syntax")).messages(candidate.problem)
    provenance = _provenance(candidate, prompt, rollout.completion)
    return Example(prompt=prompt, completion=rollout.completion, tools=rollout.tools, provenance=provenance)


def write_dataset(
    folder: Path, examples: Sequence[Example], controls: Mapping[str, Sequence[Example]], card: str
) -> None:
    """Replace the dataset folder, whole or not at all. Raises StoreError when it cannot be written."""
    part = folder.with_name(folder.name + ".tmp")
    try:
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        _write_parquet(part / "data", examples)
        for name, rows in controls.items():
            _write_parquet(part / "splits" / name / "data", rows)
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
    import pyarrow.parquet as parquet

    return [
        row
        for path in sorted((folder / "data").glob("train-*.parquet"))
        for row in parquet.read_table(path).to_pylist()
    ]


def dataset_hash(examples: Iterable[Example]) -> str:
    """Return a hash of what a trainer would see, in order."""
    return content_id([[m.to_row() for m in (*e.prompt, *e.completion)] for e in examples])


def _provenance(candidate: Candidate, prompt: tuple[Message, ...], completion: tuple[Message, ...]) -> Row:
    rollout: Rollout = candidate.rollout
    verdict: Verdict = candidate.verdict
    return {
        "rollout_id": rollout.id,
        "problem_id": candidate.problem.id,
        "problem_hash": candidate.problem.content_hash,
        "source": candidate.problem.source,
        "question": candidate.problem.question,
        "answer": candidate.problem.answer,
        "extracted": verdict.extracted,
        "outcome": str(verdict.outcome),
        "method": verdict.method,
        "reason": verdict.reason,
        "verifier": verdict.verifier,
        "teacher": rollout.model,
        "strategy": rollout.strategy,
        "round": rollout.round,
        "finish_reason": str(rollout.finish_reason),
        "completion_tokens": rollout.usage.completion_tokens,
        "teacher_prompt_hash": rollout.prompt_hash,
        "prompt_hash": content_id([m.to_row() for m in prompt]),
        "completion_hash": content_id([m.to_row() for m in completion]),
    }


def _write_parquet(folder: Path, examples: Sequence[Example]) -> None:
    """Write shards of `SHARD_ROWS`; a folder without rows still gets one empty shard with the columns."""
    import pyarrow as pa
    import pyarrow.parquet as parquet

    folder.mkdir(parents=True)
    rows = [_flat(example.to_row()) for example in examples]
    shards = [rows[i : i + SHARD_ROWS] for i in range(0, len(rows), SHARD_ROWS)] or [[]]
    schema = _schema(pa, rows)
    for number, shard in enumerate(shards):
        path = folder / f"train-{number:05d}-of-{len(shards):05d}.parquet"
        with parquet.ParquetWriter(path, schema, compression="zstd") as writer:
            if shard:  # `datasets` refuses an empty row group; a file without any it streams
                writer.write_table(pa.Table.from_pylist(shard, schema=schema))
        with path.open("rb") as file:
            os.fsync(file.fileno())


def _flat(row: Row) -> Row:
    """Give every message the same keys, and tools and tool calls as JSON text, so that Arrow sees one type."""
    if row.get("tools"):
        row["tools"] = json.dumps(row["tools"])
    for side in ("prompt", "completion"):
        row[side] = [
            {**m, **({"tool_calls": json.dumps(m["tool_calls"])} if m.get("tool_calls") else {})} for m in row[side]
        ]
    return row


def _schema(pa, rows: list[Row]):  # type: ignore[no-untyped-def]
    """Return the Arrow schema; `reasoning` and `tool_calls` are columns of a message only where some row has them."""
    used = {key for row in rows for side in ("prompt", "completion") for m in row[side] for key in m}
    message = pa.struct(
        [(k, pa.string()) for k in ("role", "content", "reasoning", "tool_calls") if k in used | {"role", "content"}]
    )
    numbers = {"round": pa.int32(), "completion_tokens": pa.int32()}
    names = rows[0].keys() - {"prompt", "completion", "tools"} if rows else set()
    columns = [(name, numbers.get(name, pa.string())) for name in (rows[0] if rows else {}) if name in names]
    tools = [("tools", pa.string())] if any(row.get("tools") for row in rows) else []
    return pa.schema([("prompt", pa.list_(message)), ("completion", pa.list_(message)), *tools, *columns])
