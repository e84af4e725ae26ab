"""Choosing rollouts: n per problem by length, chance or diversity, s1K's procedure, and a token budget."""

from collections import Counter
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reasondistill.curation.ledger import Ledger
from reasondistill.curation.options import PER_PROBLEM
from reasondistill.curation.steps.choosing import CHOICES, choose_s1k, domain, fit_tokens, limit_per_problem


def _ids(candidates):
    return [c.rollout.id for c in candidates]


@pytest.mark.parametrize(
    ("choose", "kept"),
    [
        ("first", ["p0-0", "p0-1", "p1-0"]),
        ("shortest", ["p0-1", "p1-0", "p0-2"]),
        ("longest", ["p0-0", "p1-0", "p0-2"]),
    ],
)
def test_the_rollouts_of_a_problem_are_chosen_by_length(candidate, choose, kept):
    given = [candidate(0, 0, 30), candidate(0, 1, 10), candidate(1, 0, 99), candidate(0, 2, 20)]
    ledger = Ledger()
    assert sorted(_ids(limit_per_problem(given, 2, ledger, choose=choose))) == sorted(kept)
    assert [d.evidence for d in ledger.drops] == [f"2 kept, {choose}"]


def test_the_most_diverse_pair_is_not_the_two_alike_ones(candidate):
    texts = ["Add 3 and 4 to get 7.", "Add 3 and 4 to get 7!", "By counting on the fingers one finds seven."]
    given = [candidate(0, index, text=text) for index, text in enumerate(texts)]
    for seed in range(5):
        assert "p0-2" in _ids(limit_per_problem(given, 2, Ledger(), choose="diverse", seed=seed))


def test_another_seed_draws_other_rollouts(candidate):
    given = [candidate(0, index) for index in range(8)]
    drawn = {tuple(_ids(limit_per_problem(given, 2, Ledger(), choose="random", seed=seed))) for seed in range(6)}
    assert len(drawn) > 2


def test_the_words_of_the_recipe_are_those_that_are_known():
    assert get_args(PER_PROBLEM) == CHOICES


def test_s1k_draws_domains_evenly_and_long_traces_first(candidate):
    given = [candidate(n, tokens=n, subject="algebra") for n in range(1, 301)]
    given += [candidate(n, tokens=n, subject="geometry") for n in range(301, 331)]
    kept = list(choose_s1k(given, 40, domain("subject"), Ledger(), seed=1))
    counts = Counter(c.problem.metadata["subject"] for c in kept)
    assert len(kept) == 40 and min(counts.values()) >= 10
    algebra = [c.rollout.usage.completion_tokens for c in kept if c.problem.metadata["subject"] == "algebra"]
    assert sum(algebra) / len(algebra) > 250


def test_s1k_takes_one_rollout_of_a_problem_and_all_where_there_are_few(candidate):
    given = [candidate(n, index) for n in range(3) for index in range(2)]
    kept = list(choose_s1k(given, 10, domain("subject"), Ledger()))
    assert sorted(c.problem.id for c in kept) == ["p0", "p1", "p2"]


def test_a_budget_gives_every_problem_one_before_any_gets_two(candidate):
    given = [candidate(n, index) for n in range(4) for index in range(3)]
    kept = list(fit_tokens(given, 55, Ledger()))
    assert Counter(c.problem.id for c in kept).most_common()[0][1] == 2
    assert len({c.problem.id for c in kept}) == 4 and len(kept) == 5


def test_a_budget_passes_over_what_does_not_fit(candidate):
    ledger = Ledger()
    assert _ids(fit_tokens([candidate(0, tokens=50), candidate(1, tokens=5)], 20, ledger)) == ["p1-0"]
    assert [(d.rollout_id, d.step, d.evidence) for d in ledger.drops] == [("p0-0", "token_budget", "5 of 20 tokens")]


SPECS = st.lists(st.tuples(st.integers(0, 4), st.integers(1, 30)), max_size=20)
STEPS = {
    "shortest": lambda given, ledger: limit_per_problem(given, 2, ledger, choose="shortest"),
    "random": lambda given, ledger: limit_per_problem(given, 2, ledger, choose="random", seed=3),
    "diverse": lambda given, ledger: limit_per_problem(given, 2, ledger, choose="diverse"),
    "s1k": lambda given, ledger: choose_s1k(given, 3, domain("subject"), ledger, seed=5),
    "tokens": lambda given, ledger: fit_tokens(given, 60, ledger),
}


@settings(deadline=None, max_examples=25)
@pytest.mark.parametrize("step", STEPS)
@given(specs=SPECS)
def test_counts_add_up_and_what_stays_is_in_order(candidate, step, specs):
    given = [candidate(number, index, tokens) for index, (number, tokens) in enumerate(specs)]
    ledger = Ledger()
    kept = _ids(STEPS[step](given, ledger))
    assert sorted(kept + [d.rollout_id for d in ledger.drops]) == sorted(_ids(given))
    assert kept == [i for i in _ids(given) if i in set(kept)]


@settings(deadline=None, max_examples=25)
@pytest.mark.parametrize("step", ["shortest", "random", "diverse", "s1k"])
@given(specs=SPECS, data=st.data())
def test_the_choice_does_not_depend_on_the_order(candidate, step, specs, data):
    given = [candidate(number, index, tokens) for index, (number, tokens) in enumerate(specs)]
    shuffled = data.draw(st.permutations(given))
    assert set(_ids(STEPS[step](given, Ledger()))) == set(_ids(STEPS[step](shuffled, Ledger())))
