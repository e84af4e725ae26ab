"""The protocol of a curation step, and what a step may use besides its options.

A step sees candidates in a fixed order (problems in their order, then index), so its result does not depend on the
order in which rollouts were sampled.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol

from .candidate_source import Candidate, Source
from .contamination import ContaminationSearch
from .ledger import Ledger


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """Measurements that models made of problems and rollouts before curation."""

    rates: Mapping[str, float] = field(default_factory=dict)
    """Pass rate under the reference model by problem id."""
    solved_by: Mapping[str, str] = field(default_factory=dict)
    """Name of a reference model by the id of a problem that it solved."""
    ifd: Mapping[str, float | None] = field(default_factory=dict)
    """Instruction-following difficulty by rollout id; None where it has no value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """Everything a curation step may use besides its options and the candidates."""

    source: Source
    """All candidates: `source.only(ids)` reads some of them again."""
    ledger: Ledger
    """Ledger that gets a row for every candidate that the step drops."""
    seed: int = 0
    """The recipe's seed."""
    measured: Measured = field(default_factory=Measured)
    contamination: ContaminationSearch | None = None
    """Benchmarks to look questions up in. None turns decontamination off."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NoOptions:
    """Options of a step that has none."""


class CurationStep(Protocol):
    """One step of curation: a class that is made with its options and called with candidates.

    `name` is the step's name in the ledger, `Options` the record of its options.
    """

    name: ClassVar[str]
    Options: ClassVar[type[Any]]

    def __call__(self, candidates: Iterable[Candidate], context: Context) -> Iterator[Candidate]:
        """Yield the accepted candidates in their order and enter each of the others in the ledger once."""
