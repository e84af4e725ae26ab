"""Intervals and paired tests: pure functions over per-problem results. Every reported metric comes from here."""

import math
from collections import defaultdict
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from verifiers.wilson import wilson_interval

from ..records import Estimate, Row

Z95, Z80 = 1.959963984540054, 0.8416212335729143
MIN_DISCORDANT = 6
"""Discordant problems, all won or all lost, that McNemar's exact test needs to fall below 5 % (2 / 2^6)."""
_BLOCK = 1 << 22
"""Numbers drawn at a time: 10,000 resamples of a large benchmark at once would take gigabytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PairedResult:
    """Difference of two systems measured on the same problems."""

    difference: float
    """Mean of after minus before."""
    low: float
    high: float
    n: int
    p_value: float

    def to_row(self) -> Row:
        """Return `{difference, low, high, n, p_value}`."""
        return asdict(self)


def wilson(correct: int, n: int) -> Estimate:
    """Return a share with its 95 % Wilson score interval; the interval of n = 0 is [0, 1].

    >>> print(wilson(19, 40))
    47.5 % [32.9, 62.5] n=40
    """
    low, high = wilson_interval(correct, n)
    return Estimate(value=correct / n if n else 0.0, low=low, high=high, n=n)


def bootstrap_mean(values: Sequence[float], *, resamples: int = 10_000, seed: int = 0) -> Estimate:
    """Return the mean over problems with its 95 % percentile bootstrap interval (Efron 1979).

    The percentiles are widened as Student's t is wider than the normal distribution (Hesterberg 2015, section 3.3):
    plain percentiles of few problems cover too rarely.
    """
    low, high = _bootstrap_interval(values, resamples, seed)
    return Estimate(value=sum(values) / len(values), low=low, high=high, n=len(values))


def mean_estimate(values: Sequence[float]) -> Estimate:
    """Return a mean over problems: Wilson's interval if every value is 0 or 1, else a bootstrap.

    >>> print(mean_estimate([1.0, 0.0, 1.0, 1.0]))
    75.0 % [30.1, 95.4] n=4
    """
    if all(value in (0, 1) for value in values):
        return wilson(round(sum(values)), len(values))
    return bootstrap_mean(values)


def clustered_error(values: Sequence[float], clusters: Sequence[Hashable]) -> float:
    """Return the standard error of the mean of values that depend on each other within a cluster.

    The cluster of a rollout is its problem (Miller 2024, section 2.2).

    >>> round(clustered_error([1, 1, 0, 0], ["a", "a", "b", "b"]), 4), round(clustered_error([1, 1, 0, 0], range(4)), 4)
    (0.3536, 0.25)
    """
    mean = sum(values) / len(values)
    sums: dict[Hashable, float] = defaultdict(float)
    for value, cluster in zip(values, clusters, strict=True):
        sums[cluster] += value - mean
    return math.sqrt(math.fsum(total**2 for total in sums.values())) / len(values)


def paired(before: Sequence[float], after: Sequence[float], *, resamples: int = 10_000, seed: int = 0) -> PairedResult:
    """Compare two systems on the same problems, in the same order.

    The interval is a bootstrap over problems. The p-value comes from McNemar's exact test if every result is 0 or
    1, else from a sign-flip permutation test (several samples or seeds a problem).
    """
    if len(before) != len(after) or not before:
        raise ValueError(f"paired results must be of equal length and not empty, got {len(before)} and {len(after)}")
    differences = [b - a for a, b in zip(before, after, strict=True)]
    low, high = _bootstrap_interval(differences, resamples, seed)
    if all(value in (0, 1) for value in (*before, *after)):
        p_value = mcnemar_exact(sum(d > 0 for d in differences), sum(d < 0 for d in differences))
    else:
        p_value = _sign_flip(differences, resamples, seed)
    mean = sum(differences) / len(differences)
    return PairedResult(difference=mean, low=low, high=high, n=len(differences), p_value=p_value)


def mcnemar_exact(gained: int, lost: int) -> float:
    """Return the two-sided exact p-value for `gained` problems won against `lost` ones (McNemar 1947).

    >>> mcnemar_exact(5, 0)
    0.0625
    """
    gained, lost = int(gained), int(lost)  # numpy's would overflow in 2**n
    n = gained + lost
    if n == 0:
        return 1.0
    tail = sum(math.comb(n, k) for k in range(min(gained, lost) + 1))
    return float(min(1.0, 2 * tail / 2**n)) if n < 1000 else min(1.0, 2 * math.exp(math.log(tail) - n * math.log(2)))


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p-values corrected for their number, in the same order (Holm 1979).

    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    order = sorted(range(len(p_values)), key=lambda i: p_values[i])
    corrected, least = [0.0] * len(p_values), 0.0
    for rank, i in enumerate(order):
        least = max(least, min(1.0, (len(p_values) - rank) * p_values[i]))
        corrected[i] = least
    return corrected


def detectable_difference(differences: Sequence[float]) -> float:
    """Return the smallest true difference that a paired test on such problems finds with 80 % power, at 5 %.

    (1.96 + 0.84) standard errors, and at least what McNemar's exact test can find at all: six problems won, none lost.

    >>> round(detectable_difference([1, 0, 0, -1] * 25), 3)
    0.199
    """
    n = len(differences)
    mean = math.fsum(differences) / n
    error = math.sqrt(math.fsum((d - mean) ** 2 for d in differences) / max(1, n - 1) / n)
    return min(1.0, max((Z95 + Z80) * error, MIN_DISCORDANT / n))


def _bootstrap_interval(values: Sequence[float], resamples: int, seed: int) -> tuple[float, float]:
    import numpy as np

    data = np.asarray(values, dtype=float)
    generator = np.random.default_rng(seed)
    means = [
        data[generator.integers(0, len(data), size=(rows, len(data)))].mean(axis=1)
        for rows in _blocks(resamples, len(data))
    ]
    tail = _tail(len(data))
    low, high = np.quantile(np.concatenate(means), [tail, 1 - tail])
    return float(low), float(high)


def _tail(n: int) -> float:
    """Return the tail percentile that makes a bootstrap of n values as wide as Student's interval."""
    if n < 2:
        return 0.025
    return 0.5 * math.erfc(math.sqrt(n / (n - 1)) * _student_t(n - 1) / math.sqrt(2))


def _student_t(freedom: int) -> float:
    """Return Student's 97.5 % quantile; from 5 degrees on by its expansion around the normal one, accurate to 0.003."""
    if freedom < 5:
        return (12.706, 4.303, 3.182, 2.776)[freedom - 1]
    z, v = Z95, freedom
    return (
        z
        + (z**3 + z) / (4 * v)
        + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * v**2)
        + (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * v**3)
    )


def _sign_flip(differences: Sequence[float], resamples: int, seed: int) -> float:
    """Return the two-sided p-value: the share of random signs whose sum is as far from 0 as the observed one."""
    import numpy as np

    data = np.asarray(differences, dtype=float)
    generator = np.random.default_rng(seed)
    observed = abs(data.sum()) - 1e-9 * np.abs(data).sum()
    extreme = 0
    for rows in _blocks(resamples, len(data)):
        signs: Any = generator.integers(0, 2, size=(rows, len(data)), dtype=np.int8) * 2 - 1
        extreme += int((np.abs(signs @ data) >= observed).sum())
    return (extreme + 1) / (resamples + 1)


def _blocks(resamples: int, n: int) -> Iterator[int]:
    """Yield the number of resamples of n values to draw at a time."""
    size = max(1, _BLOCK // n)
    for start in range(0, resamples, size):
        yield min(size, resamples - start)
