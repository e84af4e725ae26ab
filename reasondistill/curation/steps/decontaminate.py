"""Drop rollouts whose question repeats a benchmark's problem."""

from collections.abc import Iterable, Iterator

from ..candidate_source import Candidate
from ..curation_step import Context, CurationStep
from ..lookup.held_out import Match
from ..lookup.normalise import text_key


class Decontaminate(CurationStep):
    """Drop rollouts whose question `context.contamination` finds in a benchmark; it looks each question up once.

    Without benchmarks in the context nothing is dropped. Their index has the options (`DecontaminationOptions`).
    """

    name = "decontamination"

    def __call__(self, candidates: Iterable[Candidate], context: Context) -> Iterator[Candidate]:
        """Run the step."""
        search = context.contamination
        if search is None:
            yield from candidates
            return
        known: dict[bytes, Match | None] = {}
        for candidate in candidates:
            problem, question = candidate.problem, text_key(candidate.problem.question)
            if question not in known:
                known[question] = search.add(problem.id, problem.question).best
            if (match := known[question]) is None:
                yield candidate
            else:
                evidence = f"{match.benchmark}/{match.problem_id} {match.coverage:.2f}: {match.question}"
                context.ledger.add(candidate.drop(self.name, match.reason, evidence))
