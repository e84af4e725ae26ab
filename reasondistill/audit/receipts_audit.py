"""Auditing a dataset of our own: every hash of every receipt, and any share of the rows judged and run again.

A row is judged with the limits that its receipt names. What cannot be decided here (out of time, a sandbox that this
machine lacks) is noted as unchecked and is no disagreement.
"""

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated

from annotated_types import Ge, Gt, Le

from verifiers import Outcome, Verdict
from verifiers.dispatch import Case, CaseOptions, verify_case
from verifiers.many import verify_each
from verifiers.thinking import take_thinking

from ..errors import DataError
from ..export.dataset import iter_rows, row_messages
from ..export.receipts import RECEIPT, Digest, executed_blocks, messages_hash, receipt_of
from ..records import Kind, Message, Row, content_id
from ..store.dataset_folder import MANIFEST
from .blocks import check_blocks
from .results import Contaminated, Finding, RowResult

_UNSURE = (Outcome.UNDECIDED, Outcome.ERROR, Outcome.TIMEOUT)


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditOptions:
    """How much an audit does again."""

    share: Annotated[float, Gt(0), Le(1)] = 1.0
    """Share of the rows that are judged and run again; hashes are always checked."""
    seed: int = 0
    """Seed that chooses the rows of a share."""
    run_code: bool = True
    """Whether code is run again."""
    isolation: str = "auto"
    """Isolation of the code: auto, full, flat, bubblewrap or the URL of a remote sandbox."""
    workers: Annotated[int, Ge(1)] | None = None
    """Workers that judge and run code; None is one per core."""


@dataclass(slots=True, kw_only=True)
class _Work:
    """One row under way."""

    split: str
    number: int
    row: Row
    text: str
    chosen: bool
    limits: Row
    findings: list[Finding] = field(default_factory=list)
    rerun: "Future[Finding | None] | None" = None


def split_folders(folder: Path) -> dict[str, Path]:
    """Return the folders of Parquet shards by split: main, then the controls."""
    controls = {p.parent.name: p for p in sorted((folder / "splits").glob("*/data"))}
    return {"main": folder / "data", **controls}


def audit_own(
    folder: Path, options: AuditOptions, contaminated: Contaminated | None = None, *, split: str | None = None
) -> Iterator[RowResult]:
    """Yield a result for every row, then one for each split whose rows are not those that the manifest counted.

    Raises DataError for a folder without a manifest or without that split.
    """
    folders = split_folders(folder)
    if split is not None and split not in folders:
        raise DataError(f"{folder}: no split {split!r}; it has {', '.join(folders)}")
    wanted = [split] if split else list(folders)
    counted = _manifest(folder)
    digests = {name: Digest() for name in wanted}
    with ThreadPoolExecutor(options.workers or os.cpu_count(), thread_name_prefix="audit") as threads:
        rows = ((name, row) for name in wanted for row in iter_rows(folders[name]))
        work = _started(rows, options, threads, digests)
        yield from _finished(_looked_up(work, contaminated), options)
    for name, digest in digests.items():
        if counted.get(name) != digest.to_row():
            told = counted.get(name, {}).get("rows", "no")
            detail = f"{told} rows were written, {digest.rows} are there now; some were added, lost, moved or changed"
            yield RowResult(
                split=name, number=-1, key=f"split {name}", findings=(Finding(check="manifest", detail=detail),)
            )


def _manifest(folder: Path) -> Row:
    try:
        read = json.loads((folder / MANIFEST).read_text())
        return dict(read["splits"])
    except (OSError, ValueError, KeyError, TypeError):
        raise DataError(f"{folder / MANIFEST}: missing or damaged; the folder cannot be audited by receipts") from None


def _started(
    rows: Iterator[tuple[str, Row]],
    options: AuditOptions,
    threads: ThreadPoolExecutor,
    digests: Mapping[str, Digest],
) -> Iterator[_Work]:
    """Check each row's hashes and start its second run."""
    for split, row in rows:
        number = digests[split].rows
        digests[split].add(str(row.get(RECEIPT)))
        work = _read(split, number, row)
        work.chosen = work.chosen and _is_chosen(f"{split}/{number}", options)
        blocks = executed_blocks(_safe_messages(row, "completion"))
        if work.chosen and blocks and options.run_code:
            work.rerun = threads.submit(check_blocks, blocks, work.limits, isolation=options.isolation)
        yield work


def _looked_up(work: Iterator[_Work], contaminated: Contaminated | None) -> Iterator[_Work]:
    """Add what benchmarks say of the questions."""
    for one in work:
        if contaminated is not None and (found := contaminated(str(one.row.get("question") or ""))) is not None:
            one.findings.append(found)
        yield one


