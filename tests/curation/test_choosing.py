"""Choosing rollouts: n per problem by length, chance or diversity, s1K's procedure, and a token budget."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reasondistill.curation.ledger import Ledger
from reasondistill.curation.steps.limit import Limit, LimitOptions
from reasondistill.curation.steps.s1k import S1k, S1kOptions
from reasondistill.curation.steps.token_budget import TokenBudget, TokenBudgetOptions


def _ids(candidates):
    return [c.rollout.id for c in candidates]


def _limit(choose):
    return Limit(LimitOptions(count=2, choose=choose))


def _s1k(count):
    return S1k(S1kOptions(count=count))


def _budget(tokens):
    return TokenBudget(TokenBudgetOptions(tokens=tokens))


@pytest.mark.parametrize(
    ("choose", "kept"),
    [
        ("first", ["p0-0", "p0-1", "p1-0"]),
        ("shortest", ["p0-1", "p1-0", "p0-2"]),
        ("longest", ["p0-0", "p1-0", "p0-2"]),
    ],
)
def test_the_rollouts_of_a_problem_are_chosen_by_length(candidate, run_step, choose, kept):
    given = [candidate(0, 0, 30), candidate(0, 1, 10), candidate(1, 0, 99), candidate(0, 2, 20)]
    ledger = Ledger()
    assert sorted(_ids(run_step(_limit(choose), given, ledger))) == sorted(kept)
    assert [d.evidence for d in ledger.drops] == [f"2 kept, {choose}"]


def test_the_most_diverse_pair_is_not_the_two_alike_ones(candidate, run_step):
    texts = ["Add 3 and 4 to get 7.", "Add 3 and 4 to get 7!", "By counting on the fingers one finds seven."]
    given = [candidate(0, index, text=text) for index, text in enumerate(texts)]
    for seed in range(5):
        assert "p0-2" in _ids(run_step(_limit("diverse"), given, seed=seed))


def test_another_seed_draws_other_rollouts(candidate, run_step):
    given = [candidate(0, index) for index in range(8)]
    drawn = {tuple(_ids(run_step(_limit("random"), given, seed=seed))) for seed in range(6)}
    assert len(drawn) > 2


def test_s1k_draws_domains_evenly_and_long_traces_first(candidate, run_step):
    given = [candidate(n, tokens=n, subject="algebra") for n in range(1, 301)]
    given += [candidate(n, tokens=n, subject="geometry") for n in range(301, 331)]
    kept = run_step(_s1k(40), given, seed=1)
    counts = Counter(c.problem.metadata["subject"] for c in kept)
    assert len(kept) == 40 and min(counts.values()) >= 10
    algebra = [c.rollout.usage.completion_tokens for c in kept if c.problem.metadata["subject"] == "algebra"]
    assert sum(algebra) / len(algebra) > 250


def test_s1k_takes_one_rollout_of_a_problem_and_all_where_there_are_few(candidate, run_step):
    given = [candidate(n, index) for n in range(3) for index in range(2)]
    kept = run_step(_s1k(10), given)
    assert sorted(c.problem.id for c in kept) == ["p0", "p1", "p2"]


def test_a_budget_gives_every_problem_one_before_any_gets_two(candidate, run_step):
    given = [candidate(n, index) for n in range(4) for index in range(3)]
    kept = run_step(_budget(55), given)
    assert Counter(c.problem.id for c in kept).most_common()[0][1] == 2
    assert len({c.problem.id for c in kept}) == 4 and len(kept) == 5


def test_a_budget_passes_over_what_does_not_fit(candidate, run_step):
    ledger = Ledger()
    assert _ids(run_step(_budget(20), [candidate(0, tokens=50), candidate(1, tokens=5)], ledger)) == ["p1-0"]
    assert [(d.rollout_id, d.step, d.evidence) for d in ledger.drops] == [("p0-0", "token_budget", "5 of 20 tokens")]


SPECS = st.lists(st.tuples(st.integers(0, 4), st.integers(1, 30)), max_size=20)
STEPS = {
    "shortest": _limit("shortest"),
    "random": _limit("random"),
    "diverse": _limit("diverse"),
    "s1k": _s1k(3),
    "tokens": _budget(60),
}


@settings(deadline=None, max_examples=25)
@pytest.mark.parametrize("step", STEPS)
@given(specs=SPECS)
def test_counts_add_up_and_what_stays_is_in_order(candidate, run_step, step, specs):
    given = [candidate(number, index, tokens) for index, (number, tokens) in enumerate(specs)]
    ledger = Ledger()
    kept = _ids(run_step(STEPS[step], given, ledger, seed=5))
    assert sorted(kept + [d.rollout_id for d in ledger.drops]) == sorted(_ids(given))
    assert kept == [i for i in _ids(given) if i in set(kept)]


@settings(deadline=None, max_examples=25)
@pytest.mark.parametrize("step", ["shortest", "random", "diverse", "s1k"])
@given(specs=SPECS, data=st.data())
def test_the_choice_does_not_depend_on_the_order(candidate, run_step, step, specs, data):
    given = [candidate(number, index, tokens) for index, (number, tokens) in enumerate(specs)]
    shuffled = data.draw(st.permutations(given))
    kept = [set(_ids(run_step(STEPS[step], each, seed=5))) for each in (given, shuffled)]
    assert kept[0] == kept[1]
