"""The facts that a dataset card states."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ...curation.contamination import ContaminationReport
from ...curation.ledger import Ledger, WaterfallRow
from ...records import Row


@dataclass(frozen=True, slots=True, kw_only=True)
class CardFacts:
    """Everything that the card states."""

    name: str
    teacher: str
    teacher_licence: str
    teacher_terms: str
    """Sentence on what the licence allows to be done with the model's outputs."""
    sources: Sequence[str]
    template: str
    template_hash: str
    verifier: str
    rollouts: int
    problems: int = 0
    """Training problems of the run."""
    examples: int
    controls: Mapping[str, int]
    """Rows of each control split."""
    ledger: Ledger
    held_out: Sequence[str]
    """Sets that the rows were decontaminated against."""
    command: str
    sampling: str = ""
    notes: Sequence[str] = field(default_factory=tuple)
    formats: Mapping[str, int] = field(default_factory=dict)
    """Rows of each format besides the main split."""
    about_formats: Mapping[str, str] = field(default_factory=dict)
    """Sentence about each format."""
    licences: Mapping[str, int] = field(default_factory=dict)
    """Problems of the main split by the licence of their statements."""
    licence_forced: bool = False
    """Export of statements against the words of their licence."""
    prompts: Mapping[str, str] = field(default_factory=dict)
    """Texts of the prompts by the model that is asked with them."""
    agreement: Row = field(default_factory=dict)
    """JSON object of the verifier's `Agreement` with labels."""
    waterfall: Sequence[WaterfallRow] = field(default_factory=tuple)
    contamination: ContaminationReport | None = None
    versions: Mapping[str, str] = field(default_factory=dict)
