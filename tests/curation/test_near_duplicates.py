"""Near-duplicates: one problem of alike ones stays, one trace of alike ones in a group, and the ledger names it."""

import sys
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reasondistill.curation.candidate_source import Candidate
from reasondistill.curation.ledger import Ledger
from reasondistill.curation.steps.near_duplicates import NearDuplicateOptions, NearDuplicates, Seen
from reasondistill.errors import RecipeError
from verifiers import Outcome, Verdict

# The first row of GSM8K train (MIT), openai/grade-school-math.
NATALIA = (
    "Natalia sold clips to 48 of her friends in April, and then she sold half as many clips in May. How many clips did "
    "Natalia sell altogether in April and May?"
)


@pytest.fixture
def candidate(make_problem, make_rollout):
    """Return a builder of a candidate from the problem's number and question and the rollout's text and index."""

    def build(number, question, text="4", index=0):
        problem = make_problem(number, question=question)
        return Candidate(
            problem=problem,
            rollout=make_rollout(problem, text, index=index),
            verdict=Verdict(outcome=Outcome.CORRECT),
        )

    return build


@pytest.fixture
def run(run_step):
    """Return a function from candidates and options to the kept ids and the drops."""

    def build(given, **options):
        ledger = Ledger()
        kept = run_step(NearDuplicates(NearDuplicateOptions(**options)), given, ledger)
        return [c.rollout.id for c in kept], [(d.rollout_id, d.reason, d.evidence) for d in ledger.drops]

    return build


@pytest.mark.parametrize(
    ("question", "numerals", "is_dropped"),
    [
        (NATALIA.upper(), True, True),
        (NATALIA.replace("altogether ", "altogether, "), True, True),
        (NATALIA.replace("48", "$48$"), True, True),
        (NATALIA.replace("48", "52"), False, True),
        (NATALIA.replace("clips", "pens").replace("Natalia", "Ann").replace("April", "June"), True, False),
        ("What is 3 + 4?", True, False),
    ],
)
def test_questions_of_other_spelling_are_one_problem(candidate, run, question, numerals, is_dropped):
    kept, drops = run([candidate(0, NATALIA), candidate(1, question)], problems=0.8, numerals=numerals)
    assert (len(kept), len(drops)) == ((1, 1) if is_dropped else (2, 0))


def test_all_rollouts_of_a_near_duplicate_go_and_the_ledger_names_the_problem_that_stayed(candidate, run):
    given = [candidate(0, NATALIA), candidate(1, NATALIA + "?"), candidate(0, NATALIA, index=1)]
    given.append(candidate(1, NATALIA + "?", index=1))
    kept, drops = run(given, problems=0.9)
    assert kept == ["p0-0", "p0-1"]
    assert [(i, reason) for i, reason, _ in drops] == [("p1-0", "alike_question"), ("p1-1", "alike_question")]
    assert all(evidence.startswith("kept p0, the first of them; ") for _, _, evidence in drops)


def test_traces_are_compared_inside_their_group_alone(candidate, run):
    trace = "In May she sold 48 / 2 = 24 clips. Altogether she sold 48 + 24 = 72 clips. The answer is 72."
    given = [candidate(0, "q0", trace), candidate(0, "q0", trace + " Yes.", 1), candidate(1, "q1", trace)]
    kept, drops = run(given, traces=0.8)
    assert kept == ["p0-0", "p1-0"] and drops[0][:2] == ("p0-1", "alike_trace")


def test_without_the_library_it_is_said_what_to_install(candidate, run, monkeypatch):
    monkeypatch.setitem(sys.modules, "rensa", None)
    with pytest.raises(RecipeError, match="pip install rensa") as raised:
        run([candidate(0, NATALIA)], problems=0.8)
    assert "\n" not in str(raised.value)


def test_off_drops_nothing(candidate, run):
    assert run([candidate(0, NATALIA), candidate(1, NATALIA)]) == (["p0-0", "p1-0"], [])


WORDS = st.lists(st.sampled_from(["one", "two", "three", "four", "five", "six"]), min_size=1, max_size=12).map(" ".join)


@settings(deadline=None, max_examples=30)
@given(st.lists(WORDS, max_size=8), st.sampled_from([0.5, 0.9, 1.0]))
def test_filtering_twice_is_filtering_once_and_no_two_kept_are_alike(texts, threshold):
    seen = Seen(threshold)
    kept = [text for number, text in enumerate(texts) if seen.twin(str(number), text) is None]
    again = Seen(threshold)
    assert [text for text in kept if again.twin(text, text) is None] == kept
    assert all(a.split() != b.split() for a, b in pairwise(sorted(kept)))
