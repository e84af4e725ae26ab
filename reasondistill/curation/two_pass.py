"""Two passes over candidates: one that looks at all and holds keys, one that reads the chosen ones again."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from .candidate_source import Listed
from .candidates import Candidate
from .ledger import Drop, Ledger

Again = Callable[[Collection[str]], Iterable[Candidate]]
"""Reads the candidates of these rollouts once more, in the order in which they came: `Source.only`."""


class Keyed(Protocol):
    """What is held of a candidate at least."""

    @property
    def id(self) -> str:
        """The rollout's."""
        ...

    @property
    def problem_id(self) -> str:
        """The problem's."""
        ...


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a candidate is left out."""

    name: str
    evidence: str = ""


K = TypeVar("K", bound=Keyed)


def two_passes(
    candidates: Iterable[Candidate],
    describe: Callable[[Candidate], K],
    refuse: Callable[[Sequence[K], Again], Mapping[str, Reason]],
    ledger: Ledger,
    step: str,
    again: Again | None,
) -> Iterator[Candidate]:
    """Yield the candidates that `refuse` gives no reason against; the others are drops of this step.

    `refuse` sees the keys of all and can read some of them again. Without `again` the candidates are held.
    """
    if again is None:
        held = candidates = list(candidates)
        again = Listed(held).only
    keys = [describe(candidate) for candidate in candidates]
    refused = refuse(keys, again)
    for key in keys:
        if (why := refused.get(key.id)) is not None:
            drop = Drop(rollout_id=key.id, problem_id=key.problem_id, step=step, reason=why.name, evidence=why.evidence)
            ledger.add(drop)
    kept = {key.id for key in keys if key.id not in refused}
    del keys
    yield from again(kept)


@dataclass(frozen=True, slots=True)
class Key:
    """A key with nothing but ids."""

    id: str
    problem_id: str

    @classmethod
    def of(cls, candidate: Candidate) -> "Key":
        """Return a candidate's key."""
        return cls(candidate.rollout.id, candidate.problem.id)
