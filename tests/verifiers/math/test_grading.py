"""From a completion to a verdict: outcomes, tiers, what is recorded, and that nothing takes long or raises."""

import threading

import pytest

from verifiers import Outcome
from verifiers.math import PHYSICS, Policy, compile_gold, grade
from verifiers.math.allowance import Allowance
from verifiers.math.processes import WorkerPool

INTEGRAL = r"\int_0^1 x dx"


@pytest.mark.parametrize(
    ("completion", "answer", "outcome", "method"),
    [
        (r"\boxed{\frac{2}{4}}", "0.5", Outcome.CORRECT, "boxed:rational"),
        (r"\boxed{(x+1)^2}", "x^2+2x+1", Outcome.CORRECT, "boxed:canonical"),
        (r"\boxed{(q+1)^2}", "x^2+2x+1", Outcome.INCORRECT, "boxed:canonical"),
        (r"\boxed{(1,2)}", "[1,2]", Outcome.INCORRECT, "boxed:structure"),
        (r"\boxed{\sin^2 x+\cos^2 x}", "1", Outcome.CORRECT, "boxed:probing"),
        (rf"\boxed{{{INTEGRAL}}}", "0.5", Outcome.CORRECT, "boxed:sympy"),
        (rf"\boxed{{{INTEGRAL}}}", "0.6", Outcome.INCORRECT, "boxed:sympy"),
        (r"\boxed{}", "5", Outcome.NO_ANSWER, "none"),
        (r"\boxed{5}", r"\boxed{5}", Outcome.CORRECT, "boxed:string"),
        (r"\boxed{5}", r"$125$ miles", Outcome.INCORRECT, "boxed:rational"),
        (r"\boxed{\text{Evelyn}}", r"\text{Carla}", Outcome.INCORRECT, "boxed:words"),
        (r"\boxed{" + "9" * 5000 + "}", "5", Outcome.UNDECIDED, "boxed"),
        ("5" * 1_000_001, "5", Outcome.UNDECIDED, "over_limit"),
    ],
)
def test_outcome_and_method(completion: str, answer: str, outcome: Outcome, method: str) -> None:
    verdict = grade(completion, answer, timeout=20)
    assert (verdict.outcome, verdict.method) == (outcome, method)


@pytest.mark.parametrize(
    "answer",
    ["", "  ", r"\frac{1}{", r"\frac{1}{0}", r"\text{nan}", "7 = 8", r"\boxed{}", "$$", "9" * 5000],
)
def test_a_reference_that_nothing_can_equal_is_an_error(answer: str) -> None:
    verdict = grade(rf"\boxed{{{answer}}}", answer)
    assert (verdict.outcome, verdict.correct) == (Outcome.ERROR, None)
    assert verdict.reason.startswith("bad_gold: ")


@pytest.mark.parametrize("answer", [r"\foo{2}", r"A\subseteq B", r"\ce{H2SO4}", r"p\Rightarrow q", r"A \to B"])
def test_a_reference_that_is_unknown_here_equals_only_its_own_text(answer: str) -> None:
    assert grade(rf"So \boxed{{{answer}}}.", f"${answer}$").correct is True
    assert grade(r"\boxed{2}", answer).reason.startswith("bad_gold")
    assert grade(rf"\boxed{{{answer} 1}}", answer).outcome is Outcome.ERROR


def test_the_verdict_says_what_was_compared_and_under_which_policy() -> None:
    verdict = grade(r"so \boxed{x+1}", r"\boxed{1+x}")
    assert (verdict.extracted, verdict.expected) == ("x+1", "1+x")
    assert verdict.verifier == "verifiers.math 0.2 policy default"
    assert grade("3.0", "3.01", policy=PHYSICS).verifier.endswith("physics(relative_tolerance=0.01)")


@pytest.mark.parametrize(
    ("completion", "answer", "policy", "correct"),
    [
        ("3.0", "3.01", PHYSICS, True),
        ("2.9", "3.01", PHYSICS, False),
        ("3.0", "3.01", Policy(), False),
        ("2, 1", "1, 2", Policy(bare_lists_are_sets=False), False),
        ("50", r"50\%", Policy(percent_sign_optional=False), False),
        ("0.5", r"50\%", Policy(percent_sign_optional=False), True),
        ("5", "5 cm", Policy(unit_optional=False), False),
        ("x = 5", "5", Policy(name_optional=False), False),
        ("0.333333", "1/3", Policy(rounded_digits=0), False),
    ],
)
def test_a_policy_is_followed(completion: str, answer: str, policy: Policy, correct: bool) -> None:
    assert grade(completion, answer, policy=policy).correct is correct


def test_a_long_polynomial_is_read() -> None:
    terms = [f"{n}x^{{{n}}}" for n in range(1, 120)]
    answer, other = "+".join(terms), "-".join(terms)
    assert grade(rf"\boxed{{{answer}}}", "+".join(reversed(terms))).correct is True
    assert grade(rf"\boxed{{{other}}}", answer).correct is False


