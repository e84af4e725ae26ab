"""The curation steps in the recipe's order, from every judged rollout to those that become examples."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from .candidates import Candidate
from .contamination import ContaminationReport
from .decontamination import HeldOut
from .ledger import Ledger
from .near_duplicates import NearDuplicateOptions, drop_near_duplicates
from .quality import CHECKS, QualityOptions, keep_quality
from .steps import (
    ORDER,
    drop_contaminated,
    drop_duplicates,
    keep_complete,
    keep_outcome,
    keep_pass_rate,
    limit_per_problem,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """What stayed, in order, and why the others did not."""

    kept: tuple[Candidate, ...]
    ledger: Ledger
    contamination: ContaminationReport | None = None
    """What decontamination found; None where it is off."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SelectOptions:
    """The knobs of `select`; the recipe's `curate` block."""

    keep: str = "correct"
    quality: QualityOptions = field(default_factory=QualityOptions)
    deduplicate: bool = True
    near_duplicates: NearDuplicateOptions = field(default_factory=NearDuplicateOptions)
    max_per_problem: int | None = None
    pass_rate: tuple[float, float] | None = None
    """Open interval of the problem's pass rate under the reference model."""


def select(
    candidates: Iterable[Candidate],
    options: SelectOptions,
    held_out: HeldOut | None = None,
    rates: Mapping[str, float] | None = None,
) -> Selection:
    """Run the steps; decontamination comes last, on what would be trained on. Each rollout is kept or in the ledger.

    Without `held_out` nothing is decontaminated.
    """
    ledger = Ledger()
    stream = keep_complete(keep_outcome(candidates, options.keep, ledger), ledger)
    if any(getattr(options.quality, knob) for knob, _ in CHECKS.values()):
        stream = keep_quality(stream, options.quality, ledger)
    if options.deduplicate:
        stream = drop_duplicates(stream, ledger)
    if options.near_duplicates.problems is not None or options.near_duplicates.traces is not None:
        stream = drop_near_duplicates(stream, options.near_duplicates, ledger)
    if options.pass_rate is not None:
        stream = keep_pass_rate(stream, rates or {}, *options.pass_rate, ledger)
    if options.max_per_problem is not None:
        stream = limit_per_problem(stream, options.max_per_problem, ledger)
    report = None if held_out is None else ContaminationReport(held_out)
    if report is not None:
        stream = drop_contaminated(stream, report, ledger)
    kept = tuple(stream)
    # Rollouts pass the steps one after another; the ledger lists them step by step.
    ledger.drops.sort(key=lambda drop: ORDER.index(drop.step))
    return Selection(kept=kept, ledger=ledger, contamination=report)
