"""References that the rollouts contradict: where nearly all of a group agree on another answer, it may be wrong.

A flag is a question to a person. Nothing is dropped for it, and a strong common mistake of the teacher looks the same.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field

from verifiers import Outcome

from ..records import Kind, Problem, Row
from .candidate_source import Candidate
from .lookup.normalise import normalise


@dataclass(frozen=True, slots=True, kw_only=True)
class SuspectReference:
    """A problem whose rollouts agree against its reference."""

    problem_id: str
    question: str
    reference: str
    answer: str
    """Answer that the rollouts agree on, as one of them wrote it."""
    votes: int
    rollouts: int
    """All rollouts of the problem that have an answer."""

    def to_row(self) -> Row:
        """Return the JSON object."""
        return asdict(self)


def audit_references(candidates: Iterable[Candidate], *, least: int = 4, share: float = 0.75) -> list[SuspectReference]:
    """Return the math problems of which at least `least` rollouts, and `share` of all, agree on a wrong answer."""
    groups: dict[str, _Group] = {}
    for candidate in candidates:
        if candidate.problem.kind is Kind.MATH and candidate.verdict.extracted:
            group = groups.setdefault(candidate.problem.id, _Group(candidate.problem))
            group.rollouts += 1
            if candidate.verdict.outcome is Outcome.INCORRECT:
                group.wrong.append(candidate.verdict.extracted)
    return [suspect for group in groups.values() if (suspect := _suspect(group, least, share))]


@dataclass(slots=True)
class _Group:
    """Answers of the rollouts of one problem."""

    problem: Problem
    rollouts: int = 0
    wrong: list[str] = field(default_factory=list)


def _suspect(group: _Group, least: int, share: float) -> SuspectReference | None:
    problem, wrong = group.problem, group.wrong
    votes = Counter(map(normalise, wrong))
    answer, count = min(votes.items(), key=lambda vote: (-vote[1], vote[0]), default=("", 0))
    if count < least or count < share * group.rollouts:
        return None
    return SuspectReference(
        problem_id=problem.id,
        question=problem.question,
        reference=problem.answer or "",
        answer=min(given for given in wrong if normalise(given) == answer),
        votes=count,
        rollouts=group.rollouts,
    )
