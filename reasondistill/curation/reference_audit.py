"""References that the rollouts contradict: where nearly all of a group agree on another answer, it may be wrong.

A flag is a question to a person. Nothing is dropped for it, and a strong common mistake of the teacher looks the same.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import asdict, dataclass

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
    problems: dict[str, Problem] = {}
    rollouts: Counter[str] = Counter()
    wrong: dict[str, list[str]] = defaultdict(list)
    for candidate in candidates:
        problem, verdict = candidate.problem, candidate.verdict
        if problem.kind is Kind.MATH and verdict.extracted:
            problems.setdefault(problem.id, problem)
            rollouts[problem.id] += 1
            if verdict.outcome is Outcome.INCORRECT:
                wrong[problem.id].append(verdict.extracted)
    suspects = []
    for name, problem in problems.items():
        votes = Counter(map(normalise, wrong[name]))
        answer, count = min(votes.items(), key=lambda vote: (-vote[1], vote[0]), default=("", 0))
        if count >= max(least, share * rollouts[name]):
            suspect = SuspectReference(
                problem_id=name,
                question=problem.question,
                reference=problem.answer or "",
                answer=min(text for text in wrong[name] if normalise(text) == answer),
                votes=count,
                rollouts=rollouts[name],
            )
            suspects.append(suspect)
    return suspects
