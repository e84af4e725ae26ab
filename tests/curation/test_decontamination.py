"""Which questions count as held-out ones: whole questions, and coverage rather than any shared words."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reasondistill.curation.decontamination import HeldOut
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


def _index(*problems, ngram=8, coverage=0.5):
    return HeldOut(problems, ngram=ngram, coverage=coverage)


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
    match = _index(HELD).match("Solve it. " + HELD.question + " How far does it go?")
    assert match.reason == "ngram_coverage" and 0.5 <= match.coverage < 1


def test_a_shared_clause_alone_flags_nothing():
    question = "A bus leaves the town, and travels north at 60 miles per hour for 3 days. How many towns does it pass?"
    assert _index(HELD).match(question) is None


def test_other_numbers_make_another_short_question():
    assert _index(Problem(id="h", question="What is 3 + 4?")).match("What is 3 + 5?") is None
    assert _index(Problem(id="h", question="What is 3 + 4?")).match("what is 3+4 ?") is not None


def test_the_coverage_is_that_of_one_held_out_problem():
    words = [f"w{i}" for i in range(30)]
    halves = [Problem(id=str(i), question=" ".join(part)) for i, part in enumerate((words[:12], words[12:]))]
    assert _index(*halves, ngram=3, coverage=0.6).match(" ".join(words)) is None
    match = _index(*halves, ngram=3, coverage=0.5).match(" ".join(words))
    assert (match.problem_id, match.coverage) == ("1", 16 / 28)


def test_nothing_held_out_matches_nothing():
    assert _index().match(HELD.question) is None


@given(st.text(), st.integers(1, 9))
def test_every_question_matches_itself(question, ngram):
    assert _index(Problem(id="h", question=question), ngram=ngram).match(question).coverage == 1.0


@given(
    st.lists(st.sampled_from("abcd"), max_size=20), st.lists(st.sampled_from("abcd"), max_size=20), st.integers(1, 4)
)
def test_the_coverage_is_what_counting_by_hand_gives(held, asked, n):
    grams = {tuple(asked[i : i + n]) for i in range(len(asked) - n + 1)}
    known = {tuple(held[i : i + n]) for i in range(len(held) - n + 1)}
    share = 1.0 if held == asked else (len(grams & known) / len(grams) if grams else 0.0)
    match = _index(Problem(id="h", question=" ".join(held)), ngram=n).match(" ".join(asked))
    assert (match.coverage if match else 0.0) == (share if share >= 0.5 else 0.0)


def test_s1k_repeats_questions_of_math500():
    held_out = _index(*_benchmark("math500"))
    assert sum(held_out.match(p.question) is not None for p in _benchmark("s1k_questions")) >= 3


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