def _read(split: str, number: int, row: Row) -> _Work:
    """Check the hashes of one row. A row that cannot even be read is a finding, not an error."""
    work = _Work(split=split, number=number, row=row, text="", chosen=False, limits={})
    try:
        work.limits = dict(json.loads(row.get("limits") or "{}"))
        prompt, completion = row_messages(row, "prompt"), row_messages(row, "completion")
        work.findings = list(_hash_findings(row, prompt, completion))
        if any(take_thinking(turn.content) for turn in completion if turn.role == "assistant"):
            work.findings.append(Finding(check="thinking", detail="thinking stands in the content of a turn"))
        work.text = completion[-1].content if completion else ""
        work.chosen = row.get("outcome") is not None
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        work.findings = [Finding(check="receipt", detail=f"cannot be read: {type(error).__name__}: {error}")]
    return work


def _hash_findings(row: Row, prompt: tuple[Message, ...], completion: tuple[Message, ...]) -> Iterator[Finding]:
    tests = None if row.get("tests") is None else json.loads(row["tests"])
    if content_id(row["kind"], row["question"], row["answer"], tests) != row["problem_hash"]:
        yield Finding(check="question", detail=f"answer {row['answer']!r}")
    if messages_hash(prompt) != row["prompt_hash"]:
        yield Finding(check="prompt")
    if messages_hash(completion) != row["completion_hash"]:
        yield Finding(check="completion")
    hashes = [block.hash for block in executed_blocks(completion)]
    if hashes != json.loads(row.get("blocks") or "[]"):
        yield Finding(check="blocks", detail=_changed_block(hashes, json.loads(row.get("blocks") or "[]")))
    if receipt_of(row, prompt, completion) != row.get(RECEIPT):
        yield Finding(check="receipt")


def _changed_block(found: list[str], noted: list[str]) -> str:
    if len(found) != len(noted):
        return f"{len(noted)} blocks were written, {len(found)} are there"
    changed = [str(i + 1) for i, (a, b) in enumerate(zip(found, noted, strict=True)) if a != b]
    return f"block {', '.join(changed)} of {len(noted)}"


def _finished(work: Iterator[_Work], options: AuditOptions) -> Iterator[RowResult]:
    """Judge the rows in one stream over all cores, and collect what runs beside it."""
    for one, verdict in verify_each(work, lambda one: _case(one, options), workers=options.workers):
        yield _result(one, verdict, options)


def _result(one: _Work, fresh: Verdict | None, options: AuditOptions) -> RowResult:
    row = one.row
    if fresh is not None and fresh.outcome != row["outcome"] and (case := _case(one, options, patience=3)) is not None:
        unsure = fresh.outcome in _UNSURE or row["outcome"] in _UNSURE
        if unsure or row["kind"] == Kind.CODE:
            fresh = verify_case(case)  # by itself, now that others are through: load is no disagreement
    if fresh is not None:
        one.findings += _verdict_findings(row, fresh)
    if one.rerun is not None and (found := one.rerun.result()) is not None:
        one.findings.append(found)
    result = RowResult(
        split=one.split,
        number=one.number,
        key=str(row.get("rollout_id") or one.number),
        question=str(row.get("question") or "")[:500],
        findings=tuple(one.findings),
    )
    if fresh is None:
        return result
    return replace(result, outcome=str(fresh.outcome), extracted=fresh.extracted, method=fresh.method)


def _verdict_findings(row: Row, fresh: Verdict) -> Iterator[Finding]:
    if fresh.outcome != row["outcome"]:
        told = f"was {row['outcome']}, is {fresh.outcome} ({fresh.reason or fresh.method})"
        unsure = fresh.outcome in (Outcome.UNDECIDED, Outcome.ERROR)
        yield Finding(check="unchecked" if unsure else "verdict", detail=told)
    elif fresh.extracted != row.get("extracted"):
        yield Finding(check="extracted", detail=f"was {row.get('extracted')!r}, is {fresh.extracted!r}")


def _case(one: _Work, options: AuditOptions, *, patience: float = 1) -> Case | None:
    """Return what is judged again of a row, under the limits that its receipt names; None for nothing."""
    row = one.row
    if not one.chosen:
        return None
    if row.get("kind") == Kind.MATH:
        strict, timeout = bool(one.limits.get("strict", True)), float(one.limits.get("timeout", 2.0)) * patience
        how = CaseOptions(strict=strict, timeout=timeout)
        return Case({"answer": str(row.get("answer") or "")}, one.text, how)
    if row.get("kind") != Kind.CODE or not options.run_code:
        return None
    context = json.loads(row.get("test_context") or "{}")
    tests = json.loads(row.get("tests") or "null")
    problem = {"kind": "code", "question": row["question"], "tests": tests, **context}
    return Case(problem, one.text, CaseOptions(isolation=options.isolation))


def _is_chosen(name: str, options: AuditOptions) -> bool:
    """Choose by a hash, so that the same share of the same dataset is the same rows everywhere."""
    if options.share >= 1:
        return True
    drawn = int.from_bytes(hashlib.sha256(f"{options.seed}/{name}".encode()).digest()[:8], "big")
    return drawn < options.share * 2**64


def _safe_messages(row: Row, side: str) -> tuple[Message, ...]:
    try:
        return row_messages(row, side)
    except (KeyError, TypeError, ValueError, AttributeError):
        return ()
