"""A dataset row as messages, and the same row as token ids and labels."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ...errors import DataError
from ...generation.transcripts import output_spans, render
from ...records import Message, Row, to_messages

IGNORED = -100
"""Label of a token that the loss leaves out (PyTorch's cross-entropy)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenizedRow:
    """One row as the model reads it."""

    input_ids: list[int]
    labels: list[int]
    """Ids of the trained tokens, IGNORED for all others."""
    asked: list[int]
    """Ids that the model is asked with at test time: the prompt with the tokenizer's own generation prompt."""

    @property
    def trained(self) -> int:
        """Return the number of trained tokens."""
        return len(self.labels) - self.labels.count(IGNORED)


def trained_spans(labels: Sequence[int]) -> list[tuple[int, int]]:
    """Return start and end of every unbroken run of trained tokens.

    >>> trained_spans([IGNORED, 5, 6, IGNORED, 7])
    [(1, 3), (4, 5)]
    """
    marks = [label != IGNORED for label in labels]
    edges = [i for i, (a, b) in enumerate(zip([False, *marks], [*marks, False], strict=True)) if a != b]
    return list(zip(edges[::2], edges[1::2], strict=True))


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """The messages of a row."""

    prompt: tuple[Message, ...]
    completion: tuple[Message, ...]
    tools: tuple[Row, ...] = ()

    @property
    def in_one_turn(self) -> bool:
        """Whether tool calls are written as text, so that their outputs stand inside one assistant turn."""
        return any("syntax" in call for message in self.completion for call in message.tool_calls)

    @property
    def one_turn(self) -> Message:
        """The completion rendered as one assistant turn."""
        return Message(role="assistant", content=render(self.completion))

    @property
    def answers(self) -> tuple[Message, ...]:
        """The trained text: the assistant messages, or the parts of one turn between its outputs."""
        if not self.in_one_turn:
            return tuple(m for m in self.completion if m.role == "assistant")
        text, spans = self.one_turn.content, output_spans(self.completion)
        starts, ends = [0, *(end for _, end in spans)], [*(start for start, _ in spans), len(text)]
        return tuple(Message(role="assistant", content=text[a:b]) for a, b in zip(starts, ends, strict=True))


def read_conversation(number: int, row: Mapping[str, Any]) -> Conversation:
    """Read a dataset row. Keys that Parquet filled with nulls are dropped; tools and calls may be JSON text.

    Raises DataError for a row without a prompt or without a final assistant message.
    """
    try:
        tools = row.get("tools") or ()
        conversation = Conversation(
            prompt=to_messages(_without_nulls(row["prompt"])),
            completion=to_messages(_without_nulls(row["completion"])),
            tools=tuple(_without_nulls(json.loads(tools) if isinstance(tools, str) else tools)),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"row {number}: not prompt and completion messages ({error!r}); export it again") from error
    if not conversation.prompt:
        raise DataError(f"row {number}: the prompt has no message")
    if not conversation.completion or conversation.completion[-1].role != "assistant":
        raise DataError(f"row {number}: the completion does not end with an assistant message")
    return conversation


def _without_nulls(value: Any) -> Any:
    """Drop the nulls that a table holds where a message lacks a key, and parse tool calls stored as JSON text."""
    if isinstance(value, Mapping):
        kept = {k: _without_nulls(v) for k, v in value.items() if v is not None}
        if isinstance(kept.get("tool_calls"), str):
            kept["tool_calls"] = json.loads(kept["tool_calls"])
        return kept
    return [_without_nulls(v) for v in value] if isinstance(value, list | tuple) else value
