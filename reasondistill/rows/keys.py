"""Names under which datasets keep what their rows hold: the verifiers' table, and what only the pipeline reads.

This is the only table of names, with one precedence; nothing else in this package spells a column of somebody's file.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from verifiers.keys import (
    COMPLETION,
    LABEL,
    REFERENCE,
    TESTS,
    BadReference,
    filled,
    find_reference,
    first,
    label_of,
    lookup,
)
from verifiers.thinking import read_message

from ..records import Message, Row

QUESTION = ("question", "problem", "query", "prompt", "instruction", "input")
CONVERSATION = ("messages", "conversations", "conversation")
SCORE = ("rm_score", "score", "reward")
FINISH = ("finish_reason", "stop_reason")
PROBLEM_ID = ("problem_id", "task_id", "unique_id", "question_id", "doc_id")
ROW_ID = ("id", "rollout_id", "response_id", "uuid", "idx")
ABOUT = ("licence", "license", "subject", "level", "starter_code")
"""Names of a problem's metadata that a row with a completion may carry."""

ROLES = {
    "system": "system", "developer": "system", "user": "user", "human": "user", "assistant": "assistant",
    "gpt": "assistant", "model": "assistant", "tool": "tool", "function": "tool", "ipython": "tool",
    "observation": "tool",
}  # fmt: skip
"""Roles of messages by the words that files use for them."""


class RowError(ValueError):
    """One row cannot be used; the message lacks the file and line, which the caller adds."""


def lowered(row: Row) -> Row:
    """Return the row with keys in lower case; a key that is in lower case already wins over other spellings."""
    names = " ".join(row)
    if names == names.lower():
        return row
    return {key.lower(): row[key] for key in reversed(row)} | {key: row[key] for key in row if key == key.lower()}


def key_names(row: Row) -> str:
    """Return the row's keys for a message."""
    return ", ".join(str(key).replace("\n", " ") for key in list(row)[:12]) or "no keys"


def question_of(row: Row, conversation: Sequence[Message] | None = None) -> tuple[str, tuple[str, ...]]:
    """Return the question and the names it comes from: a text, or the last user turn of the conversation.

    An instruction's `input` belongs to the question. The question is empty if the row has none. `conversation` saves
    reading it again. Raises RowError for a question that is neither text nor a conversation.

    >>> question_of({"instruction": "Add.", "input": "1 and 2"})
    ('Add.\\n\\n1 and 2', ('instruction', 'input'))
    """
    values = list(filled(row, QUESTION))
    for name, value in values:
        if isinstance(value, str):
            more = row.get("input") if name == "instruction" else None
            return (f"{value}\n\n{more}", (name, "input")) if isinstance(more, str) and more else (value, (name,))
    conversation = conversation_of(row) if conversation is None else conversation
    question = next((turn.content for turn in reversed(conversation) if turn.role == "user"), "")
    if conversation or not values:
        return question if question.strip() else "", ()
    raise RowError(f"the question must be text, got {type(values[0][1]).__name__}")


def conversation_of(row: Row) -> tuple[Message, ...]:
    """Return the messages of a row, those of its prompt and its completion joined. Raises RowError.

    >>> [m.role for m in conversation_of({"conversations": [{"from": "human", "value": "1 + 1?"}]})]
    ['user']
    """
    turns = [row[name] for name in ("prompt", "completion") if isinstance(row.get(name), list)]
    if not isinstance(row.get("completion"), list):
        turns = [row[name] for name in CONVERSATION if isinstance(row.get(name), list)][:1] or turns
    return tuple(_message(turn) for part in turns for turn in part)


def _message(turn: object) -> Message:
    said = turn.get("role") or turn.get("from") if isinstance(turn, Mapping) else None
    role: Any = ROLES.get(said) if isinstance(said, str) else None
    if role is None or not isinstance(turn, Mapping):
        raise RowError("each of `messages` needs a `role` (system, user, assistant or tool) and `content`")
    try:
        read = read_message(turn if turn.get("content") is not None else {**turn, "content": turn.get("value")})
    except TypeError as error:
        raise RowError(str(error)) from None
    calls = tuple(turn.get("tool_calls") or ())
    return Message(role=role, content=read.content, reasoning=read.thinking, tool_calls=calls)


__all__ = [
    "ABOUT",
    "COMPLETION",
    "CONVERSATION",
    "FINISH",
    "LABEL",
    "PROBLEM_ID",
    "QUESTION",
    "REFERENCE",
    "ROLES",
    "ROW_ID",
    "SCORE",
    "TESTS",
    "BadReference",
    "RowError",
    "conversation_of",
    "filled",
    "find_reference",
    "first",
    "key_names",
    "label_of",
    "lookup",
    "lowered",
    "question_of",
]
