"""How often the verifier accepts what a label calls right, and what it calls wrong.

Labels come with rollouts that were made and judged elsewhere: `annotations["label"]`, true or false. Verdicts that our
side could not give (`error`) are counted apart.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from verifiers import Outcome

from ..evaluation.statistics import wilson
from ..records import Row
from .candidates import Candidate

LABEL = "label"


@dataclass(slots=True)
class Agreement:
    """Counts verdicts by label.

    >>> Agreement().to_row()
    {'labelled': 0}
    """

    outcomes: Counter[tuple[bool, str]] = field(default_factory=Counter)

    def watch(self, candidates: Iterable[Candidate]) -> Iterator[Candidate]:
        """Pass candidates on and count those with a label."""
        for candidate in candidates:
            label = candidate.rollout.annotations.get(LABEL)
            if isinstance(label, bool):
                self.outcomes[label, str(candidate.verdict.outcome)] += 1
            yield candidate

    def to_row(self) -> Row:
        """Return `{labelled, true_accept, false_accept, outcomes}`; a rate without a row behind it is left out."""
        row: Row = {"labelled": self.outcomes.total()}
        if not row["labelled"]:
            return row
        for label, name in ((True, "true_accept"), (False, "false_accept")):
            judged = sum(
                n for (given, outcome), n in self.outcomes.items() if given is label and outcome != Outcome.ERROR
            )
            if judged:
                row[name] = wilson(self.outcomes[label, str(Outcome.CORRECT)], judged).to_row()
        row["outcomes"] = {
            name: {outcome: n for (given, outcome), n in sorted(self.outcomes.items()) if given is label}
            for label, name in ((True, "labelled_right"), (False, "labelled_wrong"))
        }
        return row
