"""Which questions count as held-out ones: whole questions, and coverage rather than any shared words."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reasondistill.curation.contamination import ContaminationReport, ContaminationSearch
from reasondistill.curation.lookup.held_out import DecontaminationOptions, HeldOut
from reasondistill.problems import generate_procedural, load_problems
from reasondistill.records import Problem

BENCHMARKS = Path(__file__).resolve().parents[3] / "shared" / "data" / "benchmarks"
HELD = Problem(
    id="h", question="A train leaves the station at noon and travels north at 60 miles per hour for 3 hours."
)


def _benchmark(name):
    path = BENCHMARKS / f"{name}.jsonl.gz"
    if not path.exists():
        pytest.skip(f"benchmark file not beside this checkout: {path.name}")
    return load_problems(path, require_reference=False, warn=lambda line: None)


def _index(*problems, **options):
    return HeldOut({"held": problems}, DecontaminationOptions(**options))


@pytest.mark.parametrize(
    "question",
    [
        HELD.question,
        HELD.question.upper(),
        HELD.question.replace(" ", "\n  "),
        HELD.question.replace(".", " ."),
    ],
)
def test_a_held_out_question_is_found_whatever_its_case_and_space(question):
    match = _index(HELD).match(question)
    assert (match.reason, match.problem_id, match.coverage) == ("same_question", "h", 1.0)
    assert match.question == HELD.question


def test_a_question_that_is_mostly_a_held_out_one_is_found():
    match = _index(HELD).match("Solve it. " + HELD.question.replace("A train", "One train") + " How far does it go?")
    assert match.reason == "ngram_coverage" and 0.5 <= match.coverage < 1


@pytest.mark.parametrize(
    "instruction", ["Solve this problem and put the answer in a box.", "Think step by step. " * 30]
)
@pytest.mark.parametrize("place", ["before", "behind"])
def test_a_short_held_out_question_is_found_behind_an_instruction_and_a_part_of_it_is_not(instruction, place):
    held = Problem(id="h", question="A shelf has 8 rows of 12 jars. How many jars stand on it?")
    part = held.question.removesuffix(" jars stand on it?")
    whole, parted = (
        f"{instruction}\n\n{q}" if place == "behind" else f"{q} {instruction}" for q in (held.question, part)
    )
    assert _index(held).match(whole).reason == "ngram_coverage"
    assert _index(held).match(parted) is None


def test_a_shared_clause_alone_flags_nothing():
    question = "A bus leaves the town, and travels north at 60 miles per hour for 3 days. How many towns does it pass?"
    assert _index(HELD).match(question) is None


def test_other_numbers_make_another_short_question():
    assert _index(Problem(id="h", question="What is 3 + 4?")).match("What is 3 + 5?") is None
    assert _index(Problem(id="h", question="What is 3 + 4?")).match("what is 3+4 ?") is not None


def test_the_coverage_is_that_of_one_held_out_problem():
    words = [f"w{i}" for i in range(28)]
    halves = [
        Problem(id=str(i), question=" ".join([*part, "other"])) for i, part in enumerate((words[:11], words[11:27]))
    ]
    assert _index(*halves, ngram=3, coverage=0.6).match(" ".join(words)) is None
    match = _index(*halves, ngram=3, coverage=0.5).match(" ".join(words))
    assert (match.problem_id, match.coverage) == ("1", 14 / 26)


def test_nothing_held_out_matches_nothing():
    assert _index().match(HELD.question) is None


@settings(deadline=None, max_examples=50)
@given(st.text(), st.integers(1, 9))
def test_every_question_matches_itself(question, ngram):
    assert _index(Problem(id="h", question=question), ngram=ngram).match(question).coverage == 1.0


@settings(deadline=None, max_examples=50)
@given(
    st.lists(st.sampled_from(["bb", "cc", "dd", "ee"]), max_size=15),
    st.lists(st.sampled_from(["bb", "cc", "dd", "ee"]), max_size=15),
    st.integers(1, 4),
)
def test_the_coverage_is_what_counting_by_hand_gives(held, asked, n):
    grams = {tuple(asked[i : i + n]) for i in range(len(asked) - n + 1)}
    known = {tuple(held[i : i + n]) for i in range(len(held) - n + 1)}
    share = 1.0 if held == asked else (len(grams & known) / len(grams) if grams else 0.0)
    if len(known) >= 16:
        share = max(share, len(grams & known) / len(known))
    if len(known) + n - 1 >= 12 and known <= grams:
        share = 1.0
    found = _index(Problem(id="h", question=" ".join(held)), ngram=n).lookup(" ".join(asked)).matches
    if not any(match.reason == "renamed" for match in found):
        assert [match.coverage for match in found] == ([share] if share >= 0.5 else [])


@pytest.mark.parametrize(
    ("held", "asked"),
    [
        (r"Compute $\dfrac{1}{2} + \left(3\right)$.", r"compute \(\frac{1}{2}+(3)\)."),
        ("What is 10,000 × 4?", "what is 10000*4?"),
        (r"Find $x$ with $x \le 4$.", "Find x with x ≤ 4."),
    ],
)
def test_latex_spelled_in_another_way_is_the_same_question(held, asked):
    assert _index(Problem(id="h", question=held)).match(asked).reason == "same_question"


# Rows of GSM8K test (MIT), openai/grade-school-math.
JANET = (
    "Janet’s ducks lay 16 eggs per day. She eats three for breakfast every morning and bakes muffins for her friends "
    "every day with four. She sells the remainder at the farmers' market daily for $2 per fresh duck egg. How much in "
    "dollars does she make every day at the farmers' market?"
)
WENDI = (
    "Wendi feeds each of her chickens three cups of mixed chicken feed, containing seeds, mealworms and vegetables to "
    "help keep them healthy. If the size of Wendi's flock is 20 chickens, how many cups of feed does she need?"
)


@pytest.mark.parametrize(
    ("question", "is_renamed"),
    [
        (WENDI.replace("Wendi", "Olga"), True),
        (WENDI.replace("Wendi", "Olga").replace("vegetables", "greens").replace("cups", "bowls"), True),
        (WENDI.replace("20", "25").replace("Wendi", "Olga"), False),
        (
            JANET.replace("ducks", "hens").replace("duck", "hen").replace("Janet", "Maria").replace("muffins", "cake"),
            True,
        ),
        ("How many cups of feed do 20 chickens need?", False),
    ],
)
def test_a_renamed_question_is_found_and_one_with_other_numbers_is_another(question, is_renamed):
    held_out = _index(Problem(id="w", question=WENDI), Problem(id="j", question=JANET), ngram=50)
    match = held_out.match(question)
    assert (match is not None) == is_renamed
    assert match is None or match.reason == "renamed"


def test_numbers_in_another_order_make_another_problem():
    held = "Maya is 2 times as old as Nora, who is 4. What will be Maya's age 5 years from now?"
    asked = "Hana is 4 times as old as Ravi, who is 5. What will be Hana's age 2 years from now?"
    assert _index(Problem(id="h", question=held)).match(asked) is None


@pytest.mark.parametrize(("held", "asked"), [(r"Compute $\sin 60^\circ$.", r"Compute $\cos 60^\circ$.")])
def test_short_questions_that_differ_in_one_function_are_not_alike(held, asked):
    assert _index(Problem(id="h", question=held)).match(asked) is None


def test_a_phrase_that_stands_in_many_problems_of_a_benchmark_counts_for_nothing():
    phrase = "where m and n are relatively prime positive integers . find m + n"
    problems = [Problem(id=str(i), question=f"w{i} x{i} y{i} z{i} {phrase}") for i in range(5)]
    asked = f"other words here {phrase}"
    assert _index(*problems[:4]).match(asked).reason == "ngram_coverage"
    assert _index(*problems).match(asked) is None
    assert _index(*problems).match(problems[3].question).reason == "same_question"


def test_a_benchmark_problem_inside_a_long_prompt_is_found():
    asked = " ".join(f"word{i}" for i in range(300)) + WENDI
    assert _index(Problem(id="w", question=WENDI)).match(asked).reason == "ngram_coverage"


def test_each_benchmark_is_reported_on_its_own_with_both_texts():
    benchmarks = {"a": [HELD], "b": [Problem(id="b0", question=WENDI)], "c": [HELD]}
    search = ContaminationSearch(HeldOut(benchmarks))
    for number, question in enumerate([HELD.question, WENDI + " Why?", "What is 1 + 1?", HELD.question]):
        search.add(str(number), question)
    row = search.report().to_row()
    assert (row["questions"], row["flagged"]) == (3, 2)
    assert {name: counts["questions"] for name, counts in row["benchmarks"].items()} == {"a": 1, "b": 1, "c": 1}
    assert row["benchmarks"]["a"]["reasons"] == {"same_question": 1}
    assert row["benchmarks"]["a"]["any_8_gram"] == {"questions": 1, "benchmark_problems": 1}
    assert (row["matches"][2]["question"], row["matches"][2]["benchmark_question"]) == (WENDI + " Why?", WENDI)
    assert ContaminationReport.from_row(row) == search.report()
    assert search.report().lines()[1].startswith("b: 1 of 3 questions flagged (1 ngram_coverage); by the rules of")
    text = search.report().markdown()
    assert "| b | 1 | 1 | 1 | 1 (1) | 1 (1) |" in text and WENDI + " Why?" in text


@settings(deadline=None, max_examples=20)
@given(st.permutations(["What is 3 + 4?", HELD.question, WENDI, "what is 3+4 ?", "Another one."]))
def test_the_counts_do_not_depend_on_the_order_of_the_questions(questions):
    search = ContaminationSearch(HeldOut({"held": [HELD, Problem(id="s", question="What is 3 + 4?")]}))
    for question in questions:
        search.add(question, question)
    row = search.report().to_row()
    assert (row["questions"], row["flagged"], row["benchmarks"]["held"]["benchmark_problems"]) == (5, 3, 2)


def test_s1k_repeats_questions_of_math500():
    held_out = _index(*_benchmark("math500"))
    assert sum(held_out.match(p.question) is not None for p in _benchmark("s1k_questions")) >= 3


def test_s1k_shares_boilerplate_with_half_of_aime25_and_no_problem():
    search = ContaminationSearch(HeldOut({"aime25": _benchmark("aime25")}))
    for problem in _benchmark("s1k_questions"):
        search.add(problem.id, problem.question)
    counts = search.report().to_row()["benchmarks"]["aime25"]
    assert counts["questions"] == counts["benchmark_problems"] == 0
    assert counts["any_8_gram"]["benchmark_problems"] == 15


def test_the_boilerplate_of_aime_flags_nothing():
    problems = _benchmark("aime25")
    flagged = sum(_index(*(o for o in problems if o.id != p.id)).match(p.question) is not None for p in problems)
    assert flagged == 0


def test_gsm8k_trains_few_questions_of_its_test_set():
    held_out = _index(*_benchmark("gsm8k_test"))
    assert sum(held_out.match(p.question) is not None for p in _benchmark("gsm8k_train")) <= 10


@pytest.mark.parametrize(("split", "most"), [("seen", 30), ("unseen", 0)])
def test_few_procedural_problems_count_as_held_out_ones(split, most):
    held_out = _index(*generate_procedural(count=100, split=split))
    assert sum(held_out.match(p.question) is not None for p in generate_procedural(count=300)) <= most
