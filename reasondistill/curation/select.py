"""Run a list of curation steps over every judged rollout; those that every step accepts become examples."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from ..store.options import read_choice
from .candidate_source import Candidate, Key, Source
from .contamination import ContaminationReport, ContaminationSearch
from .curation_step import Context, CurationStep, Measured
from .ledger import Ledger, WaterfallRow, waterfall
from .lookup.held_out import HeldOut
from .options import CurateOptions
from .steps import STEPS
from .steps.complete import Complete
from .steps.decontaminate import Decontaminate
from .steps.diverse import Diverse, DiverseOptions
from .steps.duplicates import Duplicates
from .steps.ifd import Ifd
from .steps.licence import Licence, LicenceRule
from .steps.limit import Limit, LimitOptions
from .steps.near_duplicates import NearDuplicates
from .steps.outcome import KeepOutcome, OutcomeOptions
from .steps.pass_rate import PassRate
from .steps.quality import Quality
from .steps.references import ReferenceOptions, References
from .steps.s1k import S1k, S1kOptions
from .steps.small_set import SmallSet
from .steps.token_budget import TokenBudget, TokenBudgetOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """The candidates that were kept, and why the others were not."""

    kept: Source
    keys: Sequence[Key]
    """Keys of the kept candidates, in their order."""
    ledger: Ledger
    waterfall: tuple[WaterfallRow, ...] = ()
    """One row per step that dropped something, from all rollouts to those kept."""
    contamination: ContaminationReport | None = None
    """Findings of decontamination; None where it is off."""


def make_steps(options: CurateOptions, licence: LicenceRule | None = None) -> list[CurationStep]:
    """Return the steps that the options turn on, in their order; `licence` defaults to no licence named.

    Filters come first, steps that choose a subset after them, and decontamination last, over the rows to be trained on.
    Raises RecipeError for a custom step that cannot be imported or refuses its options.
    """
    own = [read_choice(choice, STEPS, "curate.custom") for choice in options.custom]
    near, domain = options.near_duplicates, options.domain
    steps: list[CurationStep | None] = [
        Licence(licence),
        KeepOutcome(OutcomeOptions(keep=options.keep)),
        Complete(),
        Quality(options.quality) if options.quality.is_on else None,
        Duplicates() if options.deduplicate else None,
        NearDuplicates(near) if near.problems is not None or near.traces is not None else None,
        PassRate(options.pass_rate) if options.pass_rate.enabled else None,
        References(ReferenceOptions(models=options.unsolved_by)) if options.unsolved_by else None,
        Ifd(options.ifd) if options.ifd.model else None,
        *(member(record) for member, record in own),
        Limit(LimitOptions(count=count, choose=options.choose)) if (count := options.max_per_problem) else None,
        S1k(S1kOptions(count=options.s1k, domain=domain)) if options.s1k else None,
        Diverse(DiverseOptions(count=options.diverse, embedding=options.embedding)) if options.diverse else None,
        SmallSet(options.small_set, domain) if options.small_set.count else None,
        TokenBudget(TokenBudgetOptions(tokens=options.max_tokens)) if options.max_tokens else None,
        Decontaminate() if options.decontaminate else None,
    ]
    return [step for step in steps if step is not None]


def select(
    candidates: Iterable[Candidate],
    steps: Sequence[CurationStep],
    *,
    seed: int = 0,
    held_out: HeldOut | None = None,
    measured: Measured | None = None,
    problems: Collection[str] | None = None,
) -> Selection:
    """Run the steps in the order of the list. Each candidate is kept or in the ledger, once.

    Candidates of a `Source` are read once more for each step that chooses among all; others are held in memory.
    Without `held_out` nothing is decontaminated; `problems` restricts the candidates to these problem ids.
    """
    source = Source.of(candidates)
    search = None if held_out is None else ContaminationSearch(held_out)
    ledger = Ledger([step.name for step in steps])
    context = Context(source=source, ledger=ledger, seed=seed, measured=measured or Measured(), contamination=search)
    total = 0

    def counted() -> Iterator[Candidate]:
        nonlocal total
        for candidate in source:
            if problems is None or candidate.problem.id in problems:
                total += 1
                yield candidate

    stream: Iterable[Candidate] = counted()
    for step in steps:
        stream = step(stream, context)
    keys = [candidate.key for candidate in stream]
    return Selection(
        kept=source.narrowed([key.rollout_id for key in keys]),
        keys=keys,
        ledger=ledger,
        waterfall=tuple(waterfall(total, ledger.counts(), len(keys))),
        contamination=None if search is None else search.report(),
    )
