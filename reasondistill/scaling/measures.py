"""Measures of a scaling curve: pure functions of numbers. s1's three (Muennighoff et al. 2025, section 3.2) and the
frontier of what a number of tokens can buy."""

from collections.abc import Callable, Sequence
from itertools import combinations

from ..evaluation.statistics import bootstrap_mean
from ..records import Estimate

PER_TOKENS = 1_000
"""A slope is told for so many tokens."""


def control(tokens: Sequence[int], low: int, high: int) -> float:
    """Return the share of runs whose thinking has between `low` and `high` tokens.

    >>> control([5, 10, 20, 40], 0, 20)
    0.75
    """
    return sum(low <= n <= high for n in tokens) / len(tokens)


def slope(points: Sequence[tuple[float, float]]) -> float | None:
    """Return the mean over pairs of points of (f(b) - f(a)) / (b - a), f in points for 1,000 tokens.

    Pairs of equal length say nothing; None where no pair is left.

    >>> slope([(100, 0.2), (200, 0.3), (400, 0.3)])
    44.444444444
    """
    pairs = [(a, b) for a, b in combinations(sorted(points), 2) if b[0] > a[0]]
    if not pairs:
        return None
    mean = sum((b[1] - a[1]) / (b[0] - a[0]) for a, b in pairs) / len(pairs)
    return round(100 * PER_TOKENS * mean, 9)


def fitted_slope(points: Sequence[tuple[float, float]]) -> float | None:
    """Return the slope of the straight line through the points by least squares, in points for 1,000 tokens.

    Two points of nearly equal length, which can make s1's mean over pairs anything, hardly move it.

    >>> fitted_slope([(100, 0.2), (200, 0.3), (300, 0.4), (301, 0.2)]) < fitted_slope([(100, 0.2), (300, 0.4)])
    True
    """
    x = sum(a for a, _ in points) / len(points)
    spread = sum((a - x) ** 2 for a, _ in points)
    if not spread:
        return None
    return round(100 * PER_TOKENS * sum((a - x) * b for a, b in points) / spread, 9)


Slope = Callable[[Sequence[tuple[float, float]]], float | None]


def slope_estimate(
    tokens: Sequence[float], scores: Sequence[Sequence[float]], measure: Slope = fitted_slope
) -> Estimate | None:
    """Return a slope with its interval over problems: `scores[i]` are the problems' scores at `tokens[i]`.

    Either slope is a weighted sum of accuracies, and so the mean over problems of each one's own slope.
    """
    own = [measure(list(zip(tokens, column, strict=True))) for column in zip(*scores, strict=True)]
    known = [value for value in own if value is not None]
    return bootstrap_mean(known) if known else None


def performance(points: Sequence[tuple[float, float]]) -> float:
    """Return the best accuracy on the curve.

    >>> performance([(100, 0.2), (200, 0.3), (400, 0.25)])
    0.3
    """
    return max(accuracy for _, accuracy in points)


def frontier(points: Sequence[tuple[float, float]]) -> list[int]:
    """Return the places of the compute-optimal points: no other has at most their tokens and at least their accuracy.

    >>> frontier([(100, 0.2), (200, 0.15), (300, 0.4), (300, 0.3), (400, 0.4)])
    [0, 2]
    """
    order = sorted(range(len(points)), key=lambda i: (points[i][0], -points[i][1]))
    found: list[int] = []
    for i in order:
        if not found or points[i][1] > points[found[-1]][1]:
            found.append(i)
    return found


def within_length(tokens: Sequence[int], correct: Sequence[float], budget: int) -> tuple[float, float] | None:
    """Return (accuracy, tokens paid) of rejection sampling by length, from the samples of one problem.

    Samples are drawn until one has at most `budget` tokens, at random: that one's accuracy is the mean of those that
    fit, and the longer ones before it are paid too. None where none fits.

    >>> within_length([10, 20, 90], [1, 0, 1], 50)
    (0.5, 45.0)
    """
    fit = [i for i, n in enumerate(tokens) if n <= budget]
    if not fit:
        return None
    accuracy = sum(correct[i] for i in fit) / len(fit)
    # Of the m that do not fit, each stands before the first fitting one with chance 1 / (fitting + 1).
    paid = sum(tokens[i] for i in fit) / len(fit)
    paid += sum(n for n in tokens if n > budget) / (len(fit) + 1)
    return accuracy, paid
