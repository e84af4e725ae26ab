"""Agreement of the verifier with labels: the share it accepts of rollouts labelled right, and of those labelled wrong.

Labels come with rollouts that were made and judged elsewhere: `annotations["label"]`, true or false. Verdicts that our
side could not give (`error`) are counted apart.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from verifiers import Outcome

from ..evaluation.statistics import wilson
from ..records import Estimate, Row
from .candidate_source import Candidate

LABEL = "label"
_RATES = {
    "true_accept": "accepted of the rollouts labelled right",
    "false_accept": "accepted of the rollouts labelled wrong",
}


@dataclass(slots=True)
class Agreement:
    """Counts verdicts by label.

    >>> Agreement().to_row()
    {'labelled': 0}
    """

    outcomes: Counter[tuple[bool, str]] = field(default_factory=Counter)

    def watch(self, candidates: Iterable[Candidate]) -> Iterator[Candidate]:
        """Pass the candidates on and count those with a label."""
        for candidate in candidates:
            label = candidate.rollout.annotations.get(LABEL)
            if isinstance(label, bool):
                self.outcomes[label, str(candidate.verdict.outcome)] += 1
            yield candidate

    def to_row(self) -> Row:
        """Return `{labelled, true_accept, false_accept, outcomes}`, without rates that no rollout counts for."""
        row: Row = {"labelled": self.outcomes.total()}
        if not row["labelled"]:
            return row
        outcomes: Row = {}
        for label, side, name in zip((True, False), ("labelled_right", "labelled_wrong"), _RATES, strict=True):
            counts = {outcome: n for (labelled, outcome), n in sorted(self.outcomes.items()) if labelled is label}
            outcomes[side] = counts
            if judged := sum(n for outcome, n in counts.items() if outcome != Outcome.ERROR):
                row[name] = wilson(counts.get(str(Outcome.CORRECT), 0), judged).to_row()
        row["outcomes"] = outcomes
        return row


def agreement_rates(row: Row) -> Iterator[tuple[str, Estimate]]:
    """Yield label and value of each rate in the JSON object of an `Agreement`.

    >>> list(agreement_rates({"labelled": 0}))
    []
    """
    for name, label in _RATES.items():
        if name in row:
            yield label, Estimate.from_row(row[name])
