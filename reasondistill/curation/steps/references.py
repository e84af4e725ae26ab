"""Drop problems that a reference model solves: too easy to teach with (s1, section 2.2)."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Self

from ..candidate_source import Candidate
from ..curation_step import Context

if TYPE_CHECKING:
    from ..options import CurateOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferenceOptions:
    """Options of the step."""

    models: tuple[str, ...] = ()
    """Reference models; the recipe's `curate.unsolved_by`."""


@dataclass(frozen=True, slots=True)
class References:
    """Drop rollouts of problems that a reference model has solved."""

    options: ReferenceOptions
    name: ClassVar[str] = "references"
    Options: ClassVar[type[ReferenceOptions]] = ReferenceOptions

    @classmethod
    def of(cls, curate: "CurateOptions") -> Self | None:
        """Return the step where reference models are named."""
        return cls(ReferenceOptions(models=curate.unsolved_by)) if curate.unsolved_by else None

    def __call__(self, candidates: Iterable[Candidate], context: Context) -> Iterator[Candidate]:
        """Run the step over `context.measured.solved_by`."""
        for candidate in candidates:
            model = context.measured.solved_by.get(candidate.problem.id)
            if model is None:
                yield candidate
            else:
                context.ledger.add(candidate.drop(self.name, "solved_by_reference", model))
