"""Greatest common divisors and least common multiples of letters: equal only where all whole numbers agree."""

import math

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from verifiers import Outcome
from verifiers.math import grade

small = st.integers(2, 40)
checked = settings(deadline=None, max_examples=30)


def judged(answer: str, reference: str) -> Outcome:
    outcome = grade(f"\\boxed{{{answer}}}", reference).outcome
    assert grade(f"\\boxed{{{reference}}}", answer).outcome is outcome
    return outcome


@given(small, small)
@checked
def test_divisors_shared_with_different_numbers_differ(a: int, b: int) -> None:
    assume(a != b)
    assert judged(f"\\gcd(n,{a})", f"\\gcd(n,{b})") is Outcome.INCORRECT
    assert judged(f"\\operatorname{{lcm}}(n,{a})", f"\\operatorname{{lcm}}(n,{b})") is Outcome.INCORRECT


@given(small)
@checked
def test_a_letter_is_not_coprime_to_a_number(a: int) -> None:
    assert judged(f"\\gcd(n,{a})", "1") is Outcome.INCORRECT
    assert judged(f"\\operatorname{{lcm}}(n,{a})", f"{a}n") is Outcome.INCORRECT


@given(small, small)
@checked
def test_a_common_factor_comes_out(a: int, b: int) -> None:
    shared = math.gcd(a, b)
    assert judged(f"\\gcd({a}n,{b})", f"{shared}\\gcd({a // shared}n,{b // shared})") is Outcome.CORRECT
    assert judged(f"\\gcd({a}n,{b}n)", f"{shared}n") is Outcome.CORRECT


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (r"\gcd(n,12)", r"\gcd(n+12,12)"),
        (r"\gcd(a,b)", r"\gcd(a,a+b)"),
        (r"\gcd(a,b)\operatorname{lcm}(a,b)", "ab"),
        (r"\frac{mn}{\gcd(m,n)}", r"\operatorname{lcm}(n,m)"),
        (r"\gcd(n^2+1,n+1)", r"\gcd(2,n+1)"),
        (r"\gcd(2n+1,n)", "1"),
        (r"\gcd(x^2y,xy^2)", r"xy\gcd(x,y)"),
        (r"\gcd(2^m-1,2^n-1)", r"2^{\gcd(m,n)}-1"),
    ],
)
def test_identities_of_divisors_are_accepted(a: str, b: str) -> None:
    assert judged(a, b) is Outcome.CORRECT


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (r"\gcd(x,y)", "1"),
        (r"\gcd(a,b)", r"\gcd(a,c)"),
        (r"\gcd(a,b,c)", r"\gcd(a,b)"),
        (r"\gcd(2n,6)", "2"),
        (r"\gcd(n+5,2n+103)", "1"),
        (r"\gcd(n,1009)", "1"),
        (r"\gcd(m,n)", r"\operatorname{lcm}(m,n)"),
    ],
)
def test_divisors_that_differ_at_some_whole_numbers_are_refused(a: str, b: str) -> None:
    assert judged(a, b) is Outcome.INCORRECT


def test_the_lcm_of_bare_letters_is_that_of_indeterminates() -> None:
    assert judged(r"\operatorname{lcm}(x,y,z)", "xyz") is Outcome.CORRECT
