"""Decimals beside exact values: what rounding and a double's last digits explain, and what they do not."""

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from verifiers import Outcome
from verifiers.math import grade


def judged(answer: str, reference: str) -> Outcome:
    outcome = grade(f"\\boxed{{{answer}}}", reference).outcome
    assert grade(f"\\boxed{{{reference}}}", answer).outcome is outcome
    return outcome


@given(st.integers(2**52, (10**17 - 2) // 2).map(lambda n: 2 * n + 1))
@settings(deadline=None)
def test_a_whole_number_is_not_the_double_next_to_it(whole: int) -> None:
    printed = repr(float(whole))
    assume(len(printed.split("e")[0]) > 17)  # with fewer digits than the number it is a rounding
    assert judged(printed, str(whole)) is Outcome.INCORRECT


@given(st.integers(10**12, 10**16), st.integers(1, 99))
@settings(deadline=None)
def test_a_whole_number_is_not_a_decimal_beside_it(whole: int, hundredths: int) -> None:
    assert judged(f"{whole}.{hundredths:02}", str(whole)) is Outcome.INCORRECT


@given(st.integers(2, 10**9), st.sampled_from((-2, -1, 1, 2)))
@settings(deadline=None)
def test_a_whole_number_is_a_double_that_rounding_moved(whole: int, steps: int) -> None:
    from math import inf, nextafter

    value = float(whole)
    for _ in range(abs(steps)):
        value = nextafter(value, inf * steps)
    assert judged(repr(value), str(whole)) is Outcome.CORRECT


@pytest.mark.parametrize(
    ("exact", "decimal"),
    [
        ("2^{53}+1", "9007199254740992.0"),
        ("2718281828459045", "2718281828459045.5"),
        ("99999999999999", "99999999999998.99"),
        ("12345678901234567", "1.2345678901234568e16"),
    ],
)
def test_an_exact_whole_value_is_not_rounded_away(exact: str, decimal: str) -> None:
    assert judged(decimal, exact) is Outcome.INCORRECT


@pytest.mark.parametrize(
    ("exact", "decimal"),
    [
        ("100", "99.99999999999999"),
        ("1000000", "999999.9999999999"),
        ("0.3", "0.30000000000000004"),
        ("2^{53}", "9007199254740992.0"),
        ("2^{100}", "1.2676506002282294e30"),
        ("30!", "2.6525285981219107e32"),
        ("20!", "2.43290200817664e18"),
    ],
)
def test_what_a_program_prints_for_an_exact_value_is_accepted(exact: str, decimal: str) -> None:
    assert judged(decimal, exact) is Outcome.CORRECT
