"""Finding the answer in a completion."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from verifiers.math.extract import LIMIT, Wanted, extract

BOX = "\\boxed{"


@pytest.mark.parametrize(
    ("completion", "answer", "method"),
    [
        (r"so \boxed{\frac{1}{2}}.", r"\frac{1}{2}", "boxed"),
        (r"\boxed{1} and then \boxed{2}", "2", "boxed"),
        (r"\boxed{\boxed{7}}", "7", "boxed"),
        (r"\fbox{3}", "3", "boxed"),
        (r"\boxed {3}", "3", "boxed"),
        (r"a set \{1, \boxed{2}", "2", "boxed"),
        (r"it is \boxed{5}, or \boxed{6", None, "none"),
        (r"First \boxed{5}. But that counts twice: \boxed{\frac{5}{2", None, "none"),
        (r"So \boxed{2^{10", None, "none"),
        ("It is \\boxed{\\frac{1}{2}.\nThe answer is 1/2.", "1/2", "marker"),
        ("It is π/3", "π/3", "number"),
        ("it is 2^3", "2^3", "number"),
        ("So x = pi/3", "pi/3", "number"),
        ("So we get y = 2x + 5", "2x + 5", "number"),
        ("we have that y = 5x", "5x", "number"),
        ("which makes 3 * sqrt(2)", "3 * sqrt(2)", "number"),
        (r"so we get \frac{3}{4} in the end", r"\frac{3}{4}", "number"),
        ("the total is 8 + 4", "8 + 4", "number"),
        ("the number of ways (42)", "42", "number"),
        ("you pay $5/hour for it", "$5", "number"),
        ("The 10-year plan has 12-month parts", "12", "number"),
        ("First compute 6*7 here.\n42", "42", "number"),
        ("所以比例为13/28", "13/28", "number"),
        (r"the answer is 5 \boxed{}", None, "none"),
        ("The answer is 42.", "42", "marker"),
        ("The answer is $42$. I hope it is correct.", "42", "marker"),
        ("**Answer:** $2 + i$", "2 + i", "marker"),
        ("**Answer: 12**", "12", "marker"),
        ("<answer>11</answer> 10", "11", "marker"),
        ("The answer is <answer>$10$</answer>", "$10$", "marker"),
        ("<answer>The answer is 10.</answer>", "10", "marker"),
        (r"\text{Answer: }10", "10", "marker"),
        ("Answer: 10 (not 11)", "10", "marker"),
        ("The answers are 1 and 2.", "1 and 2", "marker"),
        ("$x=2$ and $x=3$", "$x=2$ and $x=3$", "math"),
        ("Here x can be 1 and 2", "1 and 2", "number"),
        ("1 2 3 4 5", None, "none"),
        (r"\boxed{5} or maybe \boxed{6}", "5 or 6", "boxed"),
        (r"\boxed{5} / \boxed{6}", "5, 6", "boxed"),
        ("Final Answer: The final answer is $20\\%$. I hope it is correct.", r"20\%", "marker"),
        ("Answer: The greatest number of points is 19.", "19", "marker"),
        ("The answer is 5, which is less than 6.", "5", "marker"),
        ("The answer is:\n\n\\[ x^2 \\]", "x^2", "marker"),
        ("The answer is 3.5 m.", "3.5 m", "marker"),
        ("step\n#### 1,234", "1,234", "marker"),
        ("She pays $24 + $8 = $<<24+8=32>>32.\nA: 32", "32", "marker"),
        ("Answer $$ 9 $$", "9", "math"),
        (r"so \(x=11\)", "x=11", "math"),
        (r"thus $28$ %", "28 %", "math"),
        ("2/(-3)", "2/(-3)", "whole"),
        ("64 square feet", "64 square feet", "whole"),
        ("First compute 6*7 as people do.\nThat makes 42", "42", "number"),
        ("It costs $5 now and the total will then be $7.", "$7", "number"),
        ("one then two steps make it -1,234.50 in total then.", "-1,234.50", "number"),
        ("Problem: what is 42?\nI refuse.", None, "none"),
        ("I do not know.", None, "none"),
        ("I think 42 is wrong", None, "none"),
        ("It is not 42", None, "none"),
        ("The answer is 41, not 42.", "41", "marker"),
        ("The answer is therefore 42.", "42", "marker"),
        ("The answer is approximately $42$.", "42", "marker"),
        ("The answer is exactly equal to $\\frac12$.", r"\frac12", "marker"),
        ("The answer is 42, which completes the proof.", "42", "marker"),
        ("The answer is 42 (since 6*7=42).", "42", "marker"),
        ("The answer is x = 42 since y is 3.", "x = 42", "marker"),
        ("The answer is 42 for n = 7.", "42", "marker"),
        ("The answer is 5 if x is even and 6 otherwise.", "5 if x is even and 6 otherwise", "marker"),
        ("ANSWER: `A`", "A", "marker"),
        ("<answer>The total is 42 apples.</answer>", "42 apples", "marker"),
        ("<answer>So the final result is 42.</answer>", "42", "marker"),
        ("<answer>There are 42 ways to do it.</answer>", "42", "marker"),
        ("<answer>the group is cyclic</answer>", "the group is cyclic", "marker"),
        ("$x = n/2$. Therefore there are 12 of them that we can find.", "12", "number"),
        ("We can take either 5 or 7", "5 or 7", "number"),
        ("\\boxed{28} pct", "28\\%", "boxed"),
        (r"$\boxed{1}$, $\boxed{2}$", "1, 2", "boxed"),
        (r"$x=\boxed{1}$ and $y=\boxed{2}$", "1, 2", "boxed"),
        (r"\boxed{1} papers and \boxed{2} bins", "1, 2", "boxed"),
        (r"\boxed{10} and then \boxed{42}", "42", "boxed"),
        (r"\boxed{9} \boxed{42}", "42", "boxed"),
        (r"\boxed 7", "7", "boxed"),
        ("答案是 42。", "42", "marker"),
        ("La réponse est 42.", "42", "marker"),
        ("", None, "none"),
        ("<think>is it 3?</think> \\boxed{4}", "4", "boxed"),
        ("is it \\boxed{3}?</think> The answer is 4", "4", "marker"),
        ("<think>it is \\boxed{3}", None, "none"),
    ],
)
def test_the_answer_is_found(completion: str, answer: str | None, method: str) -> None:
    found = extract(completion)
    assert (found.text, found.method) == (answer, method)


def test_a_sentence_in_words_is_kept_where_words_are_wanted() -> None:
    text = "Explanation: foo\nAnswer: The group is cyclic\nConfidence: 60%"
    assert extract(text, wanted=Wanted.WORDS).text == "The group is cyclic"


@pytest.mark.parametrize("inside", ["5", r"\frac{1}{2", "2^{10", "", r"\text{six", r"\{1, 2"])
@pytest.mark.parametrize("before", ["", r"First \boxed{5}. Wait, that is wrong, so ", r"$\boxed{5}$ or "])
def test_a_box_that_is_cut_off_lets_nothing_before_it_count(before: str, inside: str) -> None:
    for strict in (False, True):
        assert extract(f"{before}the result is \\boxed{{{inside}", strict=strict).text is None


@pytest.mark.parametrize(
    ("completion", "answer"),
    [("so 42", None), ("2/3", None), (r"\boxed{42}", "42"), ("The answer is 42", "42"), ("so $42$", "42")],
)
def test_strict_takes_marked_answers_only(completion: str, answer: str | None) -> None:
    assert extract(completion, strict=True).text == answer


@pytest.mark.parametrize(
    "piece",
    [
        *(BOX, "$", "{", "}", "$ ", "\\(", "1,", "1.", "- ", "\\", "answer: ", "answer is ", ". ", "**", "$x. $", "a "),
        *("<think>", "</think>", "\\frac{", "1 is ", "\n#", " ", "\\boxed ", "$1\n", "1/", "?", "and $1$ "),
    ],
)  # fmt: skip
def test_a_hostile_million_characters_is_read_in_time(piece: str) -> None:
    # With anything quadratic in it this would run into the timeout that every test has.
    text = (piece * LIMIT)[:LIMIT]
    extract(text)
    extract("answer: " + text[20:])
    extract(text[20:] + "\\boxed{5}")


def test_a_completion_over_the_limit_is_not_read() -> None:
    assert extract("\\boxed{5}" + " " * LIMIT).method == "over_limit"


@given(st.text(alphabet="\\boxed{}$()[]1.,- answer:is\n*#<>/thinkA", max_size=80), st.booleans())
def test_any_text_is_read(text: str, strict: bool) -> None:
    found = extract(text, strict=strict)
    assert found.text is None or found.text.strip()


@given(st.text(alphabet="ab1 $\n.", max_size=40), st.text(alphabet="xy12+^", min_size=1, max_size=10))
def test_the_last_box_wins_over_all_text_around_it(around: str, answer: str) -> None:
    assert extract(f"{around} \\boxed{{0}} {around} \\boxed{{{answer}}} {around}").text == answer


@pytest.mark.parametrize(
    ("completion", "status"),
    [
        (r"\boxed{41}", "ok"),
        (r"\boxed{41 \text{ or } 42}", "ambiguous"),
        ("The answer is either $41$ or $42$.", "ambiguous"),
        ("nothing", "ok"),
        ("", "none"),
        ("5" * (LIMIT + 1), "over_limit"),
    ],
)
def test_the_status(completion: str, status: str) -> None:
    assert str(extract(completion).status) == status


@pytest.mark.parametrize(
    ("completion", "letter"),
    [
        ("D. it can't be A or B", "D"),
        ("(C) Cecile", "C"),
        ("The answer is for sure D, it can't be A or B", "D"),
        ("I choose option B because A fails", "B"),
        ("A B C D E", "A B C D E"),
        ("A dog runs away from it.", None),
    ],
)
def test_a_letter_is_found_where_one_is_wanted(completion: str, letter: str | None) -> None:
    assert extract(completion, wanted=Wanted.CHOICE).text == letter
