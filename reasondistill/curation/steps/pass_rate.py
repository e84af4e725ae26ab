"""Pass rate: keep problems that a reference model solves sometimes, neither never nor always."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar, Self

from annotated_types import Ge, Le

from ..candidate_source import Candidate
from ..curation_step import Context

if TYPE_CHECKING:
    from ..options import CurateOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class PassRateOptions:
    """Options of the pass-rate band, meant for RL data; the recipe's `curate.pass_rate`."""

    enabled: bool | None = None
    """Scope of the band: true for every row, false for none, null for the rows for RL alone (`export.formats` grpo),
    where the recipe names a reference model or a student."""
    low: Annotated[float, Ge(0), Le(1)] = 0.1
    """Pass rate at and below which a problem is too hard."""
    high: Annotated[float, Ge(0), Le(1)] = 0.9
    """Pass rate at and above which a problem is too easy."""
    samples: Annotated[int, Ge(1)] = 4
    """Rollouts of the reference model per problem."""
    model: str | None = None
    """Reference model. Defaults to the untrained student."""

    def holds(self, rate: float) -> bool:
        """Return whether a pass rate lies strictly within the band."""
        return self.low < rate < self.high


@dataclass(frozen=True, slots=True)
class PassRate:
    """Keep problems whose pass rate under the reference model lies strictly within the band (open-r1: 0.1 to 0.9)."""

    options: PassRateOptions
    name: ClassVar[str] = "pass_rate"
    Options: ClassVar[type[PassRateOptions]] = PassRateOptions

    @classmethod
    def of(cls, curate: "CurateOptions") -> Self | None:
        """Return the step where the band is on for every row, not for the rows for RL alone."""
        return cls(curate.pass_rate) if curate.pass_rate.enabled else None

    def __call__(self, candidates: Iterable[Candidate], context: Context) -> Iterator[Candidate]:
        """Run the step over `context.measured.rates`."""
        for candidate in candidates:
            rate = context.measured.rates.get(candidate.problem.id)
            if rate is None:
                context.ledger.add(candidate.drop(self.name, "unknown"))
            elif self.options.holds(rate):
                yield candidate
            else:
                reason = "too_easy" if rate >= self.options.high else "too_hard"
                context.ledger.add(candidate.drop(self.name, reason, f"{rate:.3f}"))
