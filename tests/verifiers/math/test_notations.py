"""Notations of one kind each: what they mean, and that their neighbours are told apart."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from verifiers import Outcome
from verifiers.math import grade

SAME = [
    (r"C_{10}^3", "120"), ("nCr(10,3)", "120"), (r"{}_{10}C_3", "120"), ("10C3", "120"), ("C(10,3)", "120"),
    (r"C_n^2", r"\frac{n(n-1)}{2}"), ("7!!", "105"), ("nPr(5,2)", "20"),
    ("log_10(100)", "2"), ("log10(x)", r"\log_{10} x"),
    (r"\begin{vmatrix}1&2\\3&4\end{vmatrix}", "-2"), (r"\left|\begin{array}{cc}a&b\\c&d\end{array}\right|", "ad-bc"),
    (r"3\mathbf{i}-4\mathbf{j}", r"\langle 3, -4\rangle"), (r"\hat{i}-2\hat{k}", "(1, 0, -2)"),
    (r"\mathbf{i}-2\mathbf{j}+3\mathbf{k}", r"\begin{pmatrix}1\\-2\\3\end{pmatrix}"),
    (r"x \ne \pm 5", r"x \ne 5, x \ne -5"), (r"1<|x|<\sqrt3", r"(-\sqrt3,-1)\cup(1,\sqrt3)"),
    (r"x\ge\sqrt3", r"[\sqrt3,\infty)"), (r"a\in\{1,-2\}", r"a=1 \text{ or } a=-2"), ("x^2_1+x^2_2", "x_1^2+x_2^2"),
    (r"\textcircled{1}\textcircled{3}", "①③"), ("(1)(3)(4)", "(1), (3), (4)"), ("0.1666...", r"\frac{1}{6}"),
    (r"\textcolor{red}{42}", "42"), (r"\large 42\tag{1}", "42"), (r"\begin{aligned}x&=42\end{aligned}", "42"),
    (r"145_{\text{base }8}", "145_8"), (r"\text{17 cm}", "17"), (r"\text{Option C}", "C"), (r"\text{C.}", "C"),
    (r"\text{There is no solution}", "No solution"), (r"\text{The limit does not exist}", "DNE"),
    (r"2^{n-1} \text{ for } n \ge 2", "2^{n-1}"), (r"\frac12 \text{ or } 0.5", "0.5"), ("△ABC", r"\triangle ABC"),
    (r"\begin{cases}0&x<0\\x&\text{if } x\ge 0\end{cases}", r"\begin{cases}x,&x\ge 0\\0,&x<0\end{cases}"),
]  # fmt: skip
OTHER = [
    (r"C_{10}^3", "1000"), ("8!!", "105"), (r"C_1^2", "1"), (r"3\mathbf{i}-4\mathbf{j}", "(3, 4)"),
    ("log_10(100)", "0"),
    (r"x \ne \pm 5", r"x \ne 5"),
    (r"x>\sqrt3", r"[\sqrt3,\infty)"), ("①③", "①④"), (r"\text{Option C}", "D"),
    (r"\begin{cases}2n&n \text{ even}\\n&n \text{ odd}\end{cases}",
     r"\begin{cases}n&n \text{ even}\\2n&n \text{ odd}\end{cases}"),
    (r"\text{no solution}", "DNE"), (r"5 \text{ or } 6", "5"), (r"0.1666...", r"\frac{1}{7}"), (r"a\in\{1,-2\}", "a=1"),
]  # fmt: skip


@pytest.mark.parametrize(("answer", "reference"), SAME)
def test_another_notation_is_the_same_answer(answer: str, reference: str) -> None:
    for one, other in ((answer, reference), (reference, answer)):
        verdict = grade(rf"\boxed{{{one}}}", other)
        assert verdict.correct is True, (one, other, verdict.reason)


@pytest.mark.parametrize(("answer", "reference"), OTHER)
def test_another_answer_in_these_notations_is_never_accepted(answer: str, reference: str) -> None:
    for one, other in ((answer, reference), (reference, answer)):
        assert grade(rf"\boxed{{{one}}}", other).correct is not True, (one, other)


NAMES = st.sampled_from(["k", "n", "m"])


@given(st.integers(1, 9), st.integers(-20, 20), st.integers(-3, 3), NAMES, NAMES)
def test_families_are_their_values(step: int, start: int, turns: int, name: str, other: str) -> None:
    reference = rf"x = {start} + {step}{name}\pi, {name} \in \mathbb{{Z}}".replace(rf"{start} +", rf"{start}\pi +")
    shifted = rf"x = {step}{other}\pi + {start + turns * step}\pi \text{{ for any integer }} {other}"
    assert grade(rf"\boxed{{{shifted}}}", reference).correct is True
    wider = rf"x = {2 * step}{other}\pi + {start}\pi, {other}\in Z"
    assert grade(rf"\boxed{{{wider}}}", reference).correct is False


@given(st.integers(2, 30), st.integers(-40, 40), st.integers(-40, 40))
def test_congruences_keep_their_modulus(modulus: int, one: int, other: int) -> None:
    reference = rf"x \equiv {one} \pmod{{{modulus}}}"
    same = (one - other) % modulus == 0
    assert grade(rf"\boxed{{x\equiv {other}\ (\mathrm{{mod}}\ {modulus})}}", reference).correct is same
    assert grade(rf"\boxed{{x = {modulus}k + {other}, k\in\mathbb{{Z}}}}", reference).correct is same
    assert grade(rf"\boxed{{x\equiv {one} \pmod{{{modulus + 1}}}}}", reference).correct is False


def test_conditions_that_differ_are_not_decided() -> None:
    assert grade(r"\boxed{5 \text{ if } n>2}", r"5 \text{ if } n>3").outcome is Outcome.UNDECIDED
    assert grade(r"\boxed{6 \text{ if } n>2}", r"5 \text{ if } n>3").correct is False
