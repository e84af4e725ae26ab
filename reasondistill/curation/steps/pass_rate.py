"""Pass rate: keep problems that a reference model solves sometimes, neither never nor always."""

from dataclasses import dataclass
from typing import Annotated

from annotated_types import Ge, Le

from ..candidate_source import Candidate
from ..curation_step import Context, CurationStep, Reason


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


class PassRate(CurationStep):
    """Keep problems whose pass rate under the reference model lies strictly within the band (open-r1: 0.1 to 0.9)."""

    name = "pass_rate"
    Options = PassRateOptions
    options: PassRateOptions

    def fault(self, candidate: Candidate, context: Context) -> Reason | None:
        """Return on which side of the band `context.measured.rates` is."""
        rate = context.measured.rates.get(candidate.problem.id)
        if rate is None:
            return "unknown", ""
        high = rate >= self.options.high
        return None if self.options.holds(rate) else ("too_easy" if high else "too_hard", f"{rate:.3f}")
