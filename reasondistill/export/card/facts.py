"""The facts that a dataset card states, gathered from the run's options and its selection."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from ...curation.contamination import ContaminationReport
from ...curation.ledger import Ledger, WaterfallRow
from ...curation.select import Selection
from ...curation.steps.licence import LicenceRule, count_licences
from ...generation.prompts import PromptTemplate
from ...records import Problem, Row
from ..formats.table import Format


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


def card_facts(
    *,
    name: str,
    command: str,
    selection: Selection,
    problems: Sequence[Problem],
    teacher: Row,
    sources: Sequence[str],
    student_template: PromptTemplate,
    teacher_template: PromptTemplate | None = None,
    sampling: Row | None = None,
    held_out: Sequence[str] = (),
    licence: LicenceRule | None = None,
    controls: Mapping[str, int] | None = None,
    formats: Iterable[Format] = (),
    agreement: Row | None = None,
    versions: Mapping[str, str] | None = None,
) -> CardFacts:
    """Return the facts about a selection.

    `teacher` is `{name, licence, terms}` and `sampling` the identity of the teacher's sampling; imported rollouts have
    neither `teacher_template` nor `sampling`.
    """
    first = next(selection.kept.read(selection.kept.ids[:1]), None)
    asked = {"Teacher": teacher_template, "Student": student_template}
    used, rule = {key.problem_id for key in selection.keys}, licence or LicenceRule()
    return CardFacts(
        name=name,
        teacher=teacher.get("name", ""),
        teacher_licence=teacher.get("licence") or "not known",
        teacher_terms=teacher.get("terms") or "",
        sources=sources,
        template=teacher_template.name if teacher_template else "not known",
        template_hash=teacher_template.hash if teacher_template else "none",
        verifier=first.verdict.verifier if first else "no verifier",
        rollouts=len(selection.keys) + len(selection.ledger.drops),
        problems=len(problems),
        examples=len(selection.keys),
        controls=controls or {},
        ledger=selection.ledger,
        held_out=held_out,
        command=command,
        sampling=str(sampling) if sampling else "not known",
        about_formats={each.name: each.about for each in formats},
        licences=dict(count_licences((p for p in problems if p.id in used), rule).most_common()),
        licence_forced=rule.force,
        prompts={who: "\n\n".join(filter(None, (t.system, t.user))) for who, t in asked.items() if t},
        agreement=agreement or {},
        waterfall=selection.waterfall,
        contamination=selection.contamination,
        versions=versions or {},
    )
