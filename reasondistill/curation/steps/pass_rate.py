"""Pass rate: keep problems that a reference model solves sometimes, neither never nor always."""

from dataclasses import dataclass
from typing import Annotated

from annotated_types import Ge, Le


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
