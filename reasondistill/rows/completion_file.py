"""Completions of a place as rollouts of problems: every row must be usable, or is left out on request and counted.

The place is read twice and never held: the first pass finds every unusable row and the problems, the second yields the
rollouts.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ..errors import DataError
from ..records import FinishReason, Kind, Problem, Rollout, Row, Sampling, Usage, content_id
from .completion import CompletionRow, spread
from .files import RawRow, parse_row, read_raw
from .keys import LABEL, RowError, key_names
from .layouts import Layout, recognise

MAX_SHOWN = 5
_FINISH_REASONS = {str(reason): reason for reason in FinishReason}


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadOptions:
    """Which rows are read, and how."""

    format: str = "auto"
    """auto, a name of `layouts.LAYOUTS`, or `package.module:Name`."""
    where: Mapping[str, str] = field(default_factory=dict)
    """Rows to read, by the values of their keys: `{"model": "a"}`."""
    skip_bad: bool = False
    """Leave out unusable rows, with a warning that counts them."""
    score: str | None = None
    """Key of the score; None tries `keys.SCORE`."""
    label: str | None = None
    """Key of the label that says whether the row is right; None tries `keys.LABEL`."""
    by_label: bool = False
    """Whether labels stand for verdicts, so that no reference is needed."""


@dataclass(slots=True, kw_only=True)
class CompletionFile:
    """The completions of a file, a folder or a hub dataset, and the problems that they answer."""

    path: Path
    references: Mapping[str, Problem] = field(default_factory=dict)
    """Problems from another file, by the id that the rows name."""
    options: ReadOptions = field(default_factory=ReadOptions)
    warn: Callable[[str], None] = print
    format: str = field(default="", init=False)
    """Layout of the first row."""
    problems: dict[str, Problem] = field(default_factory=dict, init=False)
    """Problems in the order of their first rows, filled by `scan`."""
    rollouts: int = field(default=0, init=False)
    counts: Counter[str] = field(default_factory=Counter, init=False)
    """Rollouts by problem."""
    models: Counter[str] = field(default_factory=Counter, init=False)
    _spellings: dict[str, str | None] = field(default_factory=dict, init=False)
    _bad: dict[str, str] = field(default_factory=dict, init=False)
    """Reason by the place of an unusable row."""

    def scan(self) -> None:
        """Read every row once. Raises DataError that names the first unusable row, or if there are no rollouts."""
        unreferenced: dict[str, list[str]] = {}
        for raw, completion in self.completions():
            problem = self._usable(raw, self._problem, completion)
            if problem is not None:
                self._note(raw, completion, problem, unreferenced)
        for identifier, places in unreferenced.items():
            if identifier not in self.problems or not _has_reference(self.problems[identifier]):
                self._drop_unreferenced(identifier, places)
        self.warn_of_skipped()
        if not self.rollouts:
            where = ", ".join(f"{key}={value}" for key, value in self.options.where.items())
            with_where = f" with {where}" if where else ""
            raise DataError(f"{self.path}: holds no rollouts{with_where}; each line is one completion of a problem")

    def __iter__(self) -> Iterator[Rollout]:
        """Yield the rollouts; call `scan` first."""
        seen: Counter[str] = Counter()
        index: Counter[str] = Counter()
        for _, completion in self.completions():
            problem = self.problems[_identifier(completion)]
            turns = [turn.to_row() for turn in (*completion.prompt, *completion.turns)]
            name = content_id("imported", problem.id, problem.content_hash, turns)
            seen[name] += 1
            yield _rollout(completion, problem.id, content_id(name, seen[name]), index[problem.id])
            index[problem.id] += 1

    def completions(self) -> Iterator[tuple[RawRow, CompletionRow]]:
        """Yield the completions of the rows that are wanted and usable."""
        wanted = self.options
        repeated: list[Any] = []
        for raw in read_raw(self.path):
            row = None if self._bad and raw.place in self._bad else self._usable(raw, parse_row, raw.raw)
            if row is None or any(str(row.get(key)) != value for key, value in wanted.where.items()):
                continue
            layout = recognise(row, wanted.format)
            self.format = self.format or layout.name
            if layout.repeats:
                repeated = repeated or [row.get(layout.repeats)]
                if row.get(layout.repeats) != repeated[0]:
                    continue
            for completion in self._usable(raw, self._spread, row, layout, raw.number) or ():
                yield raw, completion

    def cases(self) -> Iterator[tuple[RawRow, CompletionRow, Problem]]:
        """Yield each completion with its own problem, for judging row by row: rows need not name problems or agree."""
        for raw, completion in self.completions():
            problem = self._usable(raw, self._own_problem, completion)
            if problem is not None:
                yield raw, completion, problem

    def _own_problem(self, completion: CompletionRow) -> Problem:
        known = self.reference(completion.problem_id) if completion.problem_id is not None else None
        problem = known or completion.problem(completion.problem_id or "", where=str(self.path))
        if not _has_reference(problem):
            how = "add `answer` or `tests` to the row, or --problems FILE with its problem_id"
            raise RowError(f"no reference; {how} (it has {key_names(completion.row)})")
        return problem

    def _spread(self, row: Row, layout: Layout, number: int) -> list[CompletionRow]:
        options = self.options
        return list(spread(row, layout, number=number, label=options.label or "", score=options.score or ""))

    def _usable(self, raw: RawRow, function: Callable[..., Any], *arguments: Any) -> Any:
        """Call a function of one row; a row that it refuses is an error, or is noted and None comes back."""
        try:
            return function(*arguments)
        except RowError as error:
            if not self.options.skip_bad:
                raise DataError(f"{raw.place}: {error} (--skip-bad leaves such rows out)") from None
            self._bad[raw.place] = str(error)
            return None

    def _note(self, raw: RawRow, completion: CompletionRow, problem: Problem, unreferenced: dict[str, Any]) -> None:
        earlier = self.problems.get(problem.id)
        if earlier is None or not _has_reference(earlier):
            self.problems[problem.id] = problem
        if not _has_reference(problem):
            unreferenced.setdefault(problem.id, []).append(raw.place)
        self.counts[problem.id] += 1
        self.rollouts += 1
        if model := _text(completion.row, "model"):
            self.models[model] += 1

    def _problem(self, completion: CompletionRow) -> Problem:
        """Return the problem of a completion. Raises RowError."""
        identifier = _identifier(completion)
        if self.options.by_label and completion.label is None:
            key = self.options.label or f"any of {', '.join(LABEL)}"
            raise RowError(f"no label: {key} must be true or false; it has {key_names(completion.row)}")
        if (known := self.reference(identifier)) is not None:
            return replace(known, id=identifier)
        if completion.row.get("kind") not in (None, *Kind):
            raise RowError(f"kind must be math or code, got {completion.row['kind']!r}")
        earlier = self.problems.get(identifier)
        stated = completion.problem(identifier, where=str(self.path))
        if earlier is None or not _has_reference(stated) or not _has_reference(earlier):
            return stated if earlier is None or _has_reference(stated) else replace(stated, kind=earlier.kind)
        if (earlier.kind, earlier.answer, earlier.tests) != (stated.kind, stated.answer, stated.tests):
            what = "answer" if stated.kind is earlier.kind is Kind.MATH else "reference"
            shown = f" ({stated.answer!r}, before {earlier.answer!r})" if what == "answer" else ""
            raise RowError(f"the problem {identifier!r} has another {what} in an earlier row{shown}")
        return earlier

    def reference(self, identifier: str) -> Problem | None:
        """Return the problem of that id from `references`; harnesses spell ids apart ("Mbpp/2", "mbpp/2", "2")."""
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

    def _drop_unreferenced(self, identifier: str, places: Sequence[str]) -> None:
        """Leave out the rows of a problem for which no row and no file has a reference, or raise DataError."""
        if self.options.by_label:
            return
        reason = f"no reference for the problem {identifier!r}; add `answer` or `tests` to the row, or --problems FILE"
        if not self.options.skip_bad:
            raise DataError(f"{places[0]}: {reason}")
        self._bad |= dict.fromkeys(places, reason)
        self.rollouts -= self.counts.pop(identifier)
        del self.problems[identifier]

    def warn_of_skipped(self) -> None:
        """Say how many rows were left out, if any, and why the first was."""
        if self._bad:
            places = sorted((place.rpartition(":")[0], int(place.rpartition(":")[2]), place) for place in self._bad)
            shown = ", ".join(str(number) for _, number, _ in places[:MAX_SHOWN])
            more = f" and {len(places) - MAX_SHOWN} more" if len(places) > MAX_SHOWN else ""
            count = f"{self.path}: left out {len(places)} unusable rows: lines {shown}{more}"
            self.warn(f"{count}; the first: {self._bad[places[0][2]]}")


def _identifier(completion: CompletionRow) -> str:
    """Return the id of the problem that a completion answers. Raises RowError."""
    if completion.problem_id is not None:
        return completion.problem_id
    if completion.question:
        return content_id("question", completion.question)
    if completion.id is not None:
        return completion.id
    raise RowError(f"no `problem_id`, which says what it is an attempt at; it has {key_names(completion.row)}")


def _has_reference(problem: Problem) -> bool:
    return problem.answer is not None or problem.tests is not None


def _rollout(completion: CompletionRow, problem_id: str, identifier: str, index: int) -> Rollout:
    row = completion.row
    annotations = {"label": completion.label, "score": completion.score, "given_id": completion.id}
    return Rollout(
        id=identifier,
        problem_id=problem_id,
        index=index,
        strategy=_text(row, "strategy") or "imported",
        messages=(*completion.prompt, *completion.turns),
        finish_reason=_FINISH_REASONS.get(completion.finish or "", FinishReason.STOP),
        model=_text(row, "model"),
        engine=_text(row, "engine") or "imported",
        sampling=Sampling(),
        prompt_hash=_text(row, "prompt_hash"),
        usage=_usage(row),
        annotations={key: value for key, value in annotations.items() if value is not None},
    )


def _usage(row: Row) -> Usage:
    usage = row.get("usage")
    stated: Mapping[str, Any] = usage if isinstance(usage, dict) else row
    counts = {key: stated.get(key) for key in ("prompt_tokens", "cached_tokens", "completion_tokens")}
    return Usage(**{key: n for key, n in counts.items() if isinstance(n, int)})


def _text(row: Row, key: str) -> str:
    value = row.get(key)
    return value if isinstance(value, str) else ""
