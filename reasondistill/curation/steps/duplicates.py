"""Drop equal traces of one problem, and all but one problem of equal questions."""

from collections.abc import Iterable, Iterator

from ..candidate_source import Candidate
from ..curation_step import Context, CurationStep
from ..lookup.normalise import text_key


class Duplicates(CurationStep):
    """Keep the first of equal traces and the first of equal questions; case and space are ignored."""

    name = "duplicates"

    def __call__(self, candidates: Iterable[Candidate], context: Context) -> Iterator[Candidate]:
        """Run the step."""
        owner: dict[bytes, str] = {}
        seen: dict[bytes, str] = {}
        for candidate in candidates:
            question = text_key(_fold(candidate.problem.question))
            trace = text_key(question.hex() + _fold(candidate.completion_text))
            if owner.setdefault(question, candidate.problem.id) != candidate.problem.id:
                context.ledger.add(candidate.drop(self.name, "same_question", owner[question]))
            elif trace in seen:
                context.ledger.add(candidate.drop(self.name, "same_trace", seen[trace]))
            else:
                seen[trace] = candidate.rollout.id
                yield candidate


def _fold(text: str) -> str:
    return " ".join(text.casefold().split())
