"""Completions made elsewhere, read from a file: what each row says, whatever harness wrote it.

Known are this package's own rows (`problem_id`, `completion` or `messages`, a reference), evalplus's samples
(`task_id`, `solution` or `completion`) and lm-eval's logged samples (`doc_id`, `doc`, `target`, `resps`). The file is
read twice and never held: the first pass finds every unusable row and the problems, the second yields the rollouts.
"""

import json
import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ..errors import DataError
from ..records import FinishReason, Kind, Message, Problem, Rollout, Row, Sampling, Usage, content_id, to_messages
from ..store import Table, raw_lines
from .code_tests import CODE_KEYS
from .layouts import FORMATS, Format, recognise
from .problem import ANSWER_KEYS, QUESTION_KEYS, RowError, RowRules, parse_row, to_problem

SCORE_KEYS = ("rm_score", "score", "reward")
LABEL_KEYS = ("is_correct", "correct", "label", "passed")
ID_KEYS = ("problem_id", "task_id", "question_id", "unique_id", "doc_id")
MOST_SHOWN = 5
_ABOUT_KEYS = ("source", "licence", "license", "subject", "level")
"""What a row may say of its problem besides."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadOptions:
    """What of a file is read, and as what."""

    format: str = "auto"
    """auto, or a name of `formats.FORMATS`."""
    where: Mapping[str, str] = field(default_factory=dict)
    """Only rows whose key has this value, such as `{"model": "a"}`."""
    skip_bad: bool = False
    """Leave out what cannot be read, and say so."""
    score: str | None = None
    """Key of a score; None tries SCORE_KEYS."""
    label: str | None = None
    """Key of a label that says whether the row is right; None tries LABEL_KEYS."""
    by_label: bool = False
    """Whether labels stand for verdicts, so that no reference is needed."""


@dataclass(slots=True, kw_only=True)
class CompletionFile:
    """One file of completions, or a folder with a table `rollouts`, and the problems that they are attempts at."""

    path: Path
    references: Mapping[str, Problem] = field(default_factory=dict)
    """Problems from elsewhere, by the id that the rows name."""
    options: ReadOptions = field(default_factory=ReadOptions)
    warn: Callable[[str], None] = print
    problems: dict[str, Problem] = field(default_factory=dict, init=False)
    """Filled by `scan`, in the order in which they are first named."""
    rollouts: int = field(default=0, init=False)
    counts: Counter[str] = field(default_factory=Counter, init=False)
    """Rollouts by problem."""
    models: Counter[str] = field(default_factory=Counter, init=False)
    labelled: int = field(default=0, init=False)
    _spellings: dict[str, str | None] = field(default_factory=dict, init=False)
    _bad: set[int] = field(default_factory=set, init=False)
    _format: Format = field(default=FORMATS["rollouts"], init=False)

    def scan(self) -> None:
        """Read every row once. Raises DataError that names the first unusable line, and for a file without rollouts."""
        unreferenced: dict[str, list[int]] = {}
        for number, row in self._rows():
            problem = self._refused(number, self._problem, row)
            if problem is not None:
                self._note(number, row, problem, unreferenced)
        for identifier, numbers in unreferenced.items():
            if identifier not in self.problems or not _has_reference(self.problems[identifier]):
                self._drop_unreferenced(identifier, numbers)
        self._say_skipped()
        if not self.rollouts:
            raise DataError(
                f"{self.path}: holds no rollouts{self._filtered()}; each line is one completion of a problem"
            )

    def __iter__(self) -> Iterator[Rollout]:
        """Yield the rollouts; call `scan` first."""
        seen: Counter[str] = Counter()
        index: Counter[str] = Counter()
        for number, row in self._rows():
            if number in self._bad:
                continue
            problem = self.problems[self._identifier(row)]
            turns = _turns(row, self._format)
            name = content_id("imported", problem.id, problem.content_hash, [m.to_row() for m in turns])
            seen[name] += 1
            yield self._rollout(row, problem, turns, content_id(name, seen[name]), index[problem.id])
            index[problem.id] += 1

    @property
    def format(self) -> str:
        """The name of the format that was recognised."""
        return self._format.name

    def _rows(self) -> Iterator[tuple[int, Row]]:
        """Yield line number and row, brought to this package's keys."""
        first: Row | None = None
        for number, raw in _raw_rows(self.path):
            row = None if number in self._bad else self._refused(number, parse_row, raw)
            if row is None or any(str(row.get(key)) != value for key, value in self.options.where.items()):
                continue
            if first is None:
                first, self._format = row, recognise(row, self.options.format, str(self.path))
            if self._format.repeats and row.get(self._format.repeats) != first.get(self._format.repeats):
                continue
            for found in self._refused(number, self._format.spread, row) or ():
                yield number, found

    def _refused(self, number: int, function: Callable[..., Any], *given: Any) -> Any:
        """Call a function of one row; a row that it refuses is an error, or is noted and None comes back."""
        try:
            return function(*given)
        except RowError as error:
            if not self.options.skip_bad:
                raise DataError(f"{self.path}:{number}: {error} (--skip-bad leaves such rows out)") from None
            self._bad.add(number)
            return None

    def _note(self, number: int, row: Row, problem: Problem, unreferenced: dict[str, list[int]]) -> None:
        there = self.problems.get(problem.id)
        if there is None or not _has_reference(there):
            self.problems[problem.id] = problem
        if not _has_reference(problem):
            unreferenced.setdefault(problem.id, []).append(number)
        self.counts[problem.id] += 1
        self.rollouts += 1
        self.labelled += _label(row, self.options.label) is not None
        if isinstance(row.get("model"), str):
            self.models[row["model"]] += 1

    def _problem(self, row: Row) -> Problem:
        """Return the problem of a row. Raises RowError."""
        _turns(row, self._format)
        identifier = self._identifier(row)
        if self.options.by_label and _label(row, self.options.label) is None:
            key = self.options.label or f"any of {', '.join(LABEL_KEYS)}"
            raise RowError(f"no label: {key} must be true or false; it has {_keys(row)}")
        if (known := self._reference(identifier)) is not None:
            return replace(known, id=identifier)
        there = self.problems.get(identifier)
        own = _own_problem(row, identifier, str(self.path))
        if there is None or not _has_reference(own) or not _has_reference(there):
            return own if there is None or _has_reference(own) else replace(own, kind=there.kind)
        if (there.kind, there.answer, there.tests) != (own.kind, own.answer, own.tests):
            what = "answer" if own.kind is there.kind is Kind.MATH else "reference"
            shown = f" ({own.answer!r}, before {there.answer!r})" if what == "answer" else ""
            raise RowError(f"the problem {identifier!r} has another {what} in an earlier row{shown}")
        return there

    def _identifier(self, row: Row) -> str:
        for key in ID_KEYS:
            if row.get(key) is not None:
                return str(row[key])
        question = next((row[key] for key in QUESTION_KEYS if isinstance(row.get(key), str)), None)
        if question is not None:
            return content_id("question", question)
        if row.get("id") is not None:
            return str(row["id"])
        raise RowError(f"no `problem_id`, which says what it is an attempt at; it has {_keys(row)}")

    def _reference(self, identifier: str) -> Problem | None:
        """Return the problem of that id from elsewhere; harnesses spell ids apart ("Mbpp/2", "mbpp/2", "2")."""
        if not self._spellings:
            for known in self.references:
                for spelling in (known.lower(), known.lower().rpartition("/")[2]):
                    # A spelling that two problems share names neither.
                    shared = self._spellings.get(spelling, known) != known
                    self._spellings[spelling] = None if shared else known
            self._spellings |= {known: known for known in self.references}
        for spelling in (identifier, identifier.lower(), identifier.lower().rpartition("/")[2]):
            if (known_as := self._spellings.get(spelling)) is not None:
                return self.references[known_as]
        return None

    def _drop_unreferenced(self, identifier: str, numbers: Sequence[int]) -> None:
        if self.options.by_label:
            return
        if not self.options.skip_bad:
            raise DataError(
                f"{self.path}:{numbers[0]}: no reference for the problem {identifier!r}; add `answer` or `tests` to "
                "the row, or --problems FILE that has it (--skip-bad leaves such rows out)"
            )
        self._bad.update(numbers)
        self.problems.pop(identifier, None)
        self.rollouts -= self.counts.pop(identifier, 0)

    def _say_skipped(self) -> None:
        if self._bad:
            shown = ", ".join(map(str, sorted(self._bad)[:MOST_SHOWN]))
            more = f" and {len(self._bad) - MOST_SHOWN} more" if len(self._bad) > MOST_SHOWN else ""
            self.warn(f"{self.path}: left out {len(self._bad)} unusable rows: lines {shown}{more}")

    def _filtered(self) -> str:
        given = ", ".join(f"{key}={value}" for key, value in self.options.where.items())
        return f" with {given}" if given else ""

    def _rollout(self, row: Row, problem: Problem, turns: Sequence[Message], identifier: str, index: int) -> Rollout:
        label, score = _label(row, self.options.label), _score(row, self.options.score)
        marks = {"label": label, "score": score, "given_id": row.get("id")}
        return Rollout(
            id=identifier,
            problem_id=problem.id,
            index=index,
            strategy=_text(row, "strategy") or "imported",
            messages=tuple(turns),
            finish_reason=_finish_reason(row),
            model=_text(row, "model"),
            engine=_text(row, "engine") or "imported",
            sampling=Sampling(),
            prompt_hash=_text(row, "prompt_hash"),
            usage=_usage(row),
            marks={key: value for key, value in marks.items() if value is not None},
        )


