"""A trace's own arithmetic: what is true, what is false, and what cannot be checked."""

import gzip
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from verifiers.steps import Judged, check_steps

TRACES = Path(__file__).parents[3] / "shared" / "data" / "traces"


@pytest.mark.parametrize(
    ("text", "judged"),
    [
        ("3 + 4 = 7", "true"),
        ("3 + 4 = 8", "false"),
        ("so 3 * 4 = <<3*4=12>>12 apples", "true"),
        ("so 3 * 4 = <<3*4=13>>13 apples", "false"),
        ("$3 \\times 4 = 12$", "true"),
        ("\\(\\frac{1}{2}+\\frac{1}{3}=\\frac{2}{5}\\)", "false"),
        ("10/3 = 3.33", "true"),
        ("10/3 = 3.3333333333333335", "true"),
        ("10/3 = 3.5", "false"),
        ("10/3 ≈ 3.3", "true"),
        ("100% - 20% - 25% = 55%", "true"),
        ("$2 * 9 = $18", "true"),
        ("$2 * 9 = $19", "false"),
        ("5 x 3 = 15", "true"),
        ("- 34 ÷ 2 = 17", "true"),
        ("so (3 + 4) = 8", "false"),
        ("(3) + (4) = 7", "true"),
        ("$x - 5 = 8$", "not_checkable"),
        ("$1 \\text{ km} = 1000 \\text{ m}$", "not_checkable"),
        ("$\\sqrt{2} = 1.5$", "not_checkable"),
        ("$f(2) = 7$", "not_checkable"),
        ("$2^{15000} = 2^{15001}$", "false"),
    ],
)
def test_one_step(text: str, judged: str) -> None:
    steps = check_steps(text).steps
    assert [str(step.judged) for step in steps] == [judged]


CALLS = (
    "f(2) = 7",
    "so tri(1) = 3.",
    "a[0] = 1",
    "P (3) = 0.5",
    "f(1) + f(2) = 9",
    "f(1 + 1) = 7",
    "f'(2) = 4",
    "[2] = 1",
)


@pytest.mark.parametrize(
    "text", ["x - 5 = 8", "t/5 = 110", "2x-5 = 33", "n = 5", "no equation", "a <= 5", "31 = 7a", *CALLS]
)
def test_no_step_is_seen_where_variables_are(text: str) -> None:
    assert all(step.judged is Judged.NOT_CHECKABLE for step in check_steps(text).steps)


@pytest.mark.parametrize("words", ["half of ", "10% of ", "60 mod ", "20 \u2014 ", "Week ", "the other ", "9:", "\xa2"])
def test_a_left_side_that_is_cut_from_a_phrase_is_no_step(words: str) -> None:
    assert check_steps(f"That is {words}50 = 25").steps == ()


@pytest.mark.parametrize("tail", [" remainder 1", " r 1", " and 1/2", " of 20", " mod 5", " R1"])
def test_a_right_side_that_goes_on_in_words_is_no_step(tail: str) -> None:
    assert [step.text for step in check_steps(f"3 + 4 = 7 = 2{tail}").steps] == ["3 + 4 = 7"]


@given(st.integers(2, 99), st.integers(2, 99), st.sampled_from(["So ", "we get ", "12 apples. ", "", "a total of "]))
def test_signs_of_people_are_read(a: int, b: int, head: str) -> None:
    right = {"\u2013": a - b, "-": a - b, "\u2212": a - b, "\xb7": a * b, "X": a * b, "\xd7": a * b, "+": a + b}
    for sign, value in right.items():
        for shown, judged in ((value, "true"), (value + 1, "false")):
            steps = check_steps(f"{head}{a} {sign} {b} = {shown} left").steps
            assert [str(step.judged) for step in steps] == [judged], (head, sign)


def test_an_equation_may_start_with_a_negative_number() -> None:
    assert [str(step.judged) for step in check_steps("So -3 + 5 = 4").steps] == ["false"]
    assert check_steps("25 blocks - 5 = 20 and 7 blocks -2 = 4").steps == ()


def test_a_chain_is_judged_link_by_link() -> None:
    steps = check_steps("$2+3 = 5 = 4+2$").steps
    assert [(step.text, str(step.judged)) for step in steps] == [("2+3 = 5", "true"), ("5 = 4+2", "false")]
    assert steps[1].reason == "the left side is 5"


def test_equations_with_a_comma_between_them_are_steps_of_their_own() -> None:
    steps = check_steps("1,200 + 3 = 1,203, 2 + 2 = 5").steps
    assert [(step.text, str(step.judged)) for step in steps] == [("1,200 + 3 = 1,203", "true"), ("2 + 2 = 5", "false")]


def test_a_display_goes_on_from_row_to_row() -> None:
    check = check_steps("\\begin{align*} $$\n x &= 3 \\cdot 4 \\\\\n &= 12 \\\\ &= 13 $$")
    assert [step.judged for step in check.steps].index(Judged.FALSE) == len(check.steps) - 1


def test_long_text_is_read_in_time() -> None:
    for piece in ("1+", "1=", "$1=1$ ", "<<1=", "(", "- ", "1 = 1\n"):
        check_steps(piece * 100_000)


def test_right_traces_have_hardly_a_false_step() -> None:
    file = TRACES / "gsm8k_openai_gpt3.jsonl.gz"
    if not file.exists():
        pytest.skip(f"no traces at {file}")
    with gzip.open(file, "rt") as lines:
        rows = [row for row in map(json.loads, list(lines)[:1500]) if row["is_correct"]]
    wrong = [row["problem_id"] for row in rows if _is_wrong(row["completion"])]
    assert len(wrong) <= len(rows) * 0.01, wrong


def _is_wrong(completion: str) -> bool:
    return any(step.judged is Judged.FALSE for step in check_steps(completion).steps)
