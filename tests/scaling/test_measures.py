"""Control, slope, performance, the frontier and rejection sampling by length: against simple cases and brute force."""

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reasondistill.scaling.measures import (
    control,
    fitted_slope,
    frontier,
    performance,
    slope,
    slope_estimate,
    within_length,
)

CURVES = st.lists(st.tuples(st.integers(1, 50), st.integers(0, 10)), min_size=1, max_size=8)


def test_control_is_the_share_within_both_bounds():
    assert control([1, 5, 10, 11], 5, 10) == 0.5


@pytest.mark.parametrize(
    ("points", "expected"),
    [
        ([(0, 0.1), (1000, 0.3)], 20.0),
        ([(0, 0.5), (500, 0.4), (1000, 0.5)], 0.0),
        ([(10, 0.1)], None),
        ([(10, 0.1), (10, 0.2)], None),
    ],
)
def test_slope_is_the_mean_over_pairs(points, expected):
    assert slope(points) == pytest.approx(expected) if expected is not None else slope(points) is None


@pytest.mark.parametrize("measure", [slope, fitted_slope])
def test_the_slope_of_means_is_the_mean_of_slopes(measure):
    tokens = [10.0, 30.0, 70.0]
    scores = [[0, 0, 1, 0], [0, 1, 1, 0], [1, 1, 1, 0]]
    means = [sum(row) / 4 for row in scores]
    estimate = slope_estimate(tokens, scores, measure)
    assert estimate.value == pytest.approx(measure(list(zip(tokens, means, strict=True))))
    assert estimate.low < estimate.value < estimate.high and estimate.n == 4


def test_a_line_is_what_numpy_fits():
    points = [(10, 0.1), (30, 0.5), (70, 0.4), (72, 0.9)]
    assert fitted_slope(points) == pytest.approx(1e5 * np.polyfit(*zip(*points, strict=True), 1)[0])
    assert fitted_slope([(10, 0.1), (10, 0.2)]) is None


def test_performance_is_the_best_of_the_curve():
    assert performance([(1, 0.2), (2, 0.6), (3, 0.4)]) == 0.6


@given(CURVES)
def test_the_frontier_is_what_nothing_beats(points):
    found = frontier(points)
    for i, (tokens, accuracy) in enumerate(points):
        beaten = any(
            (t <= tokens and a >= accuracy) and ((t, a) != (tokens, accuracy))
            for j, (t, a) in enumerate(points)
            if j != i
        )
        same_before = any(points[j] == points[i] for j in range(i))
        assert (i in found) == (not beaten and not same_before)


@given(st.lists(st.tuples(st.integers(1, 30), st.booleans()), min_size=1, max_size=5), st.integers(0, 30))
def test_rejection_by_length_is_the_mean_over_orders(samples, budget):
    tokens, correct = [t for t, _ in samples], [float(c) for _, c in samples]
    outcomes = []
    for order in permutations(range(len(samples))):
        paid = 0
        for i in order:
            paid += tokens[i]
            if tokens[i] <= budget:
                outcomes.append((correct[i], paid))
                break
    found = within_length(tokens, correct, budget)
    if not outcomes:
        assert found is None
        return
    accuracy, paid = (sum(values) / len(outcomes) for values in zip(*outcomes, strict=True))
    assert found == pytest.approx((accuracy, paid))
