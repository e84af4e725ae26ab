"""Run a list of curation steps over every judged rollout; those that every step accepts become examples."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from ..store.options import load_member, read_choice
from .candidate_source import Candidate, Key, Source
from .contamination import ContaminationReport, ContaminationSearch
from .curation_step import Context, CurationStep, Measured
from .ledger import Ledger, WaterfallRow, waterfall
from .lookup.held_out import HeldOut
from .options import CurateOptions
from .steps import CUSTOM, ORDER, STEPS
from .steps.licence import Licence, LicenceRule


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
    """Return the steps that the options turn on, in the order of `ORDER`; `licence` defaults to no licence named.

    Raises RecipeError for a custom step that cannot be imported or refuses its options.
    """
    steps: list[CurationStep] = [Licence(licence or LicenceRule())]
    for name in ORDER:
        if name == CUSTOM:
            for choice in options.custom:
                member, own = read_choice(choice, STEPS, "curate.custom")
                steps.append(member(own))
        elif (step := load_member(STEPS[name], {}, "curation step").of(options)) is not None:
            steps.append(step)
    return steps


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
    counted = _Counted(source, problems)
    stream: Iterable[Candidate] = counted
    for step in steps:
        stream = step(stream, context)
    keys = [Key.of(candidate) for candidate in stream]
    rows = waterfall(counted.number, ledger.counts(), len(keys))
    return Selection(
        kept=source.narrowed([key.rollout_id for key in keys]),
        keys=keys,
        ledger=ledger,
        waterfall=tuple(rows),
        contamination=None if search is None else search.report(),
    )


class _Counted:
    """Passes the candidates of some problems, or of all, and counts them."""

    def __init__(self, candidates: Iterable[Candidate], problems: Collection[str] | None) -> None:
        self._candidates = candidates
        self._problems = problems
        self.number = 0

    def __iter__(self) -> Iterator[Candidate]:
        for candidate in self._candidates:
            if self._problems is None or candidate.problem.id in self._problems:
                self.number += 1
                yield candidate
