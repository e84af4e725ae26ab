"""The dataset card: YAML front matter that the hub accepts, and what a reader must know before using the rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ...curation.contamination import ContaminationReport
from ...curation.ledger import Ledger, WaterfallRow
from ...records import Estimate, Row
from ..formats.table import FORMATS
from .front_matter import front_matter
from .tables import contamination_lines, table


@dataclass(frozen=True, slots=True, kw_only=True)
class CardFacts:
    """What the card says."""

    name: str
    teacher: str
    teacher_licence: str
    teacher_terms: str
    """One line on what the licence allows to be done with the model's outputs."""
    sources: Sequence[str]
    template: str
    template_hash: str
    verifier: str
    rollouts: int
    problems: int = 0
    """Problems that the rollouts are of."""
    examples: int
    controls: Mapping[str, int]
    """Rows of each control split."""
    ledger: Ledger
    held_out: Sequence[str]
    command: str
    sampling: str = ""
    notes: Sequence[str] = field(default_factory=tuple)
    formats: Mapping[str, int] = field(default_factory=dict)
    """Rows of each format beside the main split."""
    licences: Mapping[str, int] = field(default_factory=dict)
    """Problems of the main split by the licence of their statements."""
    licence_forced: bool = False
    """Whether statements were exported against the words of their licence."""
    prompts: Mapping[str, str] = field(default_factory=dict)
    """Texts of the prompts by who was asked with them."""
    agreement: Row = field(default_factory=dict)
    """The verifier's verdicts against labels that the rollouts came with; see evaluation.agreement."""
    waterfall: Sequence[WaterfallRow] = field(default_factory=tuple)
    contamination: ContaminationReport | None = None
    """Findings of decontamination."""
    versions: Mapping[str, str] = field(default_factory=dict)


def render_card(facts: CardFacts) -> str:
    """Return the card as Markdown with front matter."""
    parts = (
        front_matter(facts.name, facts.examples, facts.controls, facts.formats, facts.licences),
        _body(facts),
        _formats(facts),
        _licences(facts),
        _prompts(facts),
        _verifier(facts),
        _drops(facts),
        contamination_lines(facts.contamination),
        _reproduce(facts),
    )
    return "\n".join(line for part in parts for line in part) + "\n"


def _body(facts: CardFacts) -> list[str]:
    return [
        f"# {facts.name}",
        "",
        f"{facts.examples} of {facts.rollouts} rollouts of `{facts.teacher}`, each judged by {facts.verifier}.",
        "Rows are TRL's conversational prompt/completion; the verdict and where a row came from are columns.",
        "",
        f"- Teacher licence: {facts.teacher_licence}. {facts.teacher_terms}",
        f"- Problems: {', '.join(facts.sources)}",
        f"- Teacher prompt: `{facts.template}` (hash {facts.template_hash}); sampling {facts.sampling}",
        f"- Decontaminated against: {', '.join(facts.held_out) or 'nothing'}",
        *(f"- Control split `control-{name}`: {count} rows" for name, count in facts.controls.items()),
        *(f"- {note}" for note in facts.notes),
        "",
    ]


def _formats(facts: CardFacts) -> list[str]:
    if not facts.formats:
        return []
    rows = [(f"`{name}`", f"{rows:,}", FORMATS[name].about) for name, rows in facts.formats.items()]
    return [
        *("## Other formats", ""),
        "The problems of the main split once more, each format a configuration: `load_dataset(..., NAME)`. Wrong",
        "rollouts are those of the same problems that were complete and verified wrong.",
        *("", *table(("name", "rows", "what it is"), rows), ""),
    ]


def _licences(facts: CardFacts) -> list[str]:
    rows = [(licence, f"{count:,}") for licence, count in facts.licences.items()]
    left_out = sum(facts.ledger.counts().get("licence", {}).values())
    said = [f"{left_out:,} rollouts are left out because their problems' statements may not be given on."]
    forced = ["Statements were exported whatever their licence says: whoever made this set asked for that."]
    lines = (said if left_out else []) + (forced if facts.licence_forced else [])
    if not rows and not lines:
        return []
    listed = [*table(("licence", "problems"), rows), ""] if rows else []
    return ["## Licences of the statements", "", *listed, *lines, *([""] if lines else [])]


def _prompts(facts: CardFacts) -> list[str]:
    if not facts.prompts:
        return []
    lines = ["## Prompts", ""]
    for who, text in facts.prompts.items():
        lines += [f"{who}:", "", *(f"    {line}" for line in text.splitlines()), ""]
    return lines


def _verifier(facts: CardFacts) -> list[str]:
    labelled = facts.agreement.get("labelled", 0)
    if not labelled:
        return []
    names = {"true_accept": "accepted of those labelled right", "false_accept": "accepted of those labelled wrong"}
    rows = [
        (words, str(Estimate.from_row(facts.agreement[name])))
        for name, words in names.items()
        if name in facts.agreement
    ]
    return [
        *("## The verifier against labels", ""),
        f"{labelled:,} rollouts came with a label of their own; rates with 95 % Wilson intervals.",
        *("", *table(("rate", "value"), rows), ""),
    ]


def _drops(facts: CardFacts) -> list[str]:
    rows = [
        (step, reason, str(n)) for step, reasons in facts.ledger.counts().items() for reason, n in reasons.most_common()
    ]
    lines = ["## What was left out", "", *table(("step", "reason", "rollouts"), rows), ""]
    if not facts.waterfall:
        return lines
    falls = [(f"after {fall.stage}", f"{fall.kept:,}", f"{fall.dropped:,}") for fall in facts.waterfall]
    start = [("problems", f"{facts.problems:,}", ""), ("rollouts", f"{facts.rollouts:,}", "")]
    end = ("examples", f"{facts.examples:,}", "")
    return [*lines, *table(("stage", "kept", "dropped"), [*start, *falls, end]), ""]


def _reproduce(facts: CardFacts) -> list[str]:
    lines = ["## How to make it again", "", f"    {facts.command}"]
    if facts.versions:
        made = ", ".join(f"{name} {version}" for name, version in facts.versions.items())
        lines += ["", f"Made with {made}. `reasondistill audit DIR` judges the rows again."]
    return lines