def _raw_rows(path: Path) -> Iterator[tuple[int, object]]:
    if path.is_dir():
        if not (path / "rollouts").is_dir():
            raise DataError(
                f"{path}: no folder of rollouts (it has no `rollouts/`); name a file or an evaluation's folder"
            )
        return enumerate(Table(path / "rollouts", key="id"), 1)
    if not path.is_file():
        raise DataError(f"{path}: no such file or folder of rollouts")
    return ((number, line) for number, line in enumerate(raw_lines(path), 1) if line.strip())


def _own_problem(row: Row, identifier: str, where: str) -> Problem:
    """Return the problem that the row itself states, without a reference where it has none."""
    wanted = {*QUESTION_KEYS, *ANSWER_KEYS, *CODE_KEYS, *_ABOUT_KEYS, "kind", "starter_code"}
    given = {key: value for key, value in row.items() if key.lower() in wanted and value is not None}
    if "kind" in given and given["kind"] not in list(Kind):
        raise RowError(f"kind must be math or code, got {given['kind']!r}")
    question = next((given[key] for key in QUESTION_KEYS if isinstance(given.get(key), str) and given[key].strip()), "")
    problem = to_problem({**given, "question": question or "?"}, RowRules(where=where, require_reference=False))
    return replace(problem, id=identifier, question=question)


