"""Receipts: columns by which anyone can judge a row of a dataset again without the run that made it.

A receipt reveals changes made by accident, or by a hand that leaves the hashes alone. It is no signature: somebody who
recomputes every hash passes the hash checks, and only judging the row again reveals the change.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from hashlib import sha256
from typing import Any

from verifiers import Verdict

from ..generation.syntax import code_of_call
from ..records import Kind, Message, Problem, Rollout, Row, content_id

RECEIPT = "receipt"
CODE_CONTEXT = ("starter_code", "entry_point", "fn_name", "func_name", "test_imports", "test_setup", "time_limit_s")
"""Keys of a code problem, besides its tests, that the verifier reads; see verifiers.code.forms."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """How the rows of a dataset were judged and their code was run."""

    strict: bool = True
    timeout: float = 2.0
    isolation: str = "auto"
    """Isolation that code ran under; `auto` becomes the layer of this machine."""
    tir: Any = None
    """Options of the strategy, TirOptions or the record of a user's own, that hold the limits of executed code."""

    def limits(self, *, ran: bool) -> Row:
        """Return the limits of one row, with those of its code where code `ran`."""
        limits: Row = {"strict": self.strict, "timeout": self.timeout}
        if ran:
            names = ("cell_seconds", "memory_mb", "output_chars", "fresh", "executions")
            limits |= {name: getattr(self.tir, name) for name in names if hasattr(self.tir, name)}
        return limits


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A piece of code in a completion, and its output according to the transcript."""

    code: str
    output: str

    @property
    def hash(self) -> str:
        """Hash of both."""
        return content_id(self.code, self.output)


def executed_blocks(completion: Sequence[Message]) -> list[Block]:
    """Return the answered calls of the interpreter in order; a call of another tool has empty code."""
    blocks: list[Block] = []
    pending: list[Row] = []
    for message in completion:
        if message.role == "tool":
            call = pending.pop(0) if pending else {}
            runs = not (call.get("written") or {}).get("no_call")
            blocks.append(Block(code=(code_of_call(call) or "") if runs else "", output=message.content))
        else:
            pending = list(message.tool_calls)
    return blocks


def make_receipt(
    problem: Problem, rollout: Rollout, verdict: Verdict, prompt: Sequence[Message], judged: Judged
) -> Row:
    """Return the columns that an audit reads."""
    blocks = executed_blocks(rollout.completion)
    runs_code = bool(blocks) or problem.kind is Kind.CODE
    return {
        "rollout_id": rollout.id,
        "problem_id": problem.id,
        "problem_hash": problem.content_hash,
        "source": problem.source,
        "kind": str(problem.kind),
        "question": problem.question,
        "answer": problem.answer,
        "tests": None if problem.tests is None else json.dumps(problem.tests),
        "test_context": _context(problem),
        "extracted": verdict.extracted,
        "outcome": str(verdict.outcome),
        "method": verdict.method,
        "tier": verdict.method.partition(":")[2] or verdict.method,
        "reason": verdict.reason,
        "verifier": verdict.verifier,
        "isolation": sandbox_layer(judged.isolation) if runs_code else None,
        "limits": json.dumps(judged.limits(ran=runs_code)),
        "blocks": json.dumps([block.hash for block in blocks]) if blocks else None,
        "teacher": rollout.model,
        "strategy": rollout.strategy,
        "round": rollout.round,
        "finish_reason": str(rollout.finish_reason),
        "completion_tokens": rollout.usage.completion_tokens,
        "teacher_prompt_hash": rollout.prompt_hash,
        "prompt_hash": messages_hash(prompt),
        "completion_hash": messages_hash(rollout.completion),
    }


def messages_hash(messages: Iterable[Message]) -> str:
    """Return the hash of a conversation."""
    return content_id([m.to_row() for m in messages])


def receipt_of(row: Mapping[str, object], prompt: Sequence[Message], completion: Sequence[Message]) -> str:
    """Return the hash of a row: of its conversation and of every column of its receipt; other columns do not count."""
    names = sorted(set(_COLUMNS) & row.keys())
    tools = row.get("tools") or None
    return content_id(
        messages_hash(prompt),
        messages_hash(completion),
        json.loads(tools) if isinstance(tools, str) else list(tools) if isinstance(tools, list | tuple) else None,
        {name: row[name] for name in names if row[name] is not None},
    )


@dataclass(slots=True)
class Digest:
    """The hash of all receipts of a split, in order."""

    rows: int = 0
    _hash: Any = field(default_factory=sha256)

    def add(self, receipt: str) -> None:
        """Count one row."""
        self.rows += 1
        self._hash.update(f"{receipt}\n".encode())

    def to_row(self) -> Row:
        """Return the manifest's entry about the split."""
        return {"rows": self.rows, "digest": self._hash.hexdigest()}


@cache
def sandbox_layer(asked: str = "auto") -> str:
    """Return the layer that code runs under on this machine; empty where there is none."""
    from sandbox import available

    return (available() or "") if asked == "auto" else asked


def _context(problem: Problem) -> str | None:
    known = {k: problem.metadata[k] for k in CODE_CONTEXT if problem.metadata.get(k) is not None}
    return json.dumps(known) if known and problem.kind is Kind.CODE else None


_COLUMNS = (
    "rollout_id", "problem_id", "problem_hash", "source", "kind", "question", "answer", "tests", "test_context",
    "extracted", "outcome", "method", "tier", "reason", "verifier", "isolation", "limits", "blocks", "teacher",
    "strategy", "round", "finish_reason", "completion_tokens", "teacher_prompt_hash", "prompt_hash", "completion_hash",
)  # fmt: skip
