"""The exact rules: what they accept, what they refuse, and what they leave to algebra."""

import pytest

from verifiers.math.compare import compare


@pytest.mark.parametrize(
    ("answer", "gold"),
    [
        (r"\dfrac{1}{2}", r"\frac12"),
        (r"\textbf{(A)}", r"\text{A}"),
        (r"11,\! 111,\! 111,\! 100", "11111111100"),
        ("x = 5", "5"),
        ("5 = k", "k=3+2"),
        ("-2x", "y = -2x"),
        ("f(x) = 5", "5"),
        ("(-2 ,\\ 1)", "(-2,1)"),
        ("(1,4.5)", r"(1,\frac{9}{2})"),
        ("3, 5, -1", "-1,3,5"),
        (r"\{3,-3\}", "3,-3"),
        (r"0 \text{ and } 1", "0,1"),
        ("October 30", r"\text{October 30}"),
        ("thursday", r"\text{Thursday}"),
        ("−5", "-5"),
        (r"\left(4,25\right)", "(4,25)"),
    ],
)
def test_the_same_answer_is_accepted(answer: str, gold: str) -> None:
    ruling = compare(answer, gold)
    assert ruling is not None
    assert ruling.equal


@pytest.mark.parametrize(
    ("answer", "gold"),
    [
        ("7 = 8", "7"),
        ("8 = 7", "7"),
        (r"\frac{1}{2006!}", r"\frac{1}{2004!}"),
        (r"\frac{1}{2^{98}}", r"\frac{1}{2^{99}}"),
        (r"5\text{ cm}", r"5\text{ m}"),
        ("500", "5"),
        ("(1,2)", "[1,2]"),
        ("(4,-3)", "(-3,4)"),
        ("89, 88", "89, 88, 85"),
        ("1,2", "12"),
        ("12", "1,2"),
        ("1,2,3", "1,2,2"),
        (r"7 \text{ or } 5", "7"),
        (r"42 \text{ is wrong}", "42"),
        (r"\text{not yes}", r"\text{yes}"),
        ("E N D", "DNE"),
        ("\u202e5", "5"),
        ("5\u0336", "5"),
    ],
)
def test_another_answer_is_refused(answer: str, gold: str) -> None:
    ruling = compare(answer, gold)
    assert ruling is not None
    assert not ruling.equal


@pytest.mark.parametrize(
    ("answer", "gold"),
    [
        ("1+x", "x+1"),
        (r"\sqrt{8}", r"2\sqrt{2}"),
        ("x = 5", "y = 5"),
        ("x=x", "x+1"),
        (r"\sin x", "sin x"),
        ("(0,1)", r"x \in (0,1)"),
    ],
)
def test_the_rest_is_left_to_algebra(answer: str, gold: str) -> None:
    assert compare(answer, gold) is None
