"""Drop equal traces of one problem, and all but one problem of equal questions."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Self

from ..candidate_source import Candidate, full_text
from ..curation_step import Context, NoOptions
from ..lookup.normalise import text_key

if TYPE_CHECKING:
    from ..options import CurateOptions


@dataclass(frozen=True, slots=True)
class Duplicates:
    """Keep the first of equal traces and the first of equal questions; case and space are ignored."""

    options: NoOptions = field(default_factory=NoOptions)
    name: ClassVar[str] = "duplicates"
    Options: ClassVar[type[NoOptions]] = NoOptions

    @classmethod
    def of(cls, curate: "CurateOptions") -> Self | None:
        """Return the step where `deduplicate` is on."""
        return cls() if curate.deduplicate else None

    def __call__(self, candidates: Iterable[Candidate], context: Context) -> Iterator[Candidate]:
        """Run the step."""
        owner: dict[bytes, str] = {}
        seen: dict[bytes, str] = {}
        for candidate in candidates:
            question = text_key(_fold(candidate.problem.question))
            trace = text_key(question.hex() + _fold("\n".join(map(full_text, candidate.rollout.completion))))
            if owner.setdefault(question, candidate.problem.id) != candidate.problem.id:
                context.ledger.add(candidate.drop(self.name, "same_question", owner[question]))
            elif trace in seen:
                context.ledger.add(candidate.drop(self.name, "same_trace", seen[trace]))
            else:
                seen[trace] = candidate.rollout.id
                yield candidate


def _fold(text: str) -> str:
    return " ".join(text.casefold().split())
