"""Intervals and tests against published values, brute force and simulation with fixed seeds."""

import gzip
import itertools
import json
import math
import random
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reasondistill.evaluation.metrics import pass_at_k
from reasondistill.evaluation.statistics import (
    _student_t,
    bootstrap_mean,
    clustered_error,
    detectable_difference,
    holm,
    mcnemar_exact,
    mean_estimate,
    paired,
    wilson,
)


# Newcombe 1998, table I (method 3), and Brown, Cai and DasGupta's example 0/10.
@pytest.mark.parametrize(
    ("correct", "n", "low", "high"),
    [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
        (0, 10, 0.0, 0.2775),
        (10, 10, 0.7225, 1.0),
    ],
)
def test_wilson_gives_the_published_intervals(correct, n, low, high):
    estimate = wilson(correct, n)
    assert (round(estimate.low, 4), round(estimate.high, 4)) == (low, high)
    assert (estimate.value, estimate.n) == (correct / n, n)


def test_wilson_of_nothing_is_the_whole_range():
    assert (wilson(0, 0).low, wilson(0, 0).high, wilson(0, 0).n) == (0.0, 1.0, 0)


@given(st.integers(0, 400), st.integers(0, 400))
def test_wilson_holds_the_share_and_is_symmetric(correct, wrong):
    n = correct + wrong
    one, other = wilson(correct, n), wilson(wrong, n)
    assert 0 <= one.low <= one.value <= one.high <= 1
    if n:
        assert math.isclose(one.low, 1 - other.high, abs_tol=1e-12)


@pytest.mark.parametrize("share", [0.03, 0.2, 0.5, 0.9])
@pytest.mark.parametrize("n", [40, 200])
def test_wilson_covers_the_true_share_about_as_often_as_it_says(share, n):
    # Exact: the sum over all counts. Wilson's coverage swings around 95 % for small shares.
    covered = sum(
        math.comb(n, k) * share**k * (1 - share) ** (n - k)
        for k in range(n + 1)
        if wilson(k, n).low <= share <= wilson(k, n).high
    )
    assert 0.92 <= covered <= 0.98


def test_the_bootstrap_covers_the_true_mean_about_as_often_as_it_says():
    generator = random.Random(1)
    covered = 0
    for trial in range(300):
        values = [generator.betavariate(0.5, 1.0) for _ in range(80)]
        estimate = bootstrap_mean(values, resamples=600, seed=trial)
        covered += estimate.low <= 1 / 3 <= estimate.high
    assert 0.91 <= covered / 300 <= 0.98


def test_the_bootstrap_is_close_to_the_normal_interval_for_many_values():
    values = np.random.default_rng(3).uniform(size=2000)
    estimate = bootstrap_mean(list(values))
    half = 1.96 * values.std() / math.sqrt(len(values))
    assert math.isclose(estimate.value, values.mean())
    assert math.isclose(estimate.low, values.mean() - half, abs_tol=0.001)
    assert math.isclose(estimate.high, values.mean() + half, abs_tol=0.001)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_the_bootstrap_holds_the_mean_and_repeats_itself(values):
    estimate = bootstrap_mean(values, resamples=200)
    assert estimate == bootstrap_mean(values, resamples=200)
    assert min(values) - 1e-9 <= estimate.low <= estimate.value + 1e-9
    assert estimate.value - 1e-9 <= estimate.high <= max(values) + 1e-9


def test_another_seed_gives_another_interval():
    values = [i / 50 for i in range(50)]
    assert bootstrap_mean(values, seed=1) != bootstrap_mean(values, seed=2)


def test_the_bootstrap_of_many_values_is_drawn_in_parts():
    values = [float(i % 2) for i in range(60_000)]
    estimate = bootstrap_mean(values, resamples=300)
    assert 0.49 < estimate.low < 0.5 < estimate.high < 0.51


# Accuracies of problems as evaluations meet them: mixed, mostly solved, mostly not, four samples each.
SHAPES = {"mixed": (1.0, 1.0), "mostly solved": (4.0, 1.0), "mostly not": (0.8, 1.6)}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("n", [30, 164, 1319])
def test_95_of_100_intervals_over_problems_hold_the_truth(n, shape):
    generator = np.random.default_rng(n)
    a, b = SHAPES[shape]
    trials = 2000 if n < 1000 else 600
    rates = generator.beta(a, b, size=(trials, n))
    values = generator.binomial(4, rates) / 4
    covered = 0
    for trial in range(trials):
        estimate = bootstrap_mean(values[trial], resamples=400, seed=trial)
        covered += estimate.low <= a / (a + b) <= estimate.high
    assert 0.93 <= covered / trials <= 0.97


@pytest.mark.parametrize("n", [30, 164, 1319])
def test_95_of_100_wilson_intervals_hold_the_truth_over_all_accuracies(n):
    generator = np.random.default_rng(n)
    rates = generator.uniform(0.02, 0.98, size=20_000)
    counts = generator.binomial(n, rates)
    held = [(e := wilson(int(k), n)).low <= rate <= e.high for k, rate in zip(counts, rates, strict=True)]
    assert 0.93 <= sum(held) / len(held) <= 0.97


