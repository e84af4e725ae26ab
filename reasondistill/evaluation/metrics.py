"""Metrics of one group, the rollouts of one problem: pass@k, votes, best-of-n. Pure functions without intervals.

A group is passed as parallel sequences in the order of its rollouts. If k is smaller than the group, a value is the
mean over all subsets of k rollouts (unbiased), unless the name says otherwise. `statistics` averages over problems.
"""

import itertools
import math
import random
from collections import defaultdict
from collections.abc import Hashable, Sequence

MAX_SUBSETS = 2_000
"""Subsets that a weighted vote enumerates. If there are more, it draws this many from a seed."""
EXACT_BELOW = 1_000
"""Group size from which binomial coefficients overflow a float and are computed by their logarithms."""
Answers = Sequence[Hashable | None]
"""Answer of each rollout, equal answers as equal values; None casts no vote."""


def pass_at_k(n: int, correct: int, k: int) -> float:
    """Return the unbiased estimate that one of k samples is right, from n samples (Chen et al. 2021).

    >>> pass_at_k(8, 2, 1)
    0.25
    """
    _check("pass", n, k)
    return 1.0 - math.comb(n - correct, k) / math.comb(n, k)


def avg_at_k(correct: Sequence[float], k: int) -> float:
    """Return the share of right rollouts, which is also the mean of that share over all subsets of k.

    >>> avg_at_k([True, False, False, False], 2)
    0.25
    """
    _check("avg", len(correct), k)
    return sum(correct) / len(correct)


def cov_at_k(correct: Sequence[float], k: int) -> float:
    """Return 1 if one of the first k rollouts is right: counted coverage, which pass@k estimates."""
    _check("cov", len(correct), k)
    return float(any(correct[:k]))


def maj_at_k(correct: Sequence[float], answers: Answers, k: int) -> float:
    """Return the probability that the most frequent answer of k rollouts is right; ties are averaged.

    Exact over all subsets: each rollout is drawn with probability k/n, on condition that k are drawn. The value of an
    answer is the share of right ones among its rollouts, since verdicts on equal answers may differ.

    >>> maj_at_k([True, True, False, False], ["a", "a", "b", "c"], 4)
    1.0
    >>> maj_at_k([True, False], ["a", "b"], 2)
    0.5
    """
    n = len(correct)
    _check("maj", n, k)
    sizes, values = _votes(correct, answers)
    if not any(values):
        return 0.0
    silent = n - sum(sizes)
    total = _draws(n, k, n)[k]
    won = sum(value * _chance_to_win(place, sizes, silent, n, k) for place, value in enumerate(values) if value)
    return min(1.0, won / total)


def maj_first_seen(correct: Sequence[float], answers: Answers, k: int) -> float:
    """Return the value of the most frequent answer of the first k rollouts; the answer seen first wins a tie.

    >>> maj_first_seen([True, False], ["a", "b"], 2)
    1.0
    """
    _check("maj", len(correct), k)
    sizes, values = _votes(correct[:k], answers[:k])
    return values[sizes.index(max(sizes))] if sizes else 0.0


def weighted_vote_at_k(
    correct: Sequence[float], answers: Answers, weights: Sequence[float], k: int, *, seed: int = 0
) -> float:
    """Return the value of the answer with the largest sum of weights among k rollouts; ties are averaged.

    Exact up to MAX_SUBSETS subsets; above, a mean over that many random ones.

    >>> weighted_vote_at_k([True, False, False], ["a", "b", "b"], [3.0, 1.0, 1.0], 3)
    1.0
    """
    n = len(correct)
    _check("weighted", n, k)
    if math.comb(n, k) <= MAX_SUBSETS:
        subsets = list(itertools.combinations(range(n), k))
    else:
        generator = random.Random(seed)
        subsets = [tuple(generator.sample(range(n), k)) for _ in range(MAX_SUBSETS)]
    return sum(_weighted_vote(correct, answers, weights, chosen) for chosen in subsets) / len(subsets)


