"""Groups equal answers, by the verifiers' equality and without regard to the reference."""

from collections.abc import Sequence

from .gold import compile_gold
from .grading import grade

SECONDS = 0.5
"""Processor time that one comparison may take; two answers that it does not settle stay apart."""


def group_answers(answers: Sequence[str | None]) -> list[int | None]:
    r"""Return for each answer the number of its class of equal ones, None where there is no answer.

    An answer joins the first class whose first member it equals.

    >>> group_answers(["0.5", None, r"\frac{1}{2}", "2"])
    [0, None, 0, 1]
    """
    classes: list[str] = []
    known: dict[str, int] = {}
    for answer in answers:
        if answer is None or answer in known:
            continue
        known[answer] = next((i for i, first in enumerate(classes) if _equal(answer, first)), len(classes))
        if known[answer] == len(classes):
            classes.append(answer)
    return [None if answer is None else known[answer] for answer in answers]


def _equal(answer: str, first: str) -> bool:
    if compile_gold(first).error:
        return False
    return bool(grade(f"\\boxed{{{answer}}}", first, strict=True, timeout=SECONDS).correct)
