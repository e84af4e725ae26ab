"""Candidates (judged rollouts) and the source that reads them as often as needed.

Steps that choose among all candidates hold a key per candidate and read the texts again; memory never holds all texts.
"""

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from verifiers import Verdict

from ..records import Message, Problem, Rollout
from ..store import Table
from .ledger import Drop


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """Ids of a candidate, kept in memory in its place. Steps extend it with the numbers they choose by."""

    rollout_id: str
    problem_id: str

    def drop(self, step: str, reason: str, evidence: str = "") -> Drop:
        """Return the ledger's row for leaving it out."""
        return Drop(rollout_id=self.rollout_id, problem_id=self.problem_id, step=step, reason=reason, evidence=evidence)


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A rollout with its problem and verdict."""

    problem: Problem
    rollout: Rollout
    verdict: Verdict

    @property
    def key(self) -> Key:
        """Its ids."""
        return Key(rollout_id=self.rollout.id, problem_id=self.problem.id)

    @property
    def completion_text(self) -> str:
        """Everything that the completion says, message by message."""
        return "\n".join(map(full_text, self.rollout.completion))

    def drop(self, step: str, reason: str, evidence: str = "") -> Drop:
        """Return the ledger's row for leaving it out."""
        return self.key.drop(step, reason, evidence)


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Candidates in a fixed order; each iteration reads them from the beginning.

    >>> len(Source.of([]))
    0
    """

    ids: Sequence[str]
    """Rollout ids in the source's order."""
    read: Callable[[Iterable[str]], Iterator[Candidate]]
    """Reader of the candidates with these rollout ids, in the order of the ids."""

    @classmethod
    def of(cls, candidates: Iterable[Candidate]) -> "Source":
        """Return a source that holds the candidates in memory, unless they are a source already."""
        if isinstance(candidates, Source):
            return candidates
        held = {candidate.rollout.id: candidate for candidate in candidates}
        return cls(ids=list(held), read=lambda ids: (held[identifier] for identifier in ids))

    def __len__(self) -> int:
        return len(self.ids)

    def __iter__(self) -> Iterator[Candidate]:
        return self.read(self.ids)

    def only(self, ids: Collection[str]) -> Iterator[Candidate]:
        """Yield the candidates with these rollout ids in the source's order; the others are not even parsed."""
        return self.read(identifier for identifier in self.ids if identifier in ids)

    def narrowed(self, ids: Sequence[str]) -> "Source":
        """Return a source of these rollout ids, in their order, with the same reader."""
        return replace(self, ids=ids)


def stored_source(problems: Mapping[str, Problem], rollouts: Table, verdicts: Table, ids: Sequence[str]) -> Source:
    """Return the judged rollouts of two tables in the order of `ids`, which both tables hold; `problems` are by id."""

    def read(ids: Iterable[str]) -> Iterator[Candidate]:
        wanted = list(ids)
        for row, verdict in zip(rollouts.rows(wanted), verdicts.rows(wanted), strict=True):
            rollout = Rollout.from_row(row)
            yield Candidate(problem=problems[rollout.problem_id], rollout=rollout, verdict=Verdict.from_row(verdict))

    return Source(ids=ids, read=read)


def full_text(message: Message) -> str:
    """Return everything that a message says: reasoning, content and calls, without the ids of the calls."""
    calls = json.dumps([call.get("function") for call in message.tool_calls]) if message.tool_calls else ""
    return f"{message.reasoning or ''}\n{message.content}{calls}"
