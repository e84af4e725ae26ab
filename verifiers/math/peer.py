"""math-verify as a verifier, for comparison with the field's published numbers.

Needs the extra `math-verify`; nothing here imports it, it runs in another process.
"""

from time import perf_counter

from ..verdict import Outcome, Verdict
from .processes import MATH_VERIFY, Answered, shared_pool
from .symbolic import PATIENCE


def grade_with_math_verify(completion: str, answer: str, *, timeout: float = 5.0) -> Verdict:
    """Judge a completion as math-verify does, with its own extraction; out of time is undecided."""
    started = perf_counter()
    case = {"completion": completion, "answer": answer}
    reply = shared_pool(MATH_VERIFY).ask(case, seconds=timeout, patience=timeout + PATIENCE)
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
