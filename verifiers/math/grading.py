r"""From a completion and a reference to a verdict: find the answer, try the exact rules, then ask math-verify.

`undecided` means that the rules do not reach the pair and math-verify ran out of its time or memory on it; `error` that
no math-verify could be started (`verifier_unavailable`) or that the reference is unusable (`bad_gold`).
"""

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from time import perf_counter

from ..verdict import Outcome, Verdict
from .compare import Ruling, compare, right_sides
from .extract import LIMIT, Extraction, extract, last_boxed
from .notation import balanced, clean, key
from .pool import Answered, cores, shared_pool

VERSION = "verifiers.math 0.1"
_MAX_ANSWER = 4000
"""Characters of an answer that are compared at most: an extracted answer beyond that is a run-away completion."""
_AHEAD = 16
"""Cases read ahead of the verdict that is due, for each worker."""


def grade(completion: str, answer: str, *, strict: bool = False, timeout: float = 2.0) -> Verdict:
    r"""Judge a completion against the reference answer.

    strict takes only marked answers (boxed, after a marker, between mathematics delimiters). timeout is in seconds and
    bounds the symbolic comparison alone, which runs in a process of its own and can be killed.

    >>> grade("So we get \\boxed{\\frac{2}{4}}.", "0.5").correct
    True
    """
    started = perf_counter()
    gold = _read_gold(answer)
    found = extract(completion, strict=strict)
    if gold is None:
        return _verdict(started, Outcome.ERROR, answer, found, reason=_bad_gold(answer))
    if found.method == "over_limit":
        reason = f"over_limit: the completion has more than {LIMIT} characters"
        return _verdict(started, Outcome.UNDECIDED, gold, found, reason=reason)
    if found.text is None:
        return _verdict(started, Outcome.NO_ANSWER, gold, found)
    if len(found.text) > _MAX_ANSWER:
        reason = f"over_limit: the answer has more than {_MAX_ANSWER} characters"
        return _verdict(started, Outcome.UNDECIDED, gold, found, reason=reason)
    ruling = compare(found.text, gold)
    if ruling is not None:
        return _ruled(started, gold, found, ruling)
    return _ask_math_verify(started, gold, found, timeout)


def grade_many(
    cases: Iterable[tuple[str, str]], *, strict: bool = False, timeout: float = 2.0, workers: int | None = None
) -> Iterator[Verdict]:
    r"""Judge (completion, answer) pairs, in order; the input is read a bounded number of cases ahead.

    workers is how many cases are worked on at once, by default and at most one a core for the symbolic ones.

    >>> [str(v.outcome) for v in grade_many([("\\boxed{1}", "1"), ("\\boxed{2}", "1")])]
    ['correct', 'incorrect']
    """
    workers = workers or cores()
    pending: deque[Future[Verdict]] = deque()
    executor = ThreadPoolExecutor(workers)
    try:
        for completion, answer in cases:
            pending.append(executor.submit(grade, completion, answer, strict=strict, timeout=timeout))
            if len(pending) >= workers * _AHEAD:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        executor.shutdown(wait=True, cancel_futures=True)


def _ask_math_verify(started: float, gold: str, found: Extraction, timeout: float) -> Verdict:
    given, wanted = right_sides(found.text or "", gold)
    reply = shared_pool().ask(given, wanted, seconds=timeout)
    verifier = f"{VERSION} + math-verify {reply.version}"
    if reply.answered is Answered.UNAVAILABLE:
        reason = f"{reply.answered}: math-verify does not start (`python -c 'import math_verify'` says why)"
        return _verdict(started, Outcome.ERROR, gold, found, rule="math_verify", reason=reason)
    if reply.answered in (Answered.TOO_SLOW, Answered.DIED):
        reason = str(reply.answered)
        return _verdict(started, Outcome.UNDECIDED, gold, found, rule="math_verify", reason=reason, verifier=verifier)
    outcome = Outcome.CORRECT if reply.answered is Answered.YES else Outcome.INCORRECT
    reason = "" if reply.answer_read or outcome is Outcome.CORRECT else "not_read: the answer is not mathematics"
    return _verdict(started, outcome, gold, found, rule="math_verify", reason=reason, verifier=verifier)


def _read_gold(answer: str) -> str | None:
    """Return the reference without a box around it, or None if nothing can be compared with it."""
    if answer.count("\\boxed") == 1:
        answer = last_boxed(answer) or ""
    if len(answer) > _MAX_ANSWER or not key(clean(answer)) or not balanced(answer):
        return None
    return answer.strip()


def _bad_gold(answer: str) -> str:
    if len(answer) > _MAX_ANSWER:
        return f"bad_gold: the reference has more than {_MAX_ANSWER} characters"
    return "bad_gold: the reference is empty" if not answer.strip() else "bad_gold: the reference cannot be read"


def _ruled(started: float, gold: str, found: Extraction, ruling: Ruling) -> Verdict:
    outcome = Outcome.CORRECT if ruling.equal else Outcome.INCORRECT
    return _verdict(started, outcome, gold, found, rule=ruling.rule, reason=ruling.reason)


def _verdict(
    started: float,
    outcome: Outcome,
    gold: str,
    found: Extraction,
    *,
    rule: str = "",
    reason: str = "",
    verifier: str = VERSION,
) -> Verdict:
    return Verdict(
        outcome=outcome,
        extracted=found.text,
        expected=gold,
        method=f"{found.method}:{rule}" if rule else found.method,
        reason=reason,
        verifier=verifier,
        seconds=perf_counter() - started,
    )
