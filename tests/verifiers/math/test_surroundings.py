"""A value is not cut out of what surrounds it: operations, bounds, conditions, units, denials and corrections."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from verifiers.math import grade
from verifiers.math.extract import LIMIT, extract

VALUES = st.integers(4, 60)
LEADS = ["So it is {}.", "We get that x is {}", "Thus the result must be {}, as we saw.", "{}"]
OPERATIONS = [
    "the square root of {}", "sqrt {}", "cube root of {}", "{}!", "{} squared", "{} cubed", "{} factorial", "minus {}",
    "negative {}", "2 to the power {}", "2 to the power of {}", "2 raised to the {}", "1 : {}", "1:{}", "(1, {})",
    "[0, {}]", "the point (1, {})", r"{{1, 2, {}}}", "at least {}", "at most {}", "greater than {}", "no more than {}",
    "x > {}", "up to {}", "log_3 {}", "log base 3 of {}", "ln {}", "77 choose {}", "77 mod {}", "2 over {}",
    "2 divided by {}", "2 plus {}", "77 minus {}", "2 times {}", "2 multiplied by {}", "1 out of {}", "half of {}",
    "20% of {}", "a multiple of {}", "twice {}", "{} million", "{} dozen", "{} less than x", "divisible by {}",
]  # fmt: skip


@given(VALUES, st.sampled_from(LEADS), st.sampled_from(OPERATIONS))
@settings(deadline=None, max_examples=150)
def test_a_number_of_an_expression_in_words_is_not_the_answer(n: int, lead: str, operation: str) -> None:
    assert grade(lead.format(operation.format(n)), str(n)).correct is not True


@pytest.mark.parametrize("text", ["This was shown in step 3", "see case 3", "So x is 4 by example 3."])
def test_the_number_of_a_step_is_not_the_answer(text: str) -> None:
    assert grade(text, "3").correct is not True


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("the square root of 3", r"\sqrt3"), ("cube root of 8", "2"), ("3 factorial", "6"), ("3!", "6"),
        ("3 squared", "9"), ("minus 3", "-3"), ("negative 3", "-3"), ("2 to the power 3", "8"), ("1 : 3", "1:3"),
        ("the point (1, 3)", "(1,3)"), ("[0, 3]", "[0,3]"), ("x > 3", "x>3"), ("5 choose 2", "10"), ("3 over 4", "3/4"),
        ("3 divided by 4", "3/4"), ("3 plus 4", "7"), ("3 times 4", "12"), ("3 out of 4", "3/4"), ("log_3 9", "2"),
        ("3 million", "3000000"), ("5 minus 3", "2"), ("8 - 4", "4"), ("log base 3 of 9", "2"),
    ],
)  # fmt: skip
def test_an_expression_in_words_is_read_whole(text: str, value: str) -> None:
    assert grade(f"So it is {text}.", value).correct is True


@pytest.mark.parametrize(
    "text",
    ["He went there 3 times.", "So she needs 3 more", "so there are (in total 2 + 1) 3", "5 minus 2 makes 3",
     "So (2, 1) sum to 3", "Step 1: 3", "which is equal to 3 dollars", "=> 3", "so the points left are 3 to him"],
)  # fmt: skip
def test_a_number_in_other_words_is_still_found(text: str) -> None:
    assert grade(text, "3").correct is True


BEHIND = [
    "if $x>0$ and $8$ otherwise", "only when n is odd, and $8$ when n is even", "thousand", "million dollars", "dozen",
    "less than $x$", "more than $x$", "squared", "factorial", "times $x$", "plus $x$", "choose $2$",
    "to the power $2$", "+ $x$", "/ 7", "over $6$",
]  # fmt: skip


@given(VALUES, st.sampled_from(BEHIND), st.sampled_from([("$", "$"), (r"\(", r"\)")]), st.booleans())
@settings(deadline=None, max_examples=80)
def test_what_follows_marked_mathematics_counts(n: int, behind: str, around: tuple[str, str], strict: bool) -> None:
    value = around[0] + str(n) + around[1]
    assert grade(f"The answer is {value} {behind}.", str(n), strict=strict).correct is not True
    assert grade(f"The answer is {value}! - 1.", str(n), strict=strict).correct is not True
    assert grade(f"The answer is {value}!", str(n), strict=strict).correct is True


@pytest.mark.parametrize(
    ("text", "answer", "right"),
    [
        ("The answer is $5$ thousand.", "5000", True), ("The answer is $5$ thousand dollars.", "5000", True),
        ("The answer is $5$ grams.", "5 kg", False), ("The answer is $5$ kg.", "5 kg", True),
        ("The answer is $5$ m.", "5 cm", False), ("The answer is $5$ m.", "5", True),
        ("The answer is $5$ apples.", "5", True), ("The answer is $5$ in total.", "5", True),
        ("The answer is $42$ for $n = 7$.", "42", True), ("The answer is $42$ when $x = 2$ and $y = 3$.", "42", True),
        ("The answer is $42$ since $a=1$ and $b=2$.", "42", True), ("The answer is $42$ by symmetry.", "42", True),
        ("The answer is 9 if x>0 and 8 otherwise.", "9", False), ("The answer is $3$ over $4$.", "3/4", True),
        ("The answer is $9$ if $x>0$ and $8$ otherwise.", "9 if x>0 and 8 otherwise", True),
    ],
)  # fmt: skip
def test_units_scales_and_cases_behind_marked_mathematics(text: str, answer: str, right: bool) -> None:
    for strict in (False, True):
        assert (grade(text, answer, strict=strict).correct is True) is right


@pytest.mark.parametrize("word", ["wrong", "incorrect", "unclear", "impossible", "unknown", "not known", "not certain"])
@pytest.mark.parametrize("mark", [":", ",", ";", " –"])
def test_a_denied_marker_gives_no_answer(word: str, mark: str) -> None:
    assert grade(f"The answer is {word}{mark} 9", "9").correct is not True


CORRECTIONS = [
    "The answer is 9? No, 8.", "Answer: 9\nCorrection: 8", "The answer is 9. No wait, it is 8.",
    "The answer is 9. Sorry, that is wrong. It is 8.", "Answer: 9\nWait, that's wrong. It should be 8.",
    "The answer is $9$? No, $8$.", "The answer is 9, no, 8.", "The answer is 9. Oops, I made a mistake: it is 8",
    "**Answer:** 9\n\n**Correction:** 8", "The answer is 9. Scratch that, the answer should be 8.",
    "The answer is 9 – no, 8.",
]  # fmt: skip


@pytest.mark.parametrize("text", CORRECTIONS)
@pytest.mark.parametrize("strict", [False, True])
def test_a_correction_counts_and_what_it_takes_back_does_not(text: str, strict: bool) -> None:
    assert grade(text, "9", strict=strict).correct is not True
    assert grade(text, "8", strict=strict).correct is True


@pytest.mark.parametrize(
    "text",
    ["The answer is 9. Is it right? Yes.", "The answer is 9? Yes.",
     "The answer is 9. Is 9 prime? No, it is 3*3.", "The answer is correct: 9", "The answer is 9. It is right.",
     "Is it 8? No, the answer is 9.", "The wrong answer is 8. The answer is 9."],
)  # fmt: skip
def test_an_answer_that_stands_is_kept(text: str) -> None:
    assert grade(text, "9").correct is True


def test_a_wrong_answer_that_is_named_so_is_none() -> None:
    assert grade("The answer is 8. A wrong answer is 9.", "8").correct is True
    assert grade("A wrong answer is 9.", "9").correct is not True


@pytest.mark.parametrize(
    "piece", ["3 plus ", "root of 3 ", "(1, ", "1:", "x > 3 ", "no, ", "wait ", ". No, ", "$3$ m ", "3!"]
)
def test_hostile_surroundings_are_read_in_time(piece: str) -> None:
    text = (piece * LIMIT)[: LIMIT - 20]
    for before in ("", "answer: ", "answer is $5$ "):
        extract(before + text)
