"""Words that change what an answer means: labels of parts, directions, moduli, `and` and `or`, words for operations."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from verifiers.math import grade

NOUNS = ["boys", "girls", "apples", "pears", "nickels", "dimes", "red balls", "blue balls", "wins", "tables"]
FORMS = [
    "{0} {2}, {1} {3}", "{0} {2} and {1} {3}", r"{0} \text{{ {2}}}, {1} \text{{ {3}}}",
    r"{0}\text{{ {2} and }}{1}\text{{ {3}}}",
]  # fmt: skip
OPPOSITES = [
    ("increase", "decrease"), ("profit", "loss"), ("gain", "loss"), ("rise", "fall"), ("north", "south"),
    ("east", "west"),
    ("up", "down"), ("more", "less"), ("clockwise", "counterclockwise"), ("older", "younger"), ("above", "below"),
    ("ago", "later"), ("ago", "from now"), ("ago", "after"), ("clockwise", "counter-clockwise"),
    ("clockwise", "anti-clockwise"), ("clockwise", "counter clockwise"), ("clockwise", "anticlockwise"),
    ("deeper", "shallower"), ("cheaper", "more expensive"), ("less expensive", "more expensive"), ("NE", "NW"),
    ("NE", "SE"), ("NNE", "SSW"), ("N of E", "E of N"), ("north", "S"), ("boys", "girls"), ("nickels", "dimes"),
    ("to the left", "to the right"), ("north of east", "east of north"), ("before noon", "after noon"),
]  # fmt: skip


def is_right(answer: str, gold: str) -> bool:
    return grade(f"\\boxed{{{answer}}}", gold).correct is True


@given(
    st.integers(0, 99), st.integers(0, 99), st.lists(st.sampled_from(NOUNS), min_size=2, max_size=2, unique=True),
    st.sampled_from(FORMS),
)  # fmt: skip
@settings(deadline=None, max_examples=60)
def test_the_labels_of_parts_count_and_their_order_does_not(a: int, b: int, nouns: list[str], form: str) -> None:
    gold = form.format(a, b, *nouns)
    assert is_right(gold, gold)
    assert is_right(form.format(b, a, *nouns[::-1]), gold)
    assert is_right(f"{a}, {b}", gold)
    assert is_right(form.format(b, a, *nouns), gold) is (a == b)
    assert is_right(f"{b}, {a}", gold) is (a == b)


@pytest.mark.parametrize(
    ("gold", "right", "wrong"),
    [
        ("(i) 3 (ii) 5", "(i) 3, (ii) 5", "(i) 5 (ii) 3"), ("a) 3; b) 5", "(a) 3 (b) 5", "a) 5; b) 3"),
        ("(1) $x=2$ (2) 7", "(1) 2 (2) 7", "(1) 7 (2) 2"), ("(i) 3 (ii) 5", "3, 5", "5, 3"),
        ("max 5, min 3", "min 3, max 5", "max 3, min 5"), ("3 r 2", r"3 \text{ remainder } 2", "2 r 3"),
        ("3 R 2", "3 r 2", "6"), (r"5\%\text{ increase}", r"5\%", r"5\%\text{ decrease}"),
        (r"x \equiv 3 \pmod 7", r"x \equiv 10 \pmod 7", r"x \equiv 3 \pmod{14}"),
        (r"x \equiv 3 \pmod 7", r"x \equiv -4 \pmod{7}", r"x \equiv 4 \pmod 7"),
        (r"x \equiv 1, 4 \pmod 5", r"x \equiv 4, 1 \pmod 5", r"x \equiv 4, 1 \pmod 7"),
        (r"3 \pmod 7", "3", r"3 \pmod 8"), (r"2^{10} \equiv 2 \pmod 7", r"2 \pmod 7", r"3 \pmod 7"),
        (r"x<-1 \text{ or } x>1", r"x>1 \text{ or } x<-1", r"x<-1 \text{ and } x>1"),
        (r"x<-1 \text{ or } x>1", r"(-\infty,-1)\cup(1,\infty)", r"x<-1 \text{ and } x>1"),
        (r"x>1 \text{ and } x<4", "1<x<4", r"x>1 \text{ or } x<4"), (r"p \land q", r"q \land p", r"p \lor q"),
        (r"x=1\quad y=2", r"x=1,\ y=2", r"x=3\quad y=2"), (r"x=1 \qquad y=2", r"y=2 \quad x=1", r"x=1 \qquad y=3"),
        (r"a_1=1\ b_1=2", "a_1=1, b_1=2", r"a_1=7\ b_1=2"), ("x=1 y=2", "x=1, y=2", "x=3 y=2"),
        ("x = 5 \\quad \\text{or} \\quad x = 3", "x=3, x=5", "x=5"), (r"A = 2 \pi r = 10\pi", r"10\pi", r"2\pi"),
        ("2", "4 halves", "4"), ("16", "4 squared", "4"), ("64", "4 cubed", "4"), (r"\frac43", "4 thirds", "4"),
        ("0.7", "7 tenths", "7"), ("2 and 3", "2 or 3", "2"),
    ],
)  # fmt: skip
def test_words_that_change_the_meaning(gold: str, right: str, wrong: str) -> None:
    assert is_right(right, gold)
    assert not is_right(wrong, gold)


PARTS = [
    r"\text{{({0}) }}{2}\text{{ ({1}) }}{3}", r"\text{{({0}) }}{2},\ \text{{({1}) }}{3}", "({0}) {2} ({1}) {3}",
    r"\textbf{{({0})}}\ {2}\quad\textbf{{({1})}}\ {3}", r"\mathrm{{({0})}}\ {2} \quad \mathrm{{({1})}}\ {3}",
    r"\text{{({0}) }} {2} \text{{ and ({1}) }} {3}", r"\text{{Part ({0}): }}{2}\text{{; Part ({1}): }}{3}",
    r"\text{{({0}) {2}, ({1}) {3}}}",
]  # fmt: skip


@pytest.mark.parametrize("answer", PARTS)
@pytest.mark.parametrize("gold", PARTS)
@pytest.mark.parametrize("marks", ["ab", ("i", "ii"), "12", "AB", ("I", "II")])
def test_parts_keep_their_order_however_their_marks_are_set(gold: str, answer: str, marks: tuple[str, str]) -> None:
    reference = gold.format(*marks, 12, 20)
    assert is_right(answer.format(*marks, 12, 20), reference)
    assert is_right("12, 20", reference)
    assert not is_right(answer.format(*marks, 20, 12), reference)
    assert not is_right("240ab", reference)


def test_words_stay_with_their_part() -> None:
    gold = r"\text{(a) }12\text{ cm, (b) }20\text{ s}"
    assert is_right("(a) 0.12 m (b) 20 s", gold)
    assert not is_right("(a) 12 s (b) 20 cm", gold)


@pytest.mark.parametrize(("one", "other"), OPPOSITES)
@pytest.mark.parametrize("value", ["5", r"5\%", r"\frac{1}{2}", "30 degrees", "7 miles"])
def test_opposite_directions_differ(one: str, other: str, value: str) -> None:
    gold = f"{value} \\text{{ {one}}}"
    assert is_right(gold, gold)
    assert not is_right(f"{value} \\text{{ {other}}}", gold)
    assert not is_right(gold, f"{value} \\text{{ {other}}}")


@pytest.mark.parametrize(
    ("answer", "gold"),
    [
        ("5 years before", "5 years ago"), (r"5\text{ years later}", "5 years from now"), ("5 years", "5 years ago"),
        (r"90^\circ\text{ anti-clockwise}", r"90^\circ\text{ counterclockwise}"),
        (r"\$5\text{ cheaper}", r"\$5\text{ less}"),
        ("counter-clockwise", r"\text{anticlockwise}"), (r"\$5\text{ less expensive}", r"\$5\text{ cheaper}"),
        (r"30^\circ\text{ N}", r"30^\circ\text{ north}"), (r"5\text{ km N}", r"5\text{ km north}"), ("5 N m", "5 W s"),
        (r"30^\circ\text{ N}", r"30^\circ"), ("4 coins", "4 nickels"), ("4", "4 dimes"), ("4 fruits", "4 apples"),
    ],
)  # fmt: skip
def test_one_side_of_opposites_has_many_spellings(answer: str, gold: str) -> None:
    assert is_right(answer, gold)


@pytest.mark.parametrize(
    "words",
    [r"{}\text{{ quarters}}", "{} pairs", r"{}\text{{ pairs of socks}}", "{} score", "{} gross", "{} percent of x",
     r"{}\%\text{{ of }}x", r"{}\% off", r"{}\text{{th root}}", r"{}^{{\text{{th}}}}\text{{ root}}",
     "{} dozen", "{} halves"],
)  # fmt: skip
def test_words_that_may_change_a_number_are_not_that_number(words: str) -> None:
    answer = words.format(4)
    assert not is_right(answer, "4")
    assert is_right(answer, answer)
    if any(word in words for word in ("quarters", "pairs", "score", "gross", "off")):
        assert is_right("4", answer)  # the reference says what is counted


@pytest.mark.parametrize("answer", ["4 points", "4th", "4 real roots", r"4\%", r"4\text{ socks}"])
def test_words_that_keep_a_number(answer: str) -> None:
    assert is_right(answer, "4")


@pytest.mark.parametrize("bare", ["2", "x=2", "x = 2", r"\text{2}"])
@pytest.mark.parametrize("congruence", [r"x\equiv 2\pmod 5", r"x \equiv 2 \pmod{5}", r"n\equiv 2\pmod 5"])
def test_a_congruence_is_no_single_number(bare: str, congruence: str) -> None:
    assert not is_right(bare, congruence)
    assert not is_right(congruence, bare)
    assert is_right(congruence, congruence)
    assert is_right(r"2 \pmod 5", congruence)
    assert not is_right("2, 3", r"x\equiv 2, 3\pmod 5")
