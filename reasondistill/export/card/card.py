"""The dataset card: YAML front matter that the hub accepts, and the facts a reader needs before using the rows."""

from ...curation.agreement import agreement_rates
from .facts import CardFacts
from .front_matter import front_matter
from .tables import contamination_lines, table


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
        "Rows are TRL's conversational prompt/completion; verdict and origin of a row are columns.",
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
    rows = [(f"`{name}`", f"{rows:,}", facts.about_formats.get(name, "")) for name, rows in facts.formats.items()]
    return [
        *("## Other formats", ""),
        "The problems of the main split in other formats, each a configuration: `load_dataset(..., NAME)`. Wrong",
        "rollouts are complete rollouts of the same problems that were verified wrong.",
        *("", *table(("name", "rows", "what it is"), rows), ""),
    ]


def _licences(facts: CardFacts) -> list[str]:
    rows = [(licence, f"{count:,}") for licence, count in facts.licences.items()]
    left_out = sum(facts.ledger.counts().get("licence", {}).values())
    said = [f"{left_out:,} rollouts are left out because their problems' statements may not be redistributed."]
    forced = ["Statements were exported whatever their licence says, at the request of the author of this set."]
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
    rows = [(label, str(rate)) for label, rate in agreement_rates(facts.agreement)]
    return [
        *("## The verifier against labels", ""),
        f"{labelled:,} rollouts came with a label; rates with 95 % Wilson intervals.",
        *("", *table(("rate", "value"), rows), ""),
    ]


def _drops(facts: CardFacts) -> list[str]:
    rows = [
        (step, reason, str(n)) for step, reasons in facts.ledger.counts().items() for reason, n in reasons.most_common()
    ]
    lines = ["## What was left out", "", *table(("step", "reason", "rollouts"), rows), ""]
    if not facts.waterfall:
        return lines
    steps = [(f"after {row.stage}", f"{row.kept:,}", f"{row.dropped:,}") for row in facts.waterfall]
    start = [("problems", f"{facts.problems:,}", ""), ("rollouts", f"{facts.rollouts:,}", "")]
    end = ("examples", f"{facts.examples:,}", "")
    return [*lines, *table(("stage", "kept", "dropped"), [*start, *steps, end]), ""]


def _reproduce(facts: CardFacts) -> list[str]:
    lines = ["## How to make it again", "", f"    {facts.command}"]
    if facts.versions:
        made = ", ".join(f"{name} {version}" for name, version in facts.versions.items())
        lines += ["", f"Made with {made}. `reasondistill audit DIR` judges the rows again."]
    return lines
