"""What an audit found: per row and in all. Plain records; `diff_audits` compares two audits of one dataset."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from ..evaluation.statistics import wilson
from ..records import Row

CHECKS: Mapping[str, tuple[bool, str]] = {
    "manifest": (True, "the folder holds other rows than its manifest counted"),
    "receipt": (True, "a column was changed after the receipt was made"),
    "question": (True, "question or reference is not the one that the receipt names"),
    "prompt": (True, "the prompt is not the one that the receipt names"),
    "completion": (True, "the completion is not the one that the receipt names"),
    "blocks": (True, "code or output in the transcript is not what the receipt names"),
    "verdict": (True, "judged again, the outcome is another one"),
    "extracted": (True, "judged again, another answer is read out of the completion"),
    "output": (True, "run again, the code prints something else"),
    "wrong": (True, "the final answer is not the reference"),
    "label": (True, "the file's own label says otherwise"),
    "contaminated": (True, "the question stands in a benchmark"),
    "truncated": (True, "the completion was cut off"),
    "thinking": (True, "thinking tags are broken"),
    "special_token": (True, "the text spells a token that ends a turn"),
    "invented_output": (True, "an output follows no code"),
    "duplicate": (False, "an earlier row has the same question and completion"),
    "mask": (False, "tool output stands in the text that a trainer would train on"),
    "answers": (False, "several different final answers"),
    "unchecked": (False, "could not be judged again here"),
    "not_repeatable": (False, "run twice, the code prints two things"),
}
"""Each check: whether a finding is a disagreement (exit status 1) or a note, and what a finding means."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that does not hold, or that a reader should know."""

    check: str
    detail: str = ""
    text: str = ""
    """What it was held against, side by side: the benchmark's question, the output of the second run."""

    @property
    def disagrees(self) -> bool:
        """Whether the dataset claims something that is not so."""
        return CHECKS[self.check][0]


Contaminated = Callable[[str], Finding | None]
"""Says whether a question stands in a benchmark."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RowResult:
    """What an audit says of one row."""

    split: str
    number: int
    """From 0 within the split."""
    key: str
    outcome: str | None = None
    """Of judging it again; None where the row was not among those judged."""
    extracted: str | None = None
    method: str = ""
    question: str = ""
    findings: tuple[Finding, ...] = ()

    @property
    def disagrees(self) -> bool:
        """Whether any finding does."""
        return any(f.disagrees for f in self.findings)

    def to_row(self) -> Row:
        """Return the line of rows.jsonl."""
        return {
            "split": self.split,
            "row": self.number,
            "key": self.key,
            "outcome": self.outcome,
            "extracted": self.extracted,
            "method": self.method,
            "findings": [{"check": f.check, "detail": f.detail} for f in self.findings],
        }


@dataclass(slots=True)
class Tally:
    """Counts over the rows of an audit, and a few of the rows behind each count."""

    examples_shown: int = 5
    rows: Counter[str] = field(default_factory=Counter)
    judged: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    findings: Counter[str] = field(default_factory=Counter)
    disagreeing: int = 0
    examples: dict[str, list[tuple[RowResult, Finding]]] = field(default_factory=dict)

    def add(self, result: RowResult) -> None:
        """Count one row; a check counts once a row."""
        self.rows[result.split] += 1
        self.judged += result.outcome is not None
        if result.outcome is not None:
            self.outcomes[result.outcome] += 1
        self.disagreeing += result.disagrees
        for check in {f.check for f in result.findings}:
            self.findings[check] += 1
        for finding in result.findings:
            self.note(finding, result)

    def note(self, finding: Finding, result: RowResult) -> None:
        """Keep a few examples of each finding."""
        kept = self.examples.setdefault(finding.check, [])
        if len(kept) < self.examples_shown:
            kept.append((result, finding))

    def to_row(self) -> Row:
        """Return the summary: each check's count as a rate with its interval."""
        n = self.rows.total()
        return {
            "rows": n,
            "splits": dict(self.rows),
            "judged": self.judged,
            "outcomes": dict(self.outcomes),
            "disagreeing_rows": self.disagreeing,
            "checks": {
                name: {"rows": count, "disagreement": CHECKS[name][0], **_rate(count, n)}
                for name, count in sorted(self.findings.items(), key=lambda item: (-item[1], item[0]))
            },
        }


def diff_audits(old: Iterable[Mapping[str, Any]], new: Iterable[Mapping[str, Any]]) -> Row:
    """Compare the lines of two audits of one dataset, by key: which outcomes and which findings changed.

    >>> row = {"split": "main", "row": 0, "key": "a", "findings": []}
    >>> diff_audits([{**row, "outcome": "correct"}], [{**row, "outcome": "undecided"}])["outcomes"]
    {'correct -> undecided': 1}
    """
    before = {(r["split"], r["row"], r["key"]): r for r in old}
    after = {(r["split"], r["row"], r["key"]): r for r in new}
    both = [key for key in before if key in after]
    changed = [key for key in both if _told(before[key]) != _told(after[key])]
    outcomes = Counter(
        f"{before[k]['outcome']} -> {after[k]['outcome']}" for k in both if before[k]["outcome"] != after[k]["outcome"]
    )
    rows = [
        {"split": k[0], "row": k[1], "key": k[2], "before": _told(before[k]), "after": _told(after[k])} for k in changed
    ]
    return {
        "rows": len(both),
        "only_before": len(before) - len(both),
        "only_after": len(after) - len(both),
        "changed": len(changed),
        "outcomes": dict(outcomes),
        "changes": rows,
    }


def _told(row: Mapping[str, Any]) -> Row:
    return {"outcome": row["outcome"], "findings": sorted({f["check"] for f in row["findings"]})}


def _rate(hits: int, n: int) -> Row:
    return asdict(wilson(hits, n))
