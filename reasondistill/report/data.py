"""What a report shows, as records: the pipeline fills them, the page and the terminal table read them.

Nothing is computed here. Shares (accuracies, differences) are fractions of 1; whoever shows them makes percent.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ..curation.contamination import ContaminationReport
from ..records import Estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One number worth a card of its own at the top of the page."""

    label: str
    value: str
    """Ready to show, unit included."""
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One accuracy."""

    label: str
    group: str
    """What it was measured on: seen, unseen, or a benchmark's name. Bars of a group stand together."""
    estimate: Estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """A paired comparison of two accuracies on the same problems."""

    label_a: str
    label_b: str
    difference: float
    """Accuracy of b minus accuracy of a."""
    low: float
    high: float
    n: int
    p_value: float
    words: str = ""
    """The same as one sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """How many rows a stage left and how many it dropped."""

    stage: str
    kept: int
    dropped: int = 0
    reasons: Mapping[str, int] = field(default_factory=dict)
    """Dropped rows by reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LossPoint:
    """The training loss at one optimizer step."""

    step: int
    loss: float
    series: str = "train"


@dataclass(frozen=True, slots=True, kw_only=True)
class CurvePoint:
    """One system of a scaling curve."""

    label: str
    tokens: float
    """Mean tokens of a problem, all its rollouts together."""
    thinking: float
    """Mean tokens of thinking of one rollout."""
    estimate: Estimate
    control: float
    """Share of rollouts that kept to their budget."""
    optimal: bool = False
    """Whether nothing that costs as little is as good."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """Accuracy against tokens, of one way to spend them."""

    name: str
    points: Sequence[CurvePoint]
    dotted: bool = False
    """Whether no system can have it: it knows the right answers."""
    slope: Estimate | None = None
    """Percentage points for 1,000 tokens of thinking, of the line through the points."""
    pair_slope: Estimate | None = None
    """The same as the mean over pairs of points (s1)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A problem whose rollout changed from one setting to the next; the ids open the two side by side."""

    problem_id: str
    before: str
    after: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TransitionView:
    """What one step of a setting did to single problems."""

    label: str
    counts: Mapping[str, int]
    changes: Mapping[str, Sequence[Change]]
    """By kind, such as `right to wrong`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScalingView:
    """A sweep over what a model may spend at test time."""

    curves: Sequence[Curve]
    transitions: Sequence[TransitionView] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloutView:
    """One rollout as the page lists it. All text may come from a model and is shown, never interpreted."""

    id: str
    problem_id: str
    set: str
    """Which rollouts it belongs to, such as `teacher / train` or `student before / seen`."""
    question: str
    reasoning: str = ""
    content: str
    expected: str = ""
    extracted: str = ""
    outcome: str
    method: str = ""
    reason: str = ""
    """Why the verifier decided so."""
    finish_reason: str = ""
    tokens: int | None = None
    """Tokens of the completion."""
    template: str = ""
    kept: str = ""
    """`kept`, or why the row was dropped; empty where nothing was curated."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PageData:
    """Everything that one report shows. A part that is empty is left out of the page."""

    title: str
    summary: Sequence[str] = ()
    """Sentences under the title."""
    headline: Sequence[Figure] = ()
    accuracies: Sequence[Bar] = ()
    scaling: ScalingView | None = None
    comparisons: Sequence[Comparison] = ()
    waterfall: Sequence[Count] = ()
    """In the order of the stages: problems, rollouts, correct, curated, examples."""
    contamination: ContaminationReport | None = None
    verifier: Sequence[tuple[str, Estimate]] = ()
    """Label and value of the verifier's rates against labels."""
    loss: Sequence[LossPoint] = ()
    seconds: Sequence[tuple[str, float]] = ()
    """(stage, wall-clock seconds)."""
    tokens: Sequence[tuple[str, int, int]] = ()
    """(stage, prompt tokens, completion tokens)."""
    rollouts: Sequence[RolloutView] = ()
    provenance: Mapping[str, str] = field(default_factory=dict)
    """Versions, seeds, hashes and the command."""