@pytest.mark.parametrize("n", [30, 164, 1319])
def test_95_of_100_paired_intervals_hold_the_true_difference(n):
    generator = np.random.default_rng(n + 1)
    trials, covered = (1500 if n < 1000 else 500), 0
    for trial in range(trials):
        rates = generator.uniform(size=n)
        before = generator.binomial(1, rates)
        after = generator.binomial(1, np.minimum(1, rates + 0.1 * (rates < 0.9)))
        result = paired([*before.astype(float)], [*after.astype(float)], resamples=400, seed=trial)
        covered += result.low <= 0.09 <= result.high
    assert 0.93 <= covered / trials <= 0.97


def test_the_bootstraps_percentiles_are_widened_as_students_t_is():
    values = list(np.random.default_rng(1).normal(0.5, 0.1, size=20))
    estimate = bootstrap_mean(values, resamples=20_000)
    half = 2.093 * np.std(values, ddof=1) / math.sqrt(20)  # Student's t, 19 degrees of freedom
    assert math.isclose(estimate.high - estimate.low, 2 * half, rel_tol=0.04)


@pytest.mark.parametrize(
    ("freedom", "quantile"), [(1, 12.706), (4, 2.776), (5, 2.571), (6, 2.447), (10, 2.228), (29, 2.045), (120, 1.980)]
)
def test_students_quantiles_are_those_of_the_tables(freedom, quantile):
    assert math.isclose(_student_t(freedom), quantile, abs_tol=4e-3)


@given(st.lists(st.sampled_from([0.0, 1.0]), min_size=1, max_size=40))
def test_zeros_and_ones_take_wilsons_interval(values):
    assert mean_estimate(values) == wilson(int(sum(values)), len(values))


@given(st.lists(st.tuples(st.floats(0, 1), st.integers(0, 3)), min_size=1, max_size=20))
def test_the_clustered_error_is_that_of_the_clusters_sums(pairs):
    values, clusters = [v for v, _ in pairs], [c for _, c in pairs]
    mean = sum(values) / len(values)
    total = 0.0
    for i, c in enumerate(clusters):
        for j, d in enumerate(clusters):
            total += (values[i] - mean) * (values[j] - mean) * (c == d)
    assert math.isclose(clustered_error(values, clusters), math.sqrt(max(0.0, total)) / len(values), abs_tol=1e-7)


def test_rollouts_that_repeat_their_problem_are_no_more_evidence():
    once = [1.0, 0.0, 0.0, 1.0, 1.0]
    assert math.isclose(clustered_error(once, range(5)), clustered_error(once * 8, [*range(5)] * 8))


@given(st.lists(st.floats(0, 1), max_size=8))
def test_holm_corrects_as_stepping_down_does(p_values):
    corrected = holm(p_values)
    order = sorted(range(len(p_values)), key=p_values.__getitem__)
    for rank, i in enumerate(order):
        expected = max(min(1.0, (len(p_values) - r) * p_values[order[r]]) for r in range(rank + 1))
        assert math.isclose(corrected[i], expected)


@pytest.mark.parametrize(("n", "share"), [(100, 0.3), (400, 0.1)])
def test_a_difference_that_is_called_detectable_is_found_four_times_in_five(n, share):
    generator = np.random.default_rng(n)

    def draw(difference):
        # `share` of the problems change, those won outnumber those lost by the difference.
        kinds = generator.choice(
            [1.0, -1.0, 0.0], p=[(share + difference) / 2, (share - difference) / 2, 1 - share], size=n
        )
        return list(kinds)

    difference = float(np.mean([detectable_difference(draw(0.0)) for _ in range(50)]))
    found = sum(
        mcnemar_exact(sum(d > 0 for d in sample), sum(d < 0 for d in sample)) < 0.05
        for sample in (draw(difference) for _ in range(400))
    )
    assert 0.68 <= found / 400 <= 0.9  # the exact test is a little stricter than its normal form


def test_no_less_than_six_problems_can_tell_two_systems_apart():
    assert detectable_difference([0.0] * 30) == 6 / 30
    assert detectable_difference([0.0] * 3) == 1.0


@pytest.mark.parametrize(
    ("gained", "lost", "p"),
    [
        (0, 0, 1.0),
        (1, 0, 1.0),
        (5, 0, 0.0625),
        (0, 5, 0.0625),
        (10, 0, 2 / 1024),
        (4, 4, 1.0),
        # Agresti, Categorical Data Analysis, table 10.1: 86 against 150 changed their mind.
        (150, 86, 3.716e-05),
    ],
)
def test_mcnemar_gives_the_known_values(gained, lost, p):
    assert math.isclose(mcnemar_exact(gained, lost), p, rel_tol=1e-3)


@given(st.integers(0, 9), st.integers(0, 9))
def test_mcnemar_is_the_share_of_coin_throws_as_uneven(gained, lost):
    n = gained + lost
    uneven = abs(gained - lost)
    throws = sum(math.comb(n, k) for k in range(n + 1) if abs(2 * k - n) >= uneven)
    assert math.isclose(mcnemar_exact(gained, lost), min(1.0, throws / 2**n), rel_tol=1e-12)


