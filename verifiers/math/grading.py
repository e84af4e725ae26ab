r"""From a completion and a reference to a verdict: find the answer, compare it, and say which tier decided.

`undecided` means that no tier could tell, `error` that our side broke (`verifier_unavailable`) or that the reference is
unusable (`bad_gold`). Nothing is raised for what the texts hold.
"""

from collections.abc import Iterable, Iterator
from time import perf_counter

from ..dispatch import Case, read_case
from ..many import verify_many
from ..verdict import Outcome, Verdict
from .extract import LIMIT, Extraction, Status, Wanted, extract
from .gold import Gold, compile_gold
from .policy import DEFAULT, Policy
from .ruling import yes
from .symbolic import AskSympy
from .tree import Sym, Words

VERSION = "verifiers.math 0.2"
MAX_ANSWER = 4000
"""Characters of an answer that are compared at most: an extracted answer beyond that is a run-away completion."""


def grade(
    completion: str, answer: str, *, strict: bool = False, timeout: float = 2.0, policy: Policy = DEFAULT
) -> Verdict:
    r"""Judge a completion against the reference answer.

    strict takes only marked answers (boxed, after a marker, between mathematics delimiters). timeout is in seconds of
    processor time, so that the verdict does not depend on what else the machine does; it bounds what computes longest,
    sympy, which runs in a process of its own. All that comes before it takes at most 0.6 seconds of processor time.

    >>> grade("So we get \\boxed{\\frac{2}{4}}.", "0.5").correct
    True
    """
    started = perf_counter()
    if not (isinstance(answer, str) and isinstance(completion, str)):
        # A number is its text, as in a row; anything else is an error that says so.
        read = read_case(Case({"answer": answer}, completion))
        if isinstance(read, Verdict):
            return read
        answer = str(answer)
    try:
        return _grade(started, completion, answer, strict, timeout, policy)
    except Exception as error:  # noqa: BLE001 - a fault of ours is a verdict that says so, and ends no run of millions
        reason = f"verifier_failed: {type(error).__name__}: {error}"[:300]
        return Verdict(outcome=Outcome.ERROR, expected=answer, reason=reason, seconds=perf_counter() - started)


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


def _grade(started: float, completion: str, answer: str, strict: bool, timeout: float, policy: Policy) -> Verdict:
    gold = compile_gold(answer, policy)
    if gold.error:
        found = extract(completion, strict=strict) if gold.reading is not None else _NOTHING
        if not strict and completion.strip() == answer.strip():
            found = Extraction(text=completion.strip(), method="whole", status=Status.OK)
        if found.text is not None and gold.reading is not None and gold.compare(found.text).equal:
            return _verdict(started, Outcome.CORRECT, gold, found, tier="string")
        return _verdict(started, Outcome.ERROR, gold, _NOTHING, reason=f"bad_gold: {gold.error}")
    found = extract(completion, strict=strict, wanted=_wanted(gold))
    if found.status is Status.OVER_LIMIT:
        reason = f"over_limit: the completion has more than {LIMIT} characters"
        return _verdict(started, Outcome.UNDECIDED, gold, found, reason=reason)
    if found.text is None:
        outcome = Outcome.INCORRECT if found.status is Status.CUT_OFF else Outcome.NO_ANSWER
        reason = "cut_off: the last box is not closed" if found.status is Status.CUT_OFF else ""
        return _verdict(started, outcome, gold, found, reason=reason)
    if len(found.text) > MAX_ANSWER:
        reason = f"over_limit: the answer has more than {MAX_ANSWER} characters"
        return _verdict(started, Outcome.UNDECIDED, gold, found, reason=reason)
    ruling = gold.compare(found.text, AskSympy(timeout))
    if ruling.equal is not True and not strict and completion.strip() == answer.strip():
        found, ruling = Extraction(text=completion.strip(), method="whole", status=Status.OK), yes("string")
    reason = ruling.reason
    if ruling.equal is None:
        outcome = Outcome.ERROR if reason.startswith("verifier_unavailable") else Outcome.UNDECIDED
    else:
        outcome = Outcome.CORRECT if ruling.equal else Outcome.INCORRECT
    if outcome is Outcome.INCORRECT and found.status is Status.AMBIGUOUS and gold.is_single:
        reason = "ambiguous: more than one answer"
    return _verdict(started, outcome, gold, found, tier=ruling.tier, reason=reason)


_NOTHING = Extraction(text=None, method="none", status=Status.NONE)


def _wanted(gold: Gold) -> Wanted:
    node = gold.reading.node if gold.reading else None
    if isinstance(node, Words):
        return Wanted.WORDS
    return Wanted.CHOICE if isinstance(node, Sym) and len(node.name) == 1 and node.name.isupper() else Wanted.VALUE


def _verdict(
    started: float, outcome: Outcome, gold: Gold, found: Extraction, *, tier: str = "", reason: str = ""
) -> Verdict:
    return Verdict(
        outcome=outcome,
        extracted=found.text,
        expected=gold.text,
        method=f"{found.method}:{tier}" if tier else found.method,
        reason=reason,
        verifier=f"{VERSION} policy {gold.policy.label}",
        seconds=perf_counter() - started,
    )
