"""math-verify as a verifier, for who needs the field's published numbers, and as a shadow beside ours.

Needs the extra `math-verify`; nothing here imports it, it runs in a process of its own that can be killed.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from time import perf_counter

from ..verdict import Outcome, Verdict
from .grading import grade
from .pool import MATH_VERIFY, Answered, shared_pool


@dataclass(frozen=True, slots=True, kw_only=True)
class Disagreement:
    """A case on which two verifiers say different things."""

    completion: str
    answer: str
    ours: Verdict
    theirs: Verdict


def grade_with_math_verify(completion: str, answer: str, *, timeout: float = 5.0) -> Verdict:
    """Judge a completion as math-verify does, with its own extraction; out of time is undecided."""
    started = perf_counter()
    reply = shared_pool(MATH_VERIFY).ask({"completion": completion, "gold": answer}, seconds=timeout)
    outcome, reason = {
        Answered.YES: (Outcome.CORRECT, ""),
        Answered.NO: (Outcome.INCORRECT, ""),
        Answered.UNAVAILABLE: (Outcome.ERROR, "verifier_unavailable: install the extra math-verify"),
    }.get(reply.answered, (Outcome.UNDECIDED, str(reply.answered)))
    return Verdict(
        outcome=outcome,
        expected=answer,
        method="math_verify",
        reason=reason,
        verifier=f"math-verify {reply.version}".strip(),
        seconds=perf_counter() - started,
    )


def shadow(cases: Iterable[tuple[str, str]], *, timeout: float = 5.0) -> Iterator[tuple[Verdict, Disagreement | None]]:
    """Judge with ours, and let math-verify judge beside it: each verdict comes with the disagreement, if any."""
    for completion, answer in cases:
        ours = grade(completion, answer)
        theirs = grade_with_math_verify(completion, answer, timeout=timeout)
        differ = ours.correct is not theirs.correct
        yield ours, Disagreement(completion=completion, answer=answer, ours=ours, theirs=theirs) if differ else None
