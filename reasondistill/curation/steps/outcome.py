"""Keep rollouts by the outcome of their verdict."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Literal, Self

from verifiers import Outcome

from ..candidate_source import Candidate
from ..curation_step import Context

if TYPE_CHECKING:
    from ..options import CurateOptions

_ACCEPTED = {
    "correct": {Outcome.CORRECT},
    "wrong": {Outcome.INCORRECT, Outcome.NO_ANSWER, Outcome.TIMEOUT},
    "all": set(Outcome) - {Outcome.ERROR},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class OutcomeOptions:
    """Options of the step."""

    keep: Literal["correct", "wrong", "all"] = "correct"
    """Outcome of the rollouts that are kept."""


@dataclass(frozen=True, slots=True)
class KeepOutcome:
    """Keep `correct` rollouts, `wrong` ones (incorrect, no answer, timeout), or `all` that were judged.

    An undecided rollout is neither right nor wrong: it stays under `all` only. An error never stays.
    """

    options: OutcomeOptions = field(default_factory=OutcomeOptions)
    name: ClassVar[str] = "outcome"
    Options: ClassVar[type[OutcomeOptions]] = OutcomeOptions

    @classmethod
    def of(cls, curate: "CurateOptions") -> Self:
        """Return the step; it is always on."""
        return cls(OutcomeOptions(keep=curate.keep))

    def __call__(self, candidates: Iterable[Candidate], context: Context) -> Iterator[Candidate]:
        """Run the step."""
        accepted = _ACCEPTED[self.options.keep]
        for candidate in candidates:
            if candidate.verdict.outcome in accepted:
                yield candidate
            else:
                context.ledger.add(candidate.drop(self.name, candidate.verdict.outcome, candidate.verdict.reason))
