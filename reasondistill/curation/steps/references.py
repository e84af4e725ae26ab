"""Drop problems that a reference model solves: too easy to teach with (s1, section 2.2)."""

from dataclasses import dataclass

from ..candidate_source import Candidate
from ..curation_step import Context, CurationStep, Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferenceOptions:
    """Options of the step."""

    models: tuple[str, ...] = ()
    """Reference models; the recipe's `curate.unsolved_by`."""


class References(CurationStep):
    """Drop rollouts of problems that a reference model has solved."""

    name = "references"
    Options = ReferenceOptions

    def fault(self, candidate: Candidate, context: Context) -> Reason | None:
        """Return the model of `context.measured.solved_by`."""
        model = context.measured.solved_by.get(candidate.problem.id)
        return None if model is None else ("solved_by_reference", model)