@pytest.mark.parametrize(("gained", "lost"), [(520, 480), (700, 300), (2000, 100)])
def test_mcnemar_of_many_problems_is_the_same_by_either_way(gained, lost):
    n = gained + lost
    exact = 2 * sum(math.comb(n, k) for k in range(lost + 1)) / 2**n
    assert math.isclose(mcnemar_exact(gained, lost), exact, rel_tol=1e-9)


@given(st.integers(1, 7).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n), st.integers(1, n))))
def test_pass_at_k_is_the_share_of_subsets_with_a_right_sample(given_):
    n, correct, k = given_
    subsets = list(itertools.combinations(range(n), k))
    hits = sum(any(i < correct for i in subset) for subset in subsets)
    assert math.isclose(pass_at_k(n, correct, k), hits / len(subsets), abs_tol=1e-12)


def test_pass_at_k_needs_k_samples():
    with pytest.raises(ValueError, match=r"pass@5 needs at least 5 samples, got 4"):
        pass_at_k(4, 1, 5)


def test_pass_at_k_survives_many_samples():
    assert math.isclose(pass_at_k(1000, 10, 100), 1 - math.prod((900 - i) / (1000 - i) for i in range(10)))


TRACES = Path(__file__).resolve().parents[3] / "shared" / "data" / "traces"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("math100x8_qwen", {1: 0.91, 8: 0.96}),
        (
            "humaneval_codegen16b_x100",
            {1: 0.2211, 2: 0.3079, 5: 0.4203, 10: 0.5038, 25: 0.6154, 50: 0.6869, 100: 0.7378},
        ),
    ],
)
def test_published_samples_give_the_published_pass_at_k(name, expected):
    path = TRACES / f"{name}.jsonl.gz"
    if not path.exists():
        pytest.skip(f"trace file not beside this checkout: {path.name}")
    labels = defaultdict(list)
    with gzip.open(path) as lines:
        for row in map(json.loads, lines):
            labels[row["problem_id"]].append(row["is_correct"])
    for k, value in expected.items():
        found = [pass_at_k(len(group), sum(group), k) for group in labels.values()]
        assert round(sum(found) / len(found), 4) == value


def test_paired_zeros_and_ones_take_mcnemar():
    before, after = [0.0] * 30 + [1.0] * 10, [1.0] * 15 + [0.0] * 15 + [1.0] * 8 + [0.0] * 2
    result = paired(before, after)
    assert (result.difference, result.n) == (13 / 40, 40)
    assert result.p_value == mcnemar_exact(15, 2)
    assert 0 < result.low < result.difference < result.high


def _flips(differences):
    observed = abs(math.fsum(differences))
    sums = [
        abs(math.fsum(s * d for s, d in zip(signs, differences, strict=True)))
        for signs in itertools.product((1, -1), repeat=len(differences))
    ]
    return sum(total >= observed - 1e-9 for total in sums) / len(sums)


@pytest.mark.parametrize("seed", range(4))
def test_paired_shares_take_the_sign_flip_test(seed):
    generator = random.Random(seed)
    before = [generator.choice([0, 0.25, 0.5, 0.75]) for _ in range(12)]
    after = [min(1.0, b + generator.choice([-0.25, 0, 0.25, 0.5])) for b in before]
    result = paired(before, after)
    assert math.isclose(result.p_value, _flips([a - b for a, b in zip(after, before, strict=True)]), abs_tol=0.02)


def test_equal_systems_do_not_differ():
    result = paired([0.5, 0.25, 1.0], [0.5, 0.25, 1.0])
    assert (result.difference, result.low, result.high, result.p_value) == (0.0, 0.0, 0.0, 1.0)


def test_swapping_the_systems_swaps_the_sign():
    before, after = [0.0, 0.25, 1.0, 0.5] * 6, [1.0, 0.25, 0.5, 1.0] * 6
    there, back = paired(before, after), paired(after, before)
    assert there.difference == -back.difference
    assert math.isclose(there.p_value, back.p_value, abs_tol=0.02)


@pytest.mark.parametrize("share", [False, True])
def test_the_paired_test_is_rarely_sure_where_nothing_differs(share):
    generator = random.Random(5)

    def draw():
        return [generator.choice([0, 0.5, 1]) if share else generator.choice([0, 1]) for _ in range(40)]

    results = [paired(draw(), draw(), resamples=400, seed=i) for i in range(200)]
    assert sum(r.p_value < 0.05 for r in results) / 200 <= 0.08
    assert sum(r.low > 0 or r.high < 0 for r in results) / 200 <= 0.1


@pytest.mark.parametrize(("before", "after"), [([], []), ([1.0], []), ([1.0], [1.0, 0.0])])
def test_unpaired_results_are_refused(before, after):
    with pytest.raises(ValueError, match="equal length"):
        paired(before, after)


def test_a_paired_result_is_a_json_object():
    assert set(paired([0.0], [1.0]).to_row()) == {"difference", "low", "high", "n", "p_value"}
