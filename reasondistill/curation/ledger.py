"""The drop ledger: one row for every rollout that did not become an example, with step, reason and evidence."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

from ..records import SCHEMA, Row


@dataclass(frozen=True, slots=True, kw_only=True)
class Drop:
    """Why one rollout was left out."""

    rollout_id: str
    problem_id: str
    step: str
    """The curation step that dropped it."""
    reason: str
    evidence: str = ""
    """What a person needs to agree: the matching text, the id of the twin, the count."""

    def to_row(self) -> Row:
        """Return the row of the `drops` table."""
        return {**asdict(self), "schema": SCHEMA}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fall:
    """One stage of the waterfall."""

    stage: str
    kept: int
    dropped: int
    reasons: Mapping[str, int]
    """Dropped rollouts by reason; they add up to `dropped`."""


@dataclass(slots=True)
class Ledger:
    """Collects drops while rollouts pass through the steps, so that the counts of the steps add up."""

    drops: list[Drop] = field(default_factory=list)

    def add(self, drop: Drop) -> None:
        """Enter one drop."""
        self.drops.append(drop)

    def counts(self) -> dict[str, Counter[str]]:
        """Return the number of drops by step and reason."""
        counts: dict[str, Counter[str]] = {}
        for drop in self.drops:
            counts.setdefault(drop.step, Counter())[drop.reason] += 1
        return counts


def waterfall(rollouts: int, drops: Mapping[str, Mapping[str, int]], examples: int) -> list[Fall]:
    """Return what each step left of the rollouts, in the steps' order, down to the examples.

    Raises ValueError when kept and dropped do not add up: then a rollout has vanished without a word, or stands in the
    ledger twice.

    >>> [fall.kept for fall in waterfall(5, {"outcome": {"incorrect": 2}, "complete": {"truncated": 1}}, 2)]
    [3, 2]
    """
    falls, left = [], rollouts
    for step, reasons in drops.items():
        dropped = sum(reasons.values())
        left -= dropped
        falls.append(Fall(stage=step, kept=left, dropped=dropped, reasons=dict(reasons)))
    if left != examples:
        raise ValueError(f"{rollouts} rollouts, {rollouts - left} in the drop ledger, {examples} examples: no sum")
    return falls
