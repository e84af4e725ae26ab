"""From a completion to a verdict, one or many."""

from collections.abc import Iterator

import pytest

from verifiers import Outcome
from verifiers.math import grade, grade_many


@pytest.mark.parametrize(
    ("completion", "answer", "outcome", "method"),
    [
        (r"\boxed{\frac{2}{4}}", "0.5", Outcome.CORRECT, "boxed:rational"),
        (r"\boxed{(x+1)^2}", "x^2+2x+1", Outcome.CORRECT, "boxed:math_verify"),
        (r"\boxed{(q+1)^2}", "x^2+2x+1", Outcome.INCORRECT, "boxed:math_verify"),
        (r"\boxed{-7 + 24 \cdot i}", "-7+24i", Outcome.CORRECT, "boxed:math_verify"),
        (r"\boxed{a + b + c}", "c+b+a", Outcome.CORRECT, "boxed:math_verify"),
        (r"\boxed{}", "5", Outcome.NO_ANSWER, "none"),
        (r"\boxed{5}", r"\boxed{5}", Outcome.CORRECT, "boxed:string"),
        (r"\boxed{5}", r"$125$ miles", Outcome.INCORRECT, "boxed:rational"),
        (r"\boxed{" + "9" * 5000 + "}", "5", Outcome.UNDECIDED, "boxed"),
        ("5" * 1_000_001, "5", Outcome.UNDECIDED, "over_limit"),
    ],
)
def test_outcome_and_method(completion: str, answer: str, outcome: Outcome, method: str) -> None:
    verdict = grade(completion, answer, timeout=20)
    assert (verdict.outcome, verdict.method) == (outcome, method)


def test_the_verdict_says_what_was_compared_and_by_what() -> None:
    verdict = grade(r"so \boxed{x+1}", r"\boxed{1+x}", timeout=20)
    assert (verdict.extracted, verdict.expected) == ("x+1", "1+x")
    assert "math-verify 0." in verdict.verifier


def test_out_of_time_is_undecided_not_wrong() -> None:
    verdict = grade(r"\boxed{\Gamma(10^{9})}", "2", timeout=0.3)
    assert (verdict.outcome, verdict.reason, verdict.correct) == (Outcome.UNDECIDED, "verifier_timeout", None)


def test_no_worker_is_an_error_not_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    from verifiers.math import grading
    from verifiers.math.pool import WorkerPool

    monkeypatch.setattr("sys.executable", "/bin/false")
    monkeypatch.setattr(grading, "shared_pool", lambda: WorkerPool(1))
    verdict = grade("x+1", "1+x")
    assert verdict.outcome is Outcome.ERROR
    assert verdict.reason.startswith("verifier_unavailable: ")


def test_many_keep_their_order_and_read_a_bounded_number_ahead() -> None:
    taken = 0

    def cases() -> Iterator[tuple[str, str]]:
        nonlocal taken
        for n in range(10_000):
            taken += 1
            yield ("\\boxed{1+x}" if n % 7 == 0 else f"\\boxed{{{n}}}"), ("x+1" if n % 7 == 0 else str(n))

    verdicts = grade_many(cases(), workers=2, timeout=20)
    first = [next(verdicts) for _ in range(50)]
    assert taken < 200
    assert [v.extracted for v in first] == ["1+x" if n % 7 == 0 else str(n) for n in range(50)]
    assert all(v.correct for v in first)
    verdicts.close()  # type: ignore[attr-defined]
    assert taken < 200


def test_a_fault_of_the_input_reaches_the_reader() -> None:
    def cases() -> Iterator[tuple[str, str]]:
        yield "5", "5"
        raise LookupError("the file is gone")

    with pytest.raises(LookupError):
        list(grade_many(cases()))
