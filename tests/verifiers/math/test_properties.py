"""Properties: the same answer equals itself, sides may be swapped, notation does not matter, a numeral does."""

from fractions import Fraction

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from verifiers import Outcome
from verifiers.math import grade
from verifiers.math.canonical import canonical, difference
from verifiers.math.gold import read_answer
from verifiers.math.parser import read
from verifiers.math.tokens import Unreadable

ANSWERED = (Outcome.CORRECT, Outcome.INCORRECT, Outcome.UNDECIDED, Outcome.NO_ANSWER, Outcome.ERROR)
whole = st.integers(-99, 99)
natural = st.integers(2, 99)
relaxed = settings(suppress_health_check=[HealthCheck.too_slow], deadline=None, max_examples=150)


@st.composite
def numbers(draw: st.DrawFn) -> str:
    a, b = draw(whole), draw(natural)
    forms = (
        f"{a}",
        f"\\frac{{{a}}}{{{b}}}",
        f"{a}/{b}",
        f"{a}.{b}",
        f"{a}\\%",
        f"{b}\\sqrt{{{b}}}",
        f"{a}\\pi",
        f"{a}+{b}i",
    )
    return draw(st.sampled_from(forms))


@st.composite
def polynomials(draw: st.DrawFn) -> str:
    a, b, c = draw(whole), draw(natural), draw(natural)
    x = draw(st.sampled_from("xyn"))
    forms = (
        f"{a}{x}^{{2}}+{b}{x}-{c}",
        f"({x}+{b})({x}-{c})",
        f"\\frac{{{x}+{b}}}{{{c}}}",
        f"{b}{x}^{{{c}}}",
        f"\\sin({b}{x})",
    )
    return draw(st.sampled_from(forms))


@st.composite
def structures(draw: st.DrawFn) -> str:
    p, q, r = draw(numbers()), draw(numbers()), draw(numbers())
    a = draw(whole)
    forms = (
        f"({p},{q})",
        f"{p}, {q}, {r}",
        f"\\{{{p},{q}\\}}",
        f"[{a},{a + 5})",
        f"(-\\infty,{a})\\cup[{a + 1},{a + 3}]",
        f"x={p}",
        f"y={a}x+{a + 1}",
        f"{a}<x\\le {a + 2}",
        f"\\begin{{pmatrix}}{p}&{q}\\\\{r}&{a}\\end{{pmatrix}}",
        f"{p}\\pm \\sqrt{{3}}",
        f"{abs(a) + 1}\\text{{ cm}}",
    )
    return draw(st.sampled_from(forms))


answers = st.one_of(numbers(), polynomials(), structures())


def judged(answer: str, gold: str) -> Outcome:
    return grade(f"so \\boxed{{{answer}}}", gold, timeout=0.5).outcome


@given(answers)
@relaxed
def test_an_answer_equals_itself(answer: str) -> None:
    assert judged(answer, answer) is Outcome.CORRECT


@given(answers, answers)
@relaxed
def test_which_side_is_the_reference_makes_no_difference(a: str, b: str) -> None:
    assert judged(a, b) is judged(b, a)


REWRITES = (
    lambda s: s.replace("\\frac", "\\dfrac"),
    lambda s: s.replace("(", "\\left(").replace(")", "\\right)") if s.count("(") == s.count(")") else s,
    lambda s: s.replace("+", " + ").replace(",", " ,\\ "),
    lambda s: f"\\, {s} ",
    lambda s: f"${s}$",
    lambda s: s.replace("-", "−"),
    lambda s: s.replace("\\pi", "π").replace("\\sqrt", "√"),
    lambda s: s.replace("\\le", "\\leq").replace("\\cup", "∪").replace("\\infty", "∞"),
    lambda s: s.replace("pmatrix", "bmatrix"),
    lambda s: s.replace("\\text", "\\mathrm"),
)


@given(answers, answers, st.sampled_from(REWRITES))
@relaxed
def test_a_rewrite_that_keeps_the_meaning_keeps_the_verdict(a: str, b: str, rewrite) -> None:  # type: ignore[no-untyped-def]
    assert judged(rewrite(a), a) is Outcome.CORRECT
    assert judged(rewrite(a), b) is judged(a, b)


