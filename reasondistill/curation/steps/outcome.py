"""Keep rollouts by the outcome of their verdict."""

from dataclasses import dataclass
from typing import Literal

from verifiers import Outcome

from ..candidate_source import Candidate
from ..curation_step import Context, CurationStep, Reason

_ACCEPTED = {
    "correct": {Outcome.CORRECT},
    "wrong": {Outcome.INCORRECT, Outcome.NO_ANSWER, Outcome.TIMEOUT},
    "all": set(Outcome) - {Outcome.ERROR},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class OutcomeOptions:
    """Options of the step."""

    keep: Literal["correct", "wrong", "all"] = "correct"
    """Outcome of the rollouts that are kept."""


class KeepOutcome(CurationStep):
    """Keep `correct` rollouts, `wrong` ones (incorrect, no answer, timeout), or `all` that were judged.

    An undecided rollout is neither right nor wrong: it stays under `all` only. An error never stays.
    """

    name = "outcome"
    Options = OutcomeOptions
    options: OutcomeOptions

    def fault(self, candidate: Candidate, _context: Context) -> Reason | None:
        """Return another outcome, and why it is one."""
        verdict = candidate.verdict
        return None if verdict.outcome in _ACCEPTED[self.options.keep] else (verdict.outcome, verdict.reason)
