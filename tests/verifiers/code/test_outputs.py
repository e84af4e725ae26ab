"""Printed outputs: blanks and line ends do not count; lines, tokens, integers do."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from verifiers.code.outputs import Difference, difference


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        ("1 2\n", "1 2"),
        ("1 2  \r\n3\r\n\r\n", "1 2\n3"),
        ("1   2", "1 2"),
        (" 1 2", "1 2"),
        ("0.3333333", "0.33333333333"),
        ("1000000.4", "1000000.0"),
        ("3", "3.0"),
        ("-0.0000001", "0.0"),
        ("1e3", "1000.0"),
        ("", "\n"),
        ("YES", "YES"),
    ],
)
def test_they_agree(output: str, expected: str) -> None:
    assert difference(output, expected) is None


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        ("1\n", "1\n2"),
        ("1\n2\n3", "1\n2"),
        ("1 2 3", "1 2"),
        ("1\n2", "1 2"),
        ("1 2", "1\n2"),
        ("", "0"),
        ("0", ""),
        ("5.0", "5"),
        ("1000000000000000001", "1000000000000000000"),
        ("9007199254740993", "9007199254740992"),
        ("0.34", "0.33"),
        ("nan", "0.5"),
        ("inf", "1e308"),
        ("1_0.0", "10.0"),
        ("٣.٠", "3.0"),
        ("yes", "YES"),
        ("0b1", "1"),
        ("007", "7"),
        ("1.0abc", "1.0"),
        ("\n1", "1"),
        ("1" * 5000, "1.0"),
    ],
)
def test_they_differ(output: str, expected: str) -> None:
    assert difference(output, expected) is not None


def test_the_first_difference_is_named() -> None:
    assert difference("1\n2 9\n", "1\n2 8\n3") == Difference(line=2, expected="2 8", got="2 9")


TEXT = st.text(alphabet="0123456789.e+- \n\rab", max_size=60)


@given(TEXT)
def test_every_output_agrees_with_itself(text: str) -> None:
    assert difference(text, text) is None


@given(TEXT, st.sampled_from(["7", "x", "0.5"]))
def test_one_token_more_is_seen(text: str, token: str) -> None:
    assert difference(f"{text.rstrip()} {token}", text) is not None
    assert difference(f"{text.rstrip()}\n{token}", text) is not None


@given(st.integers(min_value=-(10**30), max_value=10**30), st.integers(min_value=1, max_value=9))
def test_a_changed_integer_is_seen(number: int, change: int) -> None:
    assert difference(str(number + change), str(number)) is not None
