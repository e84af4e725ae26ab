"""Where candidates are read from, as often as needed: the steps that choose among all of them keep ids, not texts.

What a step holds in memory is a key a row; the rows themselves are read again for the next one.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from verifiers import Verdict

from ..records import Kind, Problem, Rollout
from ..store import Table
from .candidates import Candidate


@runtime_checkable
class Source(Protocol):
    """Candidates in a fixed order, read from the beginning each time."""

    def __iter__(self) -> Iterator[Candidate]:
        """Yield all of them."""
        ...

    def only(self, ids: Collection[str]) -> Iterator[Candidate]:
        """Yield those whose rollouts have these ids, in the source's order."""
        ...


@dataclass(frozen=True, slots=True)
class Listed:
    """Candidates that are held in memory anyhow."""

    candidates: Sequence[Candidate]

    def __iter__(self) -> Iterator[Candidate]:
        return iter(self.candidates)

    def only(self, ids: Collection[str]) -> Iterator[Candidate]:
        """Yield those whose rollouts have these ids."""
        return (candidate for candidate in self.candidates if candidate.rollout.id in ids)

    def ordered(self, ids: Iterable[str]) -> Iterator[Candidate]:
        """Yield those whose rollouts have these ids, in the ids' order."""
        held = {candidate.rollout.id: candidate for candidate in self.candidates}
        return (held[identifier] for identifier in ids)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """The judged rollouts of two tables, in the order of `ids`."""

    problems: Mapping[str, Problem]
    """By id."""
    rollouts: Table
    verdicts: Table
    ids: Sequence[str]
    """Rollouts that both tables have."""

    def __iter__(self) -> Iterator[Candidate]:
        return self._read(self.ids)

    def only(self, ids: Collection[str]) -> Iterator[Candidate]:
        """Yield those whose rollouts have these ids; the others are not even parsed."""
        return self._read(identifier for identifier in self.ids if identifier in ids)

    def ordered(self, ids: Iterable[str]) -> Iterator[Candidate]:
        """Yield those whose rollouts have these ids, in the ids' order."""
        return self._read(ids)

    def _read(self, ids: Iterable[str]) -> Iterator[Candidate]:
        wanted = list(ids)
        for row, verdict in zip(self.rollouts.rows(wanted), self.verdicts.rows(wanted), strict=True):
            rollout = Rollout.from_row(row)
            problem = self.problems[rollout.problem_id]
            yield Candidate(problem=problem, rollout=rollout, verdict=Verdict.from_row(verdict))


@dataclass(frozen=True, slots=True)
class Key:
    """What is held of a candidate that was kept."""

    rollout_id: str
    problem_id: str
    ran_code: bool
    """Its problem wants a program, or its rollout executed some code."""

    @classmethod
    def of(cls, candidate: Candidate) -> "Key":
        """Return a candidate's key."""
        ran_code = candidate.problem.kind is Kind.CODE or bool(candidate.rollout.annotations.get("executions"))
        return cls(candidate.rollout.id, candidate.problem.id, ran_code)


@dataclass(frozen=True, slots=True)
class Kept:
    """Candidates of a source that were kept: their keys in memory, the rows read anew by each iteration."""

    source: Source
    keys: Sequence[Key]

    def __len__(self) -> int:
        return len(self.keys)

    def __iter__(self) -> Iterator[Candidate]:
        return self.source.only({key.rollout_id for key in self.keys})

    def only(self, ids: Collection[str]) -> Iterator[Candidate]:
        """Yield those whose rollouts have these ids."""
        return self.source.only({key.rollout_id for key in self.keys if key.rollout_id in ids})

    def first(self, count: int) -> Iterator[Candidate]:
        """Yield the first few."""
        return self.source.only({key.rollout_id for key in self.keys[:count]})


def in_order(source: Source, ids: Sequence[str]) -> Iterator[Candidate]:
    """Yield the candidates of these ids in the ids' order; those of a source that cannot seek are held."""
    found = source if isinstance(source, Stored | Listed) else Listed(list(source.only(set(ids))))
    return found.ordered(ids)


def to_source(candidates: Iterable[Candidate]) -> Source:
    """Return candidates as a source; what is none is held in memory."""
    return candidates if isinstance(candidates, Source) else Listed(list(candidates))