@given(whole, natural, natural, natural, st.data())
@relaxed
def test_a_changed_numeral_changes_the_verdict(a: int, b: int, c: int, other: int, data: st.DataObject) -> None:
    assume(other not in (b, c))
    form = data.draw(
        st.sampled_from(
            [
                "{0}.{1}5",
                "\\frac{{1}}{{{1}}}",
                "x^2+{0}x+{1}",
                "\\sqrt{{{1}}}+{0}",
                "({0},{1})",
                "[{0},{1}00]",
                "{1}\\pi",
                "x={1}",
                "y={0}x+{1}",
                "{0},{1}1,7",
                "{1}!",
                "2^{{{1}}}",
                "\\log_{{3}} {1}",
                "{1}\\text{{ cm}}",
                "{1}\\%",
                "\\begin{{pmatrix}}{0}\\\\{1}\\end{{pmatrix}}",
                "x<{1}",
                "{0}+{1}i",
                "{1}:101",
                "\\sin {1}",
                "e^{{{1}}}",
            ]
        )
    )
    first, second = form.format(a, b), form.format(a, other)
    assert judged(second, first) is Outcome.INCORRECT


@given(st.fractions(max_denominator=10**6))
@relaxed
def test_every_spelling_of_a_fraction_has_its_value(value: Fraction) -> None:
    top, bottom = value.numerator, value.denominator
    for text in (f"{top}/{bottom}", f"\\frac{{{top}}}{{{bottom}}}", f"{top} \\div {bottom}", f"{top}*{bottom}^{{-1}}"):
        assert canonical(read(text)).rational == value


@given(polynomials(), polynomials(), polynomials())
@relaxed
def test_the_canonical_form_obeys_the_laws_of_a_ring(a: str, b: str, c: str) -> None:
    for left, right in (
        (f"({a})+({b})", f"({b})+({a})"),
        (f"({a})(({b})+({c}))", f"({a})({b})+({a})({c})"),
        (f"(({a})+({b}))^2", f"({a})^2+2({a})({b})+({b})^2"),
        (f"({a})-({a})", "0"),
    ):
        assert not difference(canonical(read(left)), canonical(read(right))).top, (left, right)


SIGNS = st.text(alphabet="0123456789abxyni+-*/^_(){}[]|!%,;:=<>&'.$\\ ", max_size=40)
PIECES = st.lists(
    st.sampled_from(
        [
            "\\frac",
            "{",
            "}",
            "\\sqrt",
            "1",
            "2",
            "x",
            "^",
            "_",
            "(",
            ")",
            "[",
            "]",
            ",",
            "=",
            "<",
            "\\cup",
            "\\infty",
            "\\pm",
            "\\text{ cm}",
            "\\text{ or }",
            "\\begin{pmatrix}",
            "\\end{pmatrix}",
            "\\\\",
            "&",
            "\\sin",
            "\\log",
            "|",
            "!",
            "%",
            "\\int",
            "\\sum",
            "_{k=1}",
            "^{3}",
            "dx",
            "\\lim",
            "\\{",
            "\\}",
            "\\binom",
            "\\left",
            "\\right",
            "\\overline{3}",
            "0.",
            "e",
            "i",
            "\\pi",
            "\\circ",
            "^\\circ",
            "\\$",
            ":",
            "mod",
            "\\in",
            "\\mathbb{R}",
            "f(",
            "'",
            "\\dots",
            "1e9",
        ]
    ),
    max_size=14,
).map("".join)


@given(
    st.one_of(SIGNS, PIECES, st.text(max_size=30)),
    st.sampled_from(["5", "x+1", "(1,2)", "x=2", r"\sqrt{2}", "no", "[0,1)"]),
)
@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None, max_examples=250)
def test_any_text_is_judged_and_nothing_is_raised(text: str, gold: str) -> None:
    verdict = grade(f"\\boxed{{{text}}}", gold, timeout=0.4)
    assert verdict.outcome in ANSWERED
    assert not verdict.reason.startswith("verifier_failed")
    assert grade(text, text, timeout=0.4).outcome in ANSWERED


@given(st.one_of(SIGNS, PIECES, st.text(max_size=30)))
@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None, max_examples=250)
def test_reading_gives_a_tree_or_says_that_it_cannot(text: str) -> None:
    try:
        read(text)
    except Unreadable as error:
        assert str(error)
    assert read_answer(text).node is not None or read_answer(text).problem


@pytest.mark.parametrize("a", ["x^2", r"\sin x", "2^n", r"\sqrt{x}"])
@pytest.mark.parametrize("b", ["|x|", r"\cos x", "n^2", "x"])
def test_different_functions_differ_by_probing(a: str, b: str) -> None:
    assert judged(a, b) is Outcome.INCORRECT
