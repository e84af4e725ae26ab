"""Options of curation, the recipe's `curate` block: which rollouts become training examples."""

from dataclasses import dataclass, field
from typing import Annotated, Literal

from annotated_types import Ge

from ..store.options import Choice
from .lookup.embedding import TFIDF
from .lookup.held_out import DecontaminationOptions
from .steps.ifd import IfdOptions
from .steps.limit import PerProblem
from .steps.near_duplicates import NearDuplicateOptions
from .steps.pass_rate import PassRateOptions
from .steps.quality import QualityOptions
from .steps.small_set import SmallSetOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class CurateOptions(DecontaminationOptions):
    """Options of curation; those of decontamination stand on the same level. A step is off by default unless noted."""

    keep: Literal["correct", "wrong", "all"] = "correct"
    """Outcome of the rollouts that are kept. `undecided` counts under `all` only, `error` never."""
    quality: QualityOptions = field(default_factory=QualityOptions)
    """Quality filters."""
    deduplicate: bool = True
    """Switch of the step that drops equal traces and equal questions; on by default."""
    near_duplicates: NearDuplicateOptions = field(default_factory=NearDuplicateOptions)
    """Thresholds of near-duplicate problems and traces."""
    decontaminate: bool = True
    """Switch of decontamination against the held-out sets and `against`; on by default."""
    against: tuple[str, ...] = ()
    """Benchmarks to decontaminate against besides the held-out sets: files or any other source of problems."""
    unsolved_by: tuple[str, ...] = ()
    """Reference models, each asked once and greedily. A problem that one of them solves is dropped (s1 takes two)."""
    ifd: IfdOptions = field(default_factory=IfdOptions)
    """Instruction-following difficulty under a small model."""
    max_per_problem: Annotated[int, Ge(1)] | None = None
    """Rollouts kept per problem at most."""
    choose: PerProblem = "first"
    """Rule by which `max_per_problem` chooses."""
    s1k: Annotated[int, Ge(1)] | None = None
    """Rollouts drawn as s1K was: a domain uniformly, then longer traces with higher probability."""
    domain: str = "subject"
    """Key of a problem's metadata that names its domain. Problems without it are grouped by source."""
    diverse: Annotated[int, Ge(1)] | None = None
    """Rollouts kept as a subset that best covers all (facility location, Superfiltering.D)."""
    embedding: str = TFIDF
    """Vectors for `diverse`: `tfidf`, or a model whose hidden states are averaged."""
    small_set: SmallSetOptions = field(default_factory=SmallSetOptions)
    """A small set in the manner of LIMA."""
    max_tokens: Annotated[int, Ge(1)] | None = None
    """Completion tokens kept in total at most."""
    pass_rate: PassRateOptions = field(default_factory=PassRateOptions)
    """Band of pass rates under a reference model."""
    custom: tuple[Choice, ...] = ()
    """Your own curation steps, `{name: package.module:Name, key: value}`. They run after the built-in filters, before
    the steps that choose a subset."""

    def models(self) -> list[str]:
        """Return the models that curation asks, besides the student."""
        embedding = [] if self.diverse is None or self.embedding == TFIDF else [self.embedding]
        return [*filter(None, (self.pass_rate.model, *self.unsolved_by, self.ifd.model)), *embedding]
