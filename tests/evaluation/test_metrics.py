"""Metrics of one group against brute force over all subsets."""

import itertools
import math
import random
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reasondistill.evaluation.metrics import (
    avg_at_k,
    best_at_k,
    cov_at_k,
    maj_at_k,
    maj_first_seen,
    pass_at_k,
    weighted_vote_at_k,
)

relaxed = settings(deadline=None, max_examples=100)


@st.composite
def groups(draw):
    """A group of rollouts (right or not, answer or None, score) and a k."""
    n = draw(st.integers(1, 7))
    correct = draw(st.lists(st.booleans(), min_size=n, max_size=n))
    answers = draw(st.lists(st.sampled_from(["a", "b", "c", None]), min_size=n, max_size=n))
    scores = draw(st.lists(st.sampled_from([-1.0, 0.0, 0.5, 2.0]), min_size=n, max_size=n))
    return correct, answers, scores, draw(st.integers(1, n))


def _mean_over_subsets(correct, k, value):
    subsets = list(itertools.combinations(range(len(correct)), k))
    return sum(value(chosen) for chosen in subsets) / len(subsets)


def _shares(correct, answers):
    """Share right of each answer over the whole group."""
    return {a: sum(c for c, b in zip(correct, answers, strict=True) if a == b) / answers.count(a) for a in answers}


@relaxed
@given(groups())
def test_pass_avg_and_cov_are_what_counting_gives(group):
    correct, _, _, k = group
    assert math.isclose(
        pass_at_k(len(correct), sum(correct), k),
        _mean_over_subsets(correct, k, lambda s: any(correct[i] for i in s)),
        abs_tol=1e-12,
    )
    assert math.isclose(
        avg_at_k(correct, k), _mean_over_subsets(correct, k, lambda s: sum(correct[i] for i in s) / k), abs_tol=1e-12
    )
    assert cov_at_k(correct, k) == float(any(correct[:k]))


@relaxed
@given(groups())
def test_the_vote_is_its_mean_over_all_subsets_with_ties_averaged(group):
    correct, answers, _, k = group
    shares = _shares(correct, answers)

    def vote(chosen):
        counts = Counter(answers[i] for i in chosen if answers[i] is not None)
        best = [a for a, n in counts.items() if n == max(counts.values())]
        return sum(shares[a] for a in best) / len(best) if best else 0.0

    assert math.isclose(maj_at_k(correct, answers, k), _mean_over_subsets(correct, k, vote), abs_tol=1e-9)


@relaxed
@given(groups())
def test_the_best_scored_is_its_mean_over_all_subsets_with_ties_averaged(group):
    correct, _, scores, k = group
    value = {s: sum(c for c, t in zip(correct, scores, strict=True) if s == t) / scores.count(s) for s in scores}
    expected = _mean_over_subsets(correct, k, lambda chosen: value[max(scores[i] for i in chosen)])
    assert math.isclose(best_at_k(correct, scores, k), expected, abs_tol=1e-9)


@relaxed
@given(groups())
def test_the_weighted_vote_is_its_mean_over_all_subsets(group):
    correct, answers, weights, k = group

    def vote(chosen):
        sums = {a: sum(weights[i] for i in chosen if answers[i] == a) for a in {answers[i] for i in chosen} - {None}}
        best = [a for a, total in sums.items() if total == max(sums.values())]
        shares = [
            sum(correct[i] for i in chosen if answers[i] == a) / sum(answers[i] == a for i in chosen) for a in best
        ]
        return sum(shares) / len(best) if best else 0.0

    expected = _mean_over_subsets(correct, k, vote)
    assert math.isclose(weighted_vote_at_k(correct, answers, weights, k), expected, abs_tol=1e-9)


@relaxed
@given(groups())
def test_with_one_rollout_every_way_to_choose_is_its_share_right(group):
    correct, answers, scores, _ = group
    share = sum(correct) / len(correct)
    assert math.isclose(pass_at_k(len(correct), sum(correct), 1), share, abs_tol=1e-12)
    assert math.isclose(best_at_k(correct, scores, 1), share, abs_tol=1e-12)
    if None not in answers:
        assert math.isclose(maj_at_k(correct, answers, 1), share, abs_tol=1e-12)


@relaxed
@given(groups())
def test_no_choice_beats_an_oracle(group):
    correct, answers, scores, k = group
    if len({(a, c) for a, c in zip(answers, correct, strict=True)}) == len(set(answers)):  # answers judged alike
        assert maj_at_k(correct, answers, k) <= pass_at_k(len(correct), sum(correct), k) + 1e-9
    assert best_at_k(correct, scores, k) <= pass_at_k(len(correct), sum(correct), k) + 1e-9


@pytest.mark.parametrize(
    ("answers", "k", "expected"),
    [
        ("aab", 3, 1.0),
        ("ab", 2, 1.0),
        ("ba", 2, 0.0),
        ("bbaaa", 3, 0.0),
        ([None, None, "a"], 3, 1.0),
        ([None, None, "a"], 2, 0.0),
    ],
)
def test_the_first_seen_of_equally_frequent_answers_wins(answers, k, expected):
    assert maj_first_seen([a == "a" for a in answers], list(answers), k) == expected


def test_a_vote_without_answers_is_wrong():
    assert maj_at_k([False, False], [None, None], 2) == maj_first_seen([False], [None], 1) == 0.0
    assert weighted_vote_at_k([False], [None], [1.0], 1) == 0.0


def test_a_large_group_is_voted_on_in_no_time_and_agrees_with_drawing():
    generator = random.Random(3)
    answers = [generator.choice("aaabbcdefghij") for _ in range(100)]
    correct = [a == "b" for a in answers]
    wins = 0.0
    for _ in range(4000):
        counts = Counter(answers[i] for i in generator.sample(range(100), 20))
        best = [a for a, n in counts.items() if n == max(counts.values())]
        wins += ("b" in best) / len(best)
    assert math.isclose(maj_at_k(correct, answers, 20), wins / 4000, abs_tol=0.03)


def test_thousands_of_rollouts_fit_into_a_float():
    correct = [True] * 900 + [False] * 1100
    answers = ["a"] * 900 + ["b"] * 1100
    assert 0.0 < maj_at_k(correct, answers, 11) < 0.5
    assert math.isclose(pass_at_k(2000, 900, 2), 1 - 1100 * 1099 / (2000 * 1999))


def test_drawn_subsets_come_near_the_vote_over_all():
    correct = [i % 3 == 0 for i in range(30)]
    answers = ["a" if c else "b" for c in correct]
    drawn = weighted_vote_at_k(correct, answers, [1.0] * 30, 7)
    assert drawn == weighted_vote_at_k(correct, answers, [1.0] * 30, 7)
    assert math.isclose(drawn, maj_at_k(correct, answers, 7), abs_tol=0.04)


@pytest.mark.parametrize("k", [0, -1, 4])
@pytest.mark.parametrize(
    "metric",
    [
        lambda k: pass_at_k(3, 1, k),
        lambda k: avg_at_k([True] * 3, k),
        lambda k: cov_at_k([True] * 3, k),
        lambda k: maj_at_k([True] * 3, ["a"] * 3, k),
        lambda k: maj_first_seen([True] * 3, ["a"] * 3, k),
        lambda k: weighted_vote_at_k([True] * 3, ["a"] * 3, [1.0] * 3, k),
        lambda k: best_at_k([True] * 3, [1.0] * 3, k),
    ],
)
def test_a_k_that_the_group_does_not_have_is_refused(metric, k):
    with pytest.raises(ValueError, match=r"k must be|at least"):
        metric(k)
