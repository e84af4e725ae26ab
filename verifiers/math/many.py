"""Judges many answers to mathematics problems: `verifiers.verify_many` for pairs of a completion and an answer."""

from collections.abc import Iterable, Iterator

from ..many import verify_many
from ..verdict import Verdict
from .policy import DEFAULT, Policy


def grade_many(
    cases: Iterable[tuple[str, str]],
    *,
    strict: bool = False,
    timeout: float = 2.0,
    workers: int | None = None,
    policy: Policy = DEFAULT,
) -> Iterator[Verdict]:
    r"""Judge (completion, answer) pairs, in order; the input is read a bounded number of cases ahead.

    workers is how many processes work at once, by default one a core.

    >>> [str(v.outcome) for v in grade_many([("\\boxed{1}", "1"), ("\\boxed{2}", "1")])]
    ['correct', 'incorrect']
    """
    rows = ({"completion": completion, "answer": answer} for completion, answer in cases)
    return verify_many(rows, strict=strict, timeout=timeout, policy=policy, workers=workers)
