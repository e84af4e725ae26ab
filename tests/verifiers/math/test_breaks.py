"""Formulas that change where no polynomial is zero: both sides of the change are compared."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from verifiers import Outcome
from verifiers.math import grade

ARGUMENTS = {
    r"\ln x": st.integers(-40, 40),
    r"\log_2 x": st.integers(-60, 60),
    r"\frac{1}{x}": st.integers(-(10**9), 10**9),
    r"\sqrt{x}": st.integers(1, 10**6),
    r"e^{x}": st.integers(1, 10**9),
    r"x-\sin x": st.integers(-(10**7), 10**7),
    r"\sin x": st.integers(-999, 999).map(lambda n: n / 1000),
    r"\cos(2\pi x)": st.integers(-99, 99).map(lambda n: n / 100),
    r"\sin x+\cos x": st.integers(-141, 141).map(lambda n: n / 100),
    r"\tan x": st.integers(-1000, 1000),
    r"\sin x\cos y": st.integers(-99, 99).map(lambda n: n / 100),
    r"xe^{-x}": st.integers(1, 36).map(lambda n: n / 100),
}
"""Expressions with values that they take on both sides of."""


@st.composite
def crossed(draw: st.DrawFn) -> tuple[str, str]:
    argument = draw(st.sampled_from(sorted(ARGUMENTS)))
    return argument, f"({draw(ARGUMENTS[argument])})"


def judged(answer: str, reference: str) -> Outcome:
    outcome = grade(f"\\boxed{{{answer}}}", reference).outcome
    assert grade(f"\\boxed{{{reference}}}", answer).outcome is outcome
    return outcome


@given(crossed(), st.booleans())
@settings(deadline=None, max_examples=40)
def test_one_branch_is_not_the_whole(case: tuple[str, str], is_upper: bool) -> None:
    argument, level = case
    branch = f"{argument}-{level}" if is_upper else f"{level}-({argument})"
    assert judged(branch, f"\\left|{argument}-{level}\\right|") is Outcome.INCORRECT
    assert judged(branch, f"\\sqrt{{({argument}-{level})^2}}") is Outcome.INCORRECT
    assert judged(argument, f"\\{'max' if is_upper else 'min'}({argument},{level})") is Outcome.INCORRECT


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (r"|\ln x-20|", r"20-\ln x"),
        (r"\max(\ln x,-15)", r"\ln x"),
        (r"\min(\log_2 n,40)", r"\log_2 n"),
        (r"|1/x-100000|", "100000-1/x"),
        (r"\lfloor\frac{\ln x}{30}+\frac12\rfloor", "0"),
        (r"\lfloor |x|/10^7\rfloor", "0"),
        (r"n \bmod 1000000007", "n"),
        (r"|x-\sin x-70000|", r"70000-x+\sin x"),
        (r"|2+\sin x-2.99|", r"0.99-\sin x"),
        (r"|\sin x-0.9999|", r"0.9999-\sin x"),
        (r"|\cos x+0.995|", r"\cos x+0.995"),
        (r"\operatorname{sgn}(\ln x-20)", "-1"),
        (r"|\frac{1}{x^2+1}-10^{-13}|", r"\frac{1}{x^2+1}-10^{-13}"),
    ],
)
def test_a_break_far_out_or_in_a_narrow_gap_is_seen(a: str, b: str) -> None:
    assert judged(a, b) is Outcome.INCORRECT


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (r"|2+\sin x|", r"2+\sin x"),
        (r"|1+\sin x|", r"1+\sin x"),
        (r"|\sin x-2|", r"2-\sin x"),
        (r"|\cosh x|", r"\cosh x"),
        (r"|e^x-x|", "e^x-x"),
        (r"\ln|1+e^x|", r"\ln(1+e^x)"),
        (r"\ln|x+\sqrt{x^2+1}|", r"\ln(x+\sqrt{x^2+1})"),
        (r"|\sqrt{x^2+1}-x|", r"\sqrt{x^2+1}-x"),
        (r"|\sin x|", r"\sqrt{1-\cos^2 x}"),
        (r"|\ln x|", r"|\ln(1/x)|"),
        (r"\ln|\sec x+\tan x|", r"-\ln|\sec x-\tan x|"),
        (r"\sqrt{\frac{1-\cos x}{2}}", r"\left|\sin\frac x2\right|"),
        (r"|\sin x+\cos x-1.5|", r"1.5-\sin x-\cos x"),
        (r"|xe^{-x}-0.368|", "0.368-xe^{-x}"),
        (r"\sqrt{a^2+b^2+2ab\cos\theta}", r"\sqrt{(a+b\cos\theta)^2+b^2\sin^2\theta}"),
        (r"\lfloor x+1\rfloor", r"\lfloor x\rfloor+1"),
        (r"\max(e^x,x)", "e^x"),
    ],
)
def test_an_argument_that_keeps_its_sign_is_decided(a: str, b: str) -> None:
    assert judged(a, b) is Outcome.CORRECT


def test_an_argument_that_goes_on_towards_a_break_beyond_all_points_is_undecided() -> None:
    assert judged(r"|\ln x-10^6|", r"10^6-\ln x") is Outcome.UNDECIDED
