"""The curation steps in the recipe's order, from every judged rollout to those that become examples."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from .candidate_source import Kept, Key, to_source
from .candidates import Candidate
from .contamination import ContaminationReport
from .ledger import Fall, Ledger, waterfall
from .lookup.embedding import TFIDF
from .steps.basic import (
    ORDER,
    drop_contaminated,
    drop_duplicates,
    keep_complete,
    keep_outcome,
    keep_pass_rate,
    keep_unsolved,
)
from .steps.choosing import choose_s1k, domain, fit_tokens, limit_per_problem
from .steps.decontaminate import HeldOut
from .steps.diverse import choose_diverse
from .steps.ifd import keep_ifd
from .steps.licence import LicenceRule, keep_licensed
from .steps.near_duplicates import NearDuplicateOptions, drop_near_duplicates
from .steps.quality import CHECKS, QualityOptions, keep_quality
from .steps.small_set import SmallSetOptions, choose_small_set


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """What stayed, in order, and why the others did not."""

    kept: Kept
    ledger: Ledger
    waterfall: tuple[Fall, ...] = ()
    """What each step that dropped something left, from all rollouts to those kept."""
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
    choose: str = "first"
    """Which rollouts of a problem those are; one of recipe.PER_PROBLEM."""
    s1k: int | None = None
    """Rollouts to draw by s1K's procedure; None is off."""
    domain: str = "subject"
    """Key of a problem's metadata that names its domain in that procedure."""
    max_tokens: int | None = None
    """Completion tokens of all that is kept."""
    seed: int = 0
    pass_rate: tuple[float, float] | None = None
    """Open interval of the problem's pass rate under the reference model."""
    ifd: float | None = None
    """Share with the highest instruction-following difficulty."""
    diverse: int | None = None
    """Rollouts to keep by facility location."""
    embedding: str = TFIDF
    small_set: SmallSetOptions = field(default_factory=SmallSetOptions)
    licence: LicenceRule = field(default_factory=LicenceRule)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What models said of the candidates before; see the steps that read it."""

    rates: Mapping[str, float] = field(default_factory=dict)
    """Pass rate of the reference model by problem."""
    solved_by: Mapping[str, str] = field(default_factory=dict)
    """A reference model by the problem that it has solved."""
    ifd: Mapping[str, float | None] = field(default_factory=dict)
    """By rollout."""


def select(
    candidates: Iterable[Candidate],
    options: SelectOptions,
    held_out: HeldOut | None = None,
    measured: Measured | None = None,
) -> Selection:
    """Run the steps; decontamination comes last, on what would be trained on. Each rollout is kept or in the ledger.

    Without `held_out` nothing is decontaminated. Candidates of a `Source` are read once more for each step that chooses
    among them; of a row no more than its key is held. Others are held.
    """
    source, known = to_source(candidates), measured or Measured()
    again, seed = source.only, options.seed
    ledger, counted = Ledger(ORDER), _Counted(source)
    licensed = keep_licensed(counted, options.licence, ledger)
    stream = keep_complete(keep_outcome(licensed, options.keep, ledger), ledger)
    if any(getattr(options.quality, knob) for knob, _ in CHECKS.values()):
        stream = keep_quality(stream, options.quality, ledger)
    if options.deduplicate:
        stream = drop_duplicates(stream, ledger)
    if options.near_duplicates.problems is not None or options.near_duplicates.traces is not None:
        stream = drop_near_duplicates(stream, options.near_duplicates, ledger)
    if options.pass_rate is not None:
        stream = keep_pass_rate(stream, known.rates, *options.pass_rate, ledger)
    if known.solved_by:
        stream = keep_unsolved(stream, known.solved_by, ledger)
    if options.ifd is not None:
        stream = keep_ifd(stream, known.ifd, options.ifd, ledger, again=again)
    if options.max_per_problem is not None:
        stream = limit_per_problem(
            stream, options.max_per_problem, ledger, choose=options.choose, seed=seed, again=again
        )
    if options.s1k is not None:
        stream = choose_s1k(stream, options.s1k, domain(options.domain), ledger, seed=seed, again=again)
    if options.diverse is not None:
        stream = choose_diverse(stream, options.diverse, ledger, embedding=options.embedding, seed=seed, again=again)
    if options.small_set.count is not None:
        stream = choose_small_set(stream, options.small_set, domain(options.domain), ledger, seed=seed, again=again)
    if options.max_tokens is not None:
        stream = fit_tokens(stream, options.max_tokens, ledger, seed=seed, again=again)
    report = None if held_out is None else ContaminationReport(held_out)
    if report is not None:
        stream = drop_contaminated(stream, report, ledger)
    kept = Kept(source, [Key.of(candidate) for candidate in stream])
    falls = waterfall(counted.number, ledger.counts(), len(kept))
    return Selection(kept=kept, ledger=ledger, waterfall=tuple(falls), contamination=report)


class _Counted:
    """Passes candidates on and counts them."""

    def __init__(self, candidates: Iterable[Candidate]) -> None:
        self._candidates = candidates
        self.number = 0

    def __iter__(self) -> Iterator[Candidate]:
        for candidate in self._candidates:
            self.number += 1
            yield candidate
