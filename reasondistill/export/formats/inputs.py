"""What the export formats are made of: the kept rollouts, the wrong ones of the same problems, and a way to read both.

A key a rollout is held; texts are read again, in the order in which a format wants them.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import groupby
from operator import attrgetter
from typing import Any

from verifiers import Outcome

from ...curation.candidate_source import Candidate, Key, Source
from ...records import Example
from ..receipts import messages_hash
from ..rendering import uses_tools

_RIGHT = {Outcome.CORRECT: True, Outcome.INCORRECT: False, Outcome.TIMEOUT: False}
"""What is verified right or wrong; no answer, undecided and error are neither."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry(Key):
    """A rollout's key with the numbers that pairs are chosen by."""

    length: int
    """Tokens of the completion; its characters where no engine counted."""
    right: bool | None
    """None where the verifier said neither."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """A rollout as the formats see it."""

    candidate: Candidate
    example: Example
    """The student's prompt and the completion as the main split has them."""

    @property
    def right(self) -> bool | None:
        """Whether it was verified right or wrong; None for neither."""
        return _RIGHT.get(self.candidate.verdict.outcome)


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """The rollouts of one dataset. No problem without a kept rollout is in it."""

    source: Source
    make: Callable[[Candidate], Example]
    kept: tuple[Entry, ...]
    wrong: tuple[Entry, ...] = ()
    """Verified wrong rollouts of the same problems, that curation left out for nothing else."""
    tools: bool = False
    """Whether some rollout called a tool."""
    rl_problems: frozenset[str] | None = None
    """Problems that rows for RL may be of; None: all."""
    hash: str = ""
    """Of all texts in it: the same material has the same one."""

    def read(self, entries: Iterable[Entry]) -> Iterator[Sample]:
        """Yield the samples in the order of the entries."""
        ids = [entry.rollout_id for entry in entries]
        return (Sample(candidate=c, example=self.make(c)) for c in self.source.read(ids))

    def groups(self) -> Iterator[list[Sample]]:
        """Yield the samples of one problem at a time, its kept ones first; problems in the order of the main split."""
        place = {name: number for number, name in enumerate(dict.fromkeys(e.problem_id for e in self.kept))}
        entries = sorted((*self.kept, *self.wrong), key=lambda entry: place[entry.problem_id])
        for _, group in groupby(self.read(entries), key=lambda sample: sample.candidate.problem.id):
            yield list(group)

    def problems(self) -> Iterator[Sample]:
        """Yield the first kept sample of each problem."""
        first: dict[str, Entry] = {}
        for entry in self.kept:
            first.setdefault(entry.problem_id, entry)
        return self.read(first.values())


def gather(kept: Source, make: Callable[[Candidate], Example], wrong: Source | None = None) -> Material:
    """Read the rollouts once and note what the formats need to know of them."""
    seen = _Seen()
    own = tuple(map(seen.entry, kept))
    others = tuple(entry for entry in map(seen.entry, wrong or ()) if entry.right is False)
    mine = set(map(attrgetter("rollout_id"), own))
    return Material(
        source=kept,
        make=make,
        kept=own,
        wrong=tuple(entry for entry in others if entry.rollout_id not in mine),
        tools=seen.tools,
        hash=seen.digest.hexdigest()[:20],
    )


@dataclass(slots=True)
class _Seen:
    """Turns candidates into entries and notes what they have in common."""

    tools: bool = False
    digest: Any = field(default_factory=sha256)

    def entry(self, candidate: Candidate) -> Entry:
        rollout = candidate.rollout
        self.tools = self.tools or uses_tools(rollout.completion)
        self.digest.update(f"{rollout.id} {messages_hash(rollout.completion)} {candidate.verdict.outcome}\n".encode())
        return Entry(
            rollout_id=rollout.id,
            problem_id=candidate.problem.id,
            length=rollout.usage.completion_tokens or len(rollout.written),
            right=_RIGHT.get(candidate.verdict.outcome),
        )
