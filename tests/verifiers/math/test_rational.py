"""Exact values of plain arithmetic, with units and percentages."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from verifiers.math.rational import evaluate, read_quantity, same_amount


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("-5", Fraction(-5)),
        ("1,234.50", Fraction(2469, 2)),
        ("1 000", Fraction(1000)),
        (".5", Fraction(1, 2)),
        (r"\frac{5151}{50}", Fraction(5151, 50)),
        (r"\frac{3}{-10}", Fraction(-3, 10)),
        (r"-2\frac{1}{2}", Fraction(-5, 2)),
        (r"\frac{10^{30}+1}{10^{30}}", 1 + Fraction(1, 10**30)),
        ("24+7", Fraction(31)),
        (r"3 \div 2", Fraction(3, 2)),
        ("2/(-3)", Fraction(-2, 3)),
        ("-2^2", Fraction(-4)),
        ("1,23,4", None),
        ("1/0", None),
        ("2^{100000000}", None),
        ("9^9^9", None),
        ("((1)", None),
        ("2x", None),
        ("٤", None),
        ("½", None),
        ("1e400", None),
        ("(" * 100 + "1" + ")" * 100, None),
        ("9" * 100_000, None),
        ("", None),
    ],
)
def test_arithmetic_is_exact_and_bounded(text: str, value: Fraction | None) -> None:
    quantity = read_quantity(text)
    assert (None if quantity is None else quantity.value) == value


@pytest.mark.parametrize(
    ("a", "b", "same"),
    [
        (r"50\%", "0.5", True),
        (r"50\%", "50", True),
        ("50", "0.5", False),
        ("0.335", "33.5 percent", True),
        (r"\$16386.17", "16,386.17", True),
        (r"71^\circ", r"71\text{ degrees}", True),
        ("125 miles", "125", True),
        (r"5\text{ cm}", r"5\text{ m}", False),
        (r"5\text{ cm}", r"5\text{ centimeters}", True),
        (r"15\mbox{ cm}^2", "15", True),
        (r"\$5", r"5\text{ cm}", False),
        (r"56 \text{ square units}", "56", True),
        ("12 apples", "12 fruits", True),
    ],
)
def test_units_and_percentages(a: str, b: str, same: bool) -> None:
    first, second = read_quantity(a), read_quantity(b)
    assert first is not None
    assert second is not None
    assert same_amount(first, second) is same
    assert same_amount(second, first) is same


@pytest.mark.parametrize("text", [r"42 \text{ is wrong}", "2 pi", "3 or", r"7 \text{ or } 5", "12 mod"])
def test_words_that_change_the_meaning_are_no_units(text: str) -> None:
    assert read_quantity(text) is None


@given(st.fractions(max_denominator=10**6))
def test_every_spelling_of_a_fraction_has_its_value(value: Fraction) -> None:
    top, bottom = value.numerator, value.denominator
    for text in (
        f"{top}/{bottom}",
        rf"\frac{{{top}}}{{{bottom}}}",
        rf"\dfrac {{{top}}}{{{bottom}}}",
        f"{top}÷{bottom}",
    ):
        quantity = read_quantity(text)
        assert quantity is not None
        assert quantity.value == value


@given(st.text(alphabet="0123456789+-*/^(){}., \\frac", max_size=60))
def test_any_tokens_give_a_value_or_none(text: str) -> None:
    value = evaluate(text)
    assert value is None or isinstance(value, Fraction)