def best_at_k(correct: Sequence[float], scores: Sequence[float], k: int) -> float:
    """Return the probability that the rollout with the highest score among k is right; ties are averaged.

    >>> best_at_k([True, False, False], [0.9, 0.5, 0.1], 1) == 1 / 3
    True
    """
    n = len(correct)
    _check("best", n, k)
    by_score: dict[float, list[float]] = defaultdict(list)
    for value, score in zip(correct, scores, strict=True):
        by_score[score].append(value)
    subsets, value, left = math.comb(n, k), 0.0, n
    for score in sorted(by_score, reverse=True):
        tied = by_score[score]
        # The best rollout has this score in every subset of those at or below it that is not wholly below it.
        here = math.comb(left, k) - math.comb(left - len(tied), k)
        value += here / subsets * (sum(tied) / len(tied))
        left -= len(tied)
    return min(1.0, value)


def _check(name: str, n: int, k: int) -> None:
    if k < 1 or k > n:
        raise ValueError(f"{name}@{k} needs at least {max(k, 1)} samples, got {n}" if k > n else f"k must be >= 1: {k}")


def _votes(correct: Sequence[float], answers: Answers) -> tuple[list[int], list[float]]:
    """Return the frequency of each answer and the share of it that is right, in order of first appearance."""
    votes: dict[Hashable, list[float]] = {}
    for value, answer in zip(correct, answers, strict=True):
        if answer is not None:
            votes.setdefault(answer, []).append(value)
    return [len(group) for group in votes.values()], [sum(group) / len(group) for group in votes.values()]


def _chance_to_win(winner: int, sizes: Sequence[int], silent: int, n: int, k: int) -> float:
    """Return the probability that k are drawn and an answer is the most frequent of them; ties share it."""
    won = 0.0
    others = [size for place, size in enumerate(sizes) if place != winner]
    for most in range(1, min(sizes[winner], k) + 1):
        own = _draws(sizes[winner], most, n, k)[most]
        # rows[tied][drawn]: probability that the other answers are drawn so often, `tied` of them exactly `most` times.
        rows = [[1.0]]
        for size in others:
            draws = _draws(size, min(size, most), n, k)
            below, level = draws[:most], draws[most] if size >= most else 0.0
            grown = [_product(row, below, k - most) for row in rows]
            if level:
                grown.append([])
                for tied, row in enumerate(rows):
                    grown[tied + 1] = _sum(grown[tied + 1], [0.0] * most + [level * x for x in row], k - most)
            rows = grown
        rest = _draws(silent, min(silent, k), n, k)
        for tied, row in enumerate(rows):
            whole = _product(row, rest, k - most)
            if len(whole) > k - most:
                won += own * whole[k - most] / (tied + 1)
    return won


def _draws(size: int, most: int, n: int, k: int | None = None) -> list[float]:
    """Return the probabilities that 0..most of `size` rollouts are drawn, each with probability k/n."""
    p = (most if k is None else k) / n
    if size < EXACT_BELOW or p == 1:
        return [math.comb(size, i) * p**i * (1 - p) ** (size - i) for i in range(most + 1)]
    return [math.exp(_log_comb(size, i) + i * math.log(p) + (size - i) * math.log1p(-p)) for i in range(most + 1)]


def _log_comb(n: int, k: int) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)


def _product(a: Sequence[float], b: Sequence[float], degree: int) -> list[float]:
    product = [0.0] * min(len(a) + len(b) - 1, degree + 1) if a and b else []
    for i, x in enumerate(a[: len(product)]):
        if x:
            for j, y in enumerate(b[: len(product) - i]):
                product[i + j] += x * y
    return product


def _sum(a: Sequence[float], b: Sequence[float], degree: int) -> list[float]:
    return [x + y for x, y in itertools.zip_longest(a, b[: degree + 1], fillvalue=0.0)]


def _weighted_vote(
    correct: Sequence[float], answers: Answers, weights: Sequence[float], chosen: Sequence[int]
) -> float:
    sums: dict[Hashable, float] = defaultdict(float)
    values: dict[Hashable, list[float]] = defaultdict(list)
    for i in chosen:
        if answers[i] is not None:
            sums[answers[i]] += weights[i]
            values[answers[i]].append(correct[i])
    if not sums:
        return 0.0
    most = max(sums.values())
    best = [answer for answer, total in sums.items() if math.isclose(total, most, rel_tol=1e-12, abs_tol=1e-12)]
    return sum(sum(values[a]) / len(values[a]) for a in best) / len(best)
