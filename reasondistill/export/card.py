"""The dataset card: YAML front matter that the hub accepts, and what a reader must know before using the rows."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ..curation.ledger import Ledger


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
    examples: int
    controls: Mapping[str, int]
    """Rows of each control split."""
    ledger: Ledger
    held_out: Sequence[str]
    command: str
    sampling: str = ""
    notes: Sequence[str] = field(default_factory=tuple)


def render_card(facts: CardFacts) -> str:
    """Return the card as Markdown with front matter."""
    return "\n".join([*_front_matter(facts), *_body(facts), *_drops(facts.ledger), *_reproduce(facts)]) + "\n"


def _front_matter(facts: CardFacts) -> list[str]:
    lines = [
        "---",
        f"pretty_name: {json.dumps(facts.name, ensure_ascii=False)}",
        "language: [en]",
        "tags: [reasoning, distillation, synthetic, reasondistill]",
    ]
    lines += ["configs:", "- config_name: default", "  data_files:", "  - {split: train, path: data/train-*.parquet}"]
    # `datasets` opens no configuration without rows.
    for control in (name for name, rows in facts.controls.items() if rows):
        lines += [f"- config_name: control-{control}", "  data_files:"]
        lines += [f"  - {{split: train, path: splits/{control}/data/train-*.parquet}}"]
    return [*lines, "---", ""]


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


def _drops(ledger: Ledger) -> list[str]:
    rows = [
        f"| {step} | {reason} | {n} |"
        for step, reasons in ledger.counts().items()
        for reason, n in reasons.most_common()
    ]
    return ["## What was left out", "", "| step | reason | rollouts |", "|---|---|---|", *rows, ""]


def _reproduce(facts: CardFacts) -> list[str]:
    return ["## How to make it again", "", f"    {facts.command}"]