def test_out_of_time_is_undecided_not_wrong() -> None:
    verdict = grade(r"\boxed{\int_0^1 x^x e^{\sin(x^2)} \ln(x) dx}", "2", timeout=0.3)
    assert (verdict.outcome, verdict.correct) == (Outcome.UNDECIDED, None)
    assert verdict.reason in ("sympy_timeout", "sympy_starting", "out_of_time")


@pytest.mark.parametrize(
    ("answer", "gold"),
    [
        (r"\sqrt{12}", "3.4641016"),
        (r"[\sqrt{2}, 3) \cup (4, 5)", r"[1.5, 3) \cup (4, 5)"),
        (r"\sqrt{12}, 8", "3.4641016, 8"),
    ],
)
def test_a_value_that_took_too_long_proves_nothing(monkeypatch: pytest.MonkeyPatch, answer: str, gold: str) -> None:
    compiled = compile_gold(gold)
    monkeypatch.setattr("verifiers.math.allowance.Allowance.at_most", lambda allowance, seconds: Allowance(0.0))
    ruling = compiled.compare(answer)
    assert (ruling.equal, ruling.reason) == (None, "out_of_time")


def test_no_worker_is_an_error_not_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    from verifiers.math import symbolic

    monkeypatch.setattr("sys.executable", "/bin/false")
    monkeypatch.setattr(symbolic, "shared_pool", lambda: WorkerPool(1))
    verdict = grade(INTEGRAL, "1/2")
    assert verdict.outcome is Outcome.ERROR
    assert verdict.reason.startswith("verifier_unavailable")


@pytest.mark.parametrize(
    "answer",
    [
        "9^{9^{9^9}}",
        "(10^{10})!",
        "1e1000000000",
        r"\tan(10^{10^{10}})",
        r"x^{10^9}-x^{10^9}",
        "(" * 1900 + "1" + ")" * 1900,
        r"\sqrt{" * 300 + "2" + "}" * 300,
        "2^" * 1000 + "2",
        "-" * 3000 + "1",
        r"(a+b+c+d+e+f+g)^{40}",
        "".join(f"(x+1/{n})" for n in range(101, 701, 2)),
        "".join(f"(x+{n}y)" for n in range(100, 400)),
        r"\sqrt{" + "+".join(f"\\sqrt{{{n}}}" for n in range(2, 200)) + "}",
        "1" + " " * 3900 + "x)",
        "+".join(f"x_{n}^{n}" for n in range(400)),
        ",".join("1" * 1500),
        r"\pm " * 500 + "1",
        "|" * 1000 + "x" + "|" * 1000,
        r"\binom{10^9}{5\cdot 10^8}",
        r"\{" * 500 + r"\}" * 500,
        "x<" * 500 + "x",
        "a=" * 1000 + "a",
        r"\begin{pmatrix}" * 100 + "1" + r"\end{pmatrix}" * 100,
        "1/" * 1000 + "1",
        r"\gcd(10^{400}, 10^{399}+1)",
        "(r+5)^2777^2777^2777",
        "145145^{" * 9 + "x" + "}" * 9,
        "3" * 3900,
        "3" + "!" * 1000,
        r"5\text{ ft }6\text{ in }" * 100,
        "(3000!^{3000})^{2}",
        r"\frac7(10^9)!.25e-1112",
        r"\sum_{k=1}^{5000}" * 3 + "k^{k}",
        ",".join(f"\\sin({n})" for n in range(110)),
        r"\cup".join(f"({n},{n}.5)" for n in range(300)),
        "2^{20000}+x",
        r"\int_0^1 x^{2} dx + 2^{20000}",
    ],
)
def test_a_hostile_answer_is_judged_in_time_from_a_thread(answer: str) -> None:
    found = []
    thread = threading.Thread(target=lambda: found.append(grade(rf"\boxed{{{answer}}}", "2", timeout=1.0)))
    thread.start()
    thread.join(60)
    assert found, "it is still running"
    assert not found[0].reason.startswith("verifier_failed")
    assert found[0].correct is not True


@pytest.mark.parametrize(
    "text", ["__import__('os').system('true')", "exec(1)", "().__class__", "lambda: 0", "print(42)"]
)
def test_text_is_never_code(text: str) -> None:
    assert grade(rf"\boxed{{{text}}}", "0").correct is not True
    assert grade(f"{text} or 0", "0").correct is not True


@pytest.mark.timeout(20)
@pytest.mark.parametrize("power", ["0^{10^{10^{10}}}", "x + 0^ 10^{10^{10}} 5", "1^{10^{10^{10}}} + x"])
def test_a_huge_power_of_zero_or_one_does_not_hang(power: str) -> None:
    assert grade(f"\\boxed{{{power}}}", r"\frac{3}{56}\sqrt{85}").correct is not True
