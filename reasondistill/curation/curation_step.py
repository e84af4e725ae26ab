"""A curation step, and everything that it may use besides its options.

A step sees candidates in a fixed order (problems in their order, then index), so its result does not depend on the
order in which rollouts were sampled.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from ..store.options import NoOptions
from .candidate_source import Candidate, Source
from .contamination import ContaminationSearch
from .ledger import Ledger

Reason = tuple[str, str]
"""Why a candidate is left out: a word for the ledger, and the evidence."""


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


class CurationStep:
    """One step of curation: made with its options, called with candidates. Your own step may also just look like it."""

    name: ClassVar[str]
    """The step's name in the ledger."""
    Options: ClassVar[type[Any]] = NoOptions
    """Record of its options."""

    def __init__(self, options: Any = None) -> None:
        self.options = self.Options() if options is None else options

    def __call__(self, candidates: Iterable[Candidate], context: Context) -> Iterator[Candidate]:
        """Yield the accepted candidates in their order and enter each of the others in the ledger once."""
        for candidate in candidates:
            if (fault := self.fault(candidate, context)) is None:
                yield candidate
            else:
                context.ledger.add(candidate.drop(self.name, *fault))

    def fault(self, candidate: Candidate, context: Context) -> Reason | None:
        """Return why one candidate is left out, or None. A step that compares candidates overrides `__call__`."""
        raise NotImplementedError
