"""The records that every step reads and writes, and how they become JSON rows and content ids.

Records are frozen; a row is a record's JSON object plus `schema`. Verdicts live in `verifiers`, which knows
nothing of this package. No file is opened here.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from enum import StrEnum
from typing import Annotated, Any, Literal, Self

from annotated_types import Ge, Le

SCHEMA = 2
"""Version of every row written by this package."""

Role = Literal["system", "user", "assistant", "tool"]
Row = dict[str, Any]

_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"))


class Kind(StrEnum):
    """What a problem asks for, and so which verifier judges it."""

    MATH = "math"
    CODE = "code"


class FinishReason(StrEnum):
    """Why a completion ended, the same words for every engine."""

    STOP = "stop"
    """The model ended its turn or wrote a stop string."""
    LENGTH = "length"
    """The token cap or the context ended it: the text is truncated."""
    TOOL_CALLS = "tool_calls"
    CONTENT_FILTER = "content_filter"


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One turn of a conversation. `<think>` tags and code fences are renderings of it, not part of it."""

    role: Role
    content: str
    reasoning: str | None = None
    """The thinking before `content`, where the model keeps the two apart."""
    tool_calls: tuple[Row, ...] = ()

    def to_row(self) -> Row:
        """Return the chat-message object, without the keys that hold nothing."""
        row: Row = {"role": self.role, "content": self.content}
        if self.reasoning is not None:
            row["reasoning"] = self.reasoning
        if self.tool_calls:
            row["tool_calls"] = list(self.tool_calls)
        return row

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Self:
        """Rebuild a message; thinking under any name or in parts is read as `reasoning`, a null content as empty."""
        content, reasoning, calls = row.get("content") or "", row.get("reasoning"), tuple(row.get("tool_calls") or ())
        own = isinstance(content, str) and isinstance(reasoning, str | None)
        if not own or row.keys() - {"role", "content", "tool_calls", "reasoning"}:
            from verifiers.thinking import read_message  # not at import: it loads the verifiers

            read = read_message(row)
            content, reasoning = read.content, read.thinking
        return cls(role=row["role"], content=content, reasoning=reasoning, tool_calls=calls)


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """A question with a reference that a verifier can check."""

    id: str
    kind: Kind = Kind.MATH
    question: str
    answer: str | None = None
    """Reference answer of a math problem."""
    tests: Any = None
    """Tests of a code problem, in any form that `verifiers.code` takes."""
    source: str = ""
    """Where it comes from: a file name, a hub id, `procedural:TEMPLATE`."""
    split: str = "train"
    parent_ids: tuple[str, ...] = ()
    metadata: Row = field(default_factory=dict)

    @property
    def content_hash(self) -> str:
        """Hash of question and reference: the same problem has the same hash on every machine."""
        return content_id(self.kind, self.question, self.answer, self.tests)

    def to_row(self) -> Row:
        """Return the JSON row; `content_hash` stands beside the id."""
        lists = {"parent_ids": list(self.parent_ids)}
        return {**asdict(self), **lists, "content_hash": self.content_hash, "schema": SCHEMA}

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Self:
        """Rebuild a problem from `to_row`'s object; other keys are left out."""
        known = {k: row[k] for k in (f.name for f in fields(cls)) if k in row}
        known["kind"] = Kind(known.get("kind", Kind.MATH))
        known["parent_ids"] = tuple(known.get("parent_ids") or ())
        return cls(**known)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """How tokens are drawn. None leaves a setting to the model's own generation config."""

    temperature: Annotated[float, Ge(0)] | None = None
    """Temperature; 0 is greedy. None is the model's own."""
    top_p: Annotated[float, Ge(0), Le(1)] | None = None
    """Probability mass that nucleus sampling draws from."""
    top_k: int | None = None
    """Number of likeliest tokens to draw from."""
    max_tokens: Annotated[int, Ge(1)] = 1024
    """Cap on the completion's tokens. Not part of a rollout's id: a cap truncates a sample and changes nothing else."""
    seed: int = 0
    """Seed of the samples."""
    stop: tuple[str, ...] = ()
    """Text that ends a completion."""

    def identity(self) -> Row:
        """Return what decides the sample: everything but the cap."""
        names = (f.name for f in fields(self) if f.name != "max_tokens")
        return {**{name: getattr(self, name) for name in names}, "stop": list(self.stop)}

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Self:
        """Rebuild from a JSON object."""
        return cls(**{**row, "stop": tuple(row.get("stop") or ())})


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Tokens that a completion cost."""

    prompt_tokens: int = 0
    cached_tokens: int = 0
    """Part of `prompt_tokens` that came from a prefix cache."""
    completion_tokens: int = 0

    def __add__(self, other: "Usage") -> "Usage":
        # Written out: each rollout adds several.
        return Usage(
            prompt_tokens=self.prompt_tokens + other.prompt_tokens,
            cached_tokens=self.cached_tokens + other.cached_tokens,
            completion_tokens=self.completion_tokens + other.completion_tokens,
        )

    def __sub__(self, other: "Usage") -> "Usage":
        return Usage(
            prompt_tokens=self.prompt_tokens - other.prompt_tokens,
            cached_tokens=self.cached_tokens - other.cached_tokens,
            completion_tokens=self.completion_tokens - other.completion_tokens,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollout:
    """One sampled attempt at a problem: what was sent and what came back."""

    id: str
    problem_id: str
    index: int
    """Number of the attempt within its group, from 0."""
    strategy: str
    """Name of the strategy, and behind a `+` that of a decoding other than plain: cot, tir, cot+budget."""
    thinking: str = "default"
    """Thinking effort asked of the model: default, off, low, medium or high."""
    messages: tuple[Message, ...]
    """The prompt's messages, then the completion's."""
    token_ids: tuple[int, ...] | None = None
    """Ids of the completion's tokens, where the engine gives them."""
    finish_reason: FinishReason
    model: str
    """The model's name, never a server's address."""
    engine: str
    sampling: Sampling
    prompt_hash: str
    """Content hash of the prompt template file."""
    round: int = 0
    """Round of an iterated sampling, from 0."""
    policy_model: str | None = None
    """The trained model whose own samples these are, in iterated sampling."""
    usage: Usage = field(default_factory=Usage)
    seconds: float = 0.0
    tools: tuple[Row, ...] = ()
    """Functions that the model was offered, as OpenAI describes them."""
    annotations: Row = field(default_factory=dict)
    """Counts and notes of the strategy and the decoding, such as the number of executed blocks."""

    @property
    def prompt(self) -> tuple[Message, ...]:
        """The messages that were sent: all before the first turn after the last user message."""
        last = max((i for i, m in enumerate(self.messages) if m.role == "user"), default=-1)
        return self.messages[: last + 1]

    @property
    def completion(self) -> tuple[Message, ...]:
        """The messages that came back."""
        return self.messages[len(self.prompt) :]

    @property
    def text(self) -> str:
        """The final assistant message's content, which holds the answer."""
        return self.messages[-1].content if self.completion else ""

    @property
    def written(self) -> str:
        """All that the model wrote, thinking included; not what tools answered."""
        turns = (m for m in self.completion if m.role == "assistant")
        return "\n".join(f"{m.reasoning or ''}\n{m.content}" for m in turns)

    def to_row(self) -> Row:
        """Return the JSON row."""
        row = {f.name: getattr(self, f.name) for f in fields(self)}
        return {
            **row,
            "messages": [m.to_row() for m in self.messages],
            "token_ids": None if self.token_ids is None else list(self.token_ids),
            "sampling": {**asdict(self.sampling), "stop": list(self.sampling.stop)},
            "usage": asdict(self.usage),
            "tools": list(self.tools),
            "schema": SCHEMA,
        }

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Self:
        """Rebuild a rollout from `to_row`'s object."""
        known = {f.name: row[f.name] for f in fields(cls) if f.name in row}
        known["messages"] = tuple(Message.from_row(m) for m in row["messages"])
        known["token_ids"] = None if row.get("token_ids") is None else tuple(row["token_ids"])
        known["finish_reason"] = FinishReason(row["finish_reason"])
        known["sampling"] = Sampling.from_row(row["sampling"])
        known["usage"] = Usage(**row.get("usage", {}))
        known["tools"] = tuple(row.get("tools") or ())
        return cls(**known)