def _has_reference(problem: Problem) -> bool:
    return problem.answer is not None or problem.tests is not None


def _turns(row: Row, format: Format) -> tuple[Message, ...]:
    """Return the conversation, or the bare completion as one assistant turn; it ends with an assistant turn."""
    given = row.get("completion")
    if isinstance(given, str):
        return (Message(role="assistant", content=given),)
    rows = given if isinstance(given, list) else row.get("messages")
    turns = [_message(turn) for turn in rows] if isinstance(rows, list) else []
    while turns and turns[-1].role != "assistant":
        turns.pop()
    if not turns:
        raise RowError(f"neither {format.completion} nor `messages` with an assistant turn; it has {_keys(row)}")
    return tuple(turns)


def _message(turn: object) -> Message:
    if not isinstance(turn, dict) or turn.get("role") not in ("system", "user", "assistant", "tool"):
        raise RowError("each of `messages` needs a `role` (system, user, assistant or tool) and `content`")
    content = turn.get("content")
    if isinstance(content, list):
        content = "".join(part.get("text") or "" for part in content if isinstance(part, dict))
    if content is not None and not isinstance(content, str):
        raise RowError(f"the content of a message must be text, got {type(content).__name__}")
    return to_messages([{**turn, "content": content}])[0]


def _finish_reason(row: Row) -> FinishReason:
    given = row.get("finish_reason")
    return FinishReason(given) if given in list(FinishReason) else FinishReason.STOP


def _usage(row: Row) -> Usage:
    usage = row.get("usage")
    given: Mapping[str, Any] = usage if isinstance(usage, dict) else row
    counts = {key: given.get(key) for key in ("prompt_tokens", "cached_tokens", "completion_tokens")}
    return Usage(**{key: n for key, n in counts.items() if isinstance(n, int)})


def _label(row: Row, key: str | None) -> bool | None:
    """Return what the row says of its rightness."""
    marks = row.get("marks")
    places = (row, marks if isinstance(marks, dict) else {})
    for name in (key,) if key else LABEL_KEYS:
        for place in places:
            value = place.get(name)
            # A number is taken for a label only where its key was named: it may be anything.
            if isinstance(value, bool) or (key and type(value) in (int, float) and value in (0, 1)):
                return bool(value)
    return None


def _score(row: Row, key: str | None) -> float | None:
    marks = row.get("marks")
    for name in (key,) if key else SCORE_KEYS:
        for place in (row, marks if isinstance(marks, dict) else {}):
            value = place.get(name)
            if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
                return float(value)
    return None


def _text(row: Row, key: str) -> str:
    value = row.get(key)
    return value if isinstance(value, str) else ""


def _keys(row: Row) -> str:
    return ", ".join(json.dumps(key, ensure_ascii=False).strip('"') for key in list(row)[:12]) or "no keys"
