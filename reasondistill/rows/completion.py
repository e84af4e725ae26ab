"""One record for somebody's completion: the problem, the conversation, and what the file says of it.

Every command that reads completions reads this record, so that all of them see the same question, reference and text.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from verifiers.thinking import read_message

from ..errors import DataError
from ..records import Kind, Message, Problem, Row
from .files import parse_row, read_raw
from .keys import (
    ABOUT,
    COMPLETION,
    FINISH,
    LABEL,
    PROBLEM_ID,
    ROW_ID,
    SCORE,
    RowError,
    conversation_of,
    filled,
    first,
    key_names,
    label_of,
    lowered,
    question_of,
)
from .layouts import Layout, recognise
from .problem import read_reference


@dataclass(frozen=True, slots=True, kw_only=True)
class CompletionRow:
    """One completion of a file."""

    key: str
    """Name for reports: the row's id, or its number."""
    id: str | None = None
    """Id of the completion, if the row has one."""
    problem_id: str | None = None
    """Id of the problem, if the row has one."""
    kind: Kind = Kind.MATH
    question: str = ""
    reference: str | None = None
    """Reference answer; None if the row has none but the completion itself."""
    tests: Any = None
    prompt: tuple[Message, ...] = ()
    """Messages up to the last user turn."""
    turns: tuple[Message, ...]
    """Messages after it, the last one by the assistant."""
    label: bool | None = None
    """Whether the file calls it right; None if it says nothing."""
    score: float | None = None
    finish: str | None = None
    """Finish reason in the file's own words."""
    row: Row = field(default_factory=dict)
    """The row with names of `rows.keys`."""

    @property
    def truncated(self) -> bool | None:
        """Whether the file says that it was cut off; None if it says nothing."""
        return None if self.finish is None else self.finish == "length"

    @property
    def answer(self) -> str:
        """Content of the last turn, which a verifier reads."""
        return self.turns[-1].content

    @property
    def text(self) -> str:
        """The last turn with its thinking in tags."""
        return _written(self.turns[-1])

    @property
    def trained(self) -> str:
        """All text that a trainer would take as the model's own."""
        return "\n".join(_written(turn) for turn in self.turns if turn.role == "assistant")

    def problem(self, identifier: str, *, where: str) -> Problem:
        """Return the problem that the row states; `where` is its source if the row names none."""
        source = self.row.get("source")
        return Problem(
            id=identifier,
            kind=self.kind,
            question=self.question,
            answer=self.reference,
            tests=self.tests,
            source=source if isinstance(source, str) and source else where,
            metadata={name: self.row[name] for name in ABOUT if self.row.get(name) is not None},
        )


class NoCompletions(DataError):
    """A place without any row that holds a completion."""


@dataclass(slots=True)
class NotUnderstood:
    """Rows that hold no completion or cannot be read, counted for the report."""

    rows: int = 0
    first: str = ""
    """Place, reason and keys of the first one."""

    def add(self, place: str, reason: str) -> None:
        """Count a row."""
        self.rows += 1
        self.first = self.first or f"{place}: {reason}"

    def to_row(self) -> Row:
        """Return `{rows, first}`."""
        return {"rows": self.rows, "first": self.first}

    def line(self) -> str:
        """Say it in one line."""
        return f"{self.rows} rows were not understood; the first is {self.first}"


def read_completions(
    place: str | Path, *, limit: int | None = None, format: str = "auto", skipped: NotUnderstood
) -> Iterator[CompletionRow]:
    """Yield the completions of a file, a folder or a hub dataset; those of one row follow each other.

    `limit` counts rows. Rows that are not understood are counted in `skipped`. Raises DataError if nothing can be read,
    and after the first hundred rows if none of them holds a completion.
    """
    understood = 0
    for raw in islice(read_raw(place), limit):
        try:
            row = parse_row(raw.raw)
            for completion in spread(row, recognise(row, format), number=raw.number):
                understood += 1
                yield completion
        except RowError as error:
            skipped.add(raw.place, str(error))
            if skipped.rows >= 100 and not understood:
                break
    if not understood:
        reason = skipped.line() if skipped.rows else "it holds no rows"
        raise NoCompletions(f"{place}: no row with a completion: {reason}")


def spread(row: Row, layout: Layout, *, number: int = 0, label: str = "", score: str = "") -> Iterator[CompletionRow]:
    """Yield the completions of one row of a layout. Raises RowError."""
    rows = list(layout.spread(row))
    for i, one in enumerate(rows):
        suffix = f"/{i}" if len(rows) > 1 else ""
        yield to_completion(one, number=number, suffix=suffix, label=label, score=score)


def to_completion(row: Row, *, number: int = 0, suffix: str = "", label: str = "", score: str = "") -> CompletionRow:
    """Return the completion of a row with names of `rows.keys`. Raises RowError for a row without one.

    `label` and `score` name the keys to read; without them those of `rows.keys` are tried.

    >>> row = {"problem": "1 + 1?", "expected_answer": "2", "generated_solution": "It is 2."}
    >>> completion = to_completion(row)
    >>> completion.question, completion.reference, completion.answer
    ('1 + 1?', '2', 'It is 2.')
    """
    keys = lowered(row)
    conversation = conversation_of(keys)
    prompt, turns, name = _turns(keys, conversation)
    reference = read_reference(keys, completion=turns[-1].content, completion_name=name)
    identifier, problem_id = first(keys, ROW_ID), first(keys, PROBLEM_ID)
    key = next((one for one in (identifier, problem_id) if one is not None), number)
    finish = first(keys, FINISH)
    return CompletionRow(
        key=f"{key}{suffix}",
        id=None if identifier is None else str(identifier),
        problem_id=None if problem_id is None else str(problem_id),
        kind=reference.kind,
        question=question_of(keys, conversation)[0],
        reference=reference.answer,
        tests=reference.tests,
        prompt=prompt,
        turns=turns,
        label=label_of(keys, (label.lower(),) if label else LABEL),
        score=_score(keys, score),
        finish=finish if isinstance(finish, str) else None,
        row=keys,
    )


def _turns(keys: Row, conversation: tuple[Message, ...]) -> tuple[tuple[Message, ...], tuple[Message, ...], str]:
    """Return the messages before and after the last user turn, and the name of a completion that is text.

    A text `completion` comes before a conversation, a conversation before other names of completions.
    """
    last_user = max((i for i, turn in enumerate(conversation) if turn.role == "user"), default=-1)
    prompt, turns = conversation[: last_user + 1], conversation[last_user + 1 :]
    while turns and turns[-1].role != "assistant":
        turns = turns[:-1]
    texts = ((name, keys[name]) for name in COMPLETION if isinstance(keys.get(name), str))
    name, text = next(texts, ("", ""))
    if name and (not turns or (name == "completion" and text)):
        thinking = read_message({**keys, "content": ""}).thinking
        return prompt, (Message(role="assistant", content=text, reasoning=thinking),), name
    if not turns:
        raise RowError(f"neither `completion` nor `messages` with an assistant turn; it has {key_names(keys)}")
    return prompt, turns, ""


def _score(keys: Row, name: str) -> float | None:
    for _, value in filled(keys, (name.lower(),) if name else SCORE):
        if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
            return float(value)
    return None


def _written(turn: Message) -> str:
    return turn.content if turn.reasoning is None else f"<think>{turn.reasoning}</think>{turn.content}"