def rollout_namer(
    *, strategy: Row, model: str, weights: str | None = None, sampling: Sampling, prompt_hash: str, round: int = 0
) -> Callable[[Problem, int], str]:
    """Return a function that makes a rollout's content id from its problem and index.

    `strategy` is everything about strategy and decoding that decides a sample; `weights` distinguishes models with the
    same name.
    """
    # Encoded once, since a plan may name millions of rollouts.
    common = _CANONICAL.encode([strategy, model, weights, sampling.identity(), prompt_hash, round])[1:]

    def name(problem: Problem, index: int) -> str:
        text = f'["rollout",{_CANONICAL.encode(problem.id)},"{problem.content_hash}",{index},{common}'
        return hashlib.sha256(text.encode()).hexdigest()[:20]

    return name


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One training row: TRL's prompt/completion messages and where they come from."""

    prompt: tuple[Message, ...]
    completion: tuple[Message, ...]
    tools: tuple[Row, ...] = ()
    provenance: Row = field(default_factory=dict)
    """rollout_id, problem_id, outcome, model and what else an audit needs."""

    def to_row(self) -> Row:
        """Return TRL's conversational prompt/completion row with the provenance as columns."""
        return {
            "prompt": [m.to_row() for m in self.prompt],
            "completion": [m.to_row() for m in self.completion],
            **({"tools": list(self.tools)} if self.tools else {}),
            **self.provenance,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A measured value with its 95 % interval and the number of problems behind it."""

    value: float
    low: float
    high: float
    n: int

    def to_row(self) -> Row:
        """Return `{value, low, high, n}`."""
        return asdict(self)

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Self:
        """Rebuild from `to_row`'s object; other keys are left out."""
        return cls(value=row["value"], low=row["low"], high=row["high"], n=row["n"])

    def __str__(self) -> str:
        return f"{100 * self.value:.1f} % [{100 * self.low:.1f}, {100 * self.high:.1f}] n={self.n}"


def content_id(*parts: object) -> str:
    """Return 20 hex digits of the SHA-256 of the parts as canonical JSON.

    >>> content_id("a", 1) == content_id("a", 1) != content_id("a", 2)
    True
    """
    return hashlib.sha256(_CANONICAL.encode(parts).encode()).hexdigest()[:20]


def rows_id(rows: Iterable[Row]) -> str:
    """Return `content_id` of a list of rows that is too long to hold.

    >>> rows_id(iter([{"a": 1}, {"b": 2}])) == content_id([{"a": 1}, {"b": 2}])
    True
    """
    digest, between = hashlib.sha256(b"[["), b""
    for row in rows:
        digest.update(between + _CANONICAL.encode(row).encode())
        between = b","
    digest.update(b"]]")
    return digest.hexdigest()[:20]


def with_seed(sampling: Sampling, rollout: str) -> Sampling:
    """Return the sampling with a seed of its own for one rollout, derived from the rollout's id."""
    return replace(sampling, seed=int(rollout[:7], 16))


def to_messages(rows: Sequence[Mapping[str, Any]]) -> tuple[Message, ...]:
    """Rebuild a conversation from chat-message objects."""
    return tuple(Message.from_row(r) for r in rows)
