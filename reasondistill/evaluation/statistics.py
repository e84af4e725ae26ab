"""Intervals and paired tests: pure functions over per-problem results. No metric without one of these."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ..records import Estimate, Row

Z95 = 1.959963984540054
_BLOCK = 1 << 22
"""Numbers that are drawn at a time: 10,000 resamples of a large benchmark at once would take gigabytes."""


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
    """Return a share with its 95 % Wilson score interval; n = 0 gives the whole range.

    >>> print(wilson(19, 40))
    47.5 % [32.9, 62.5] n=40
    """
    if n == 0:
        return Estimate(value=0.0, low=0.0, high=1.0, n=0)
    share = correct / n
    centre = (share + Z95**2 / (2 * n)) / (1 + Z95**2 / n)
    half = Z95 / (1 + Z95**2 / n) * math.sqrt(share * (1 - share) / n + Z95**2 / (4 * n * n))
    # At 0 and n right answers the bound is the share itself, but for rounding.
    return Estimate(value=share, low=max(0.0, min(share, centre - half)), high=min(1.0, max(share, centre + half)), n=n)


def bootstrap_mean(values: Sequence[float], *, resamples: int = 10_000, seed: int = 0) -> Estimate:
    """Return the mean over problems with its 95 % percentile bootstrap interval (Efron 1979)."""
    low, high = _bootstrap_interval(values, resamples, seed)
    return Estimate(value=sum(values) / len(values), low=low, high=high, n=len(values))


def paired(before: Sequence[float], after: Sequence[float], *, resamples: int = 10_000, seed: int = 0) -> PairedResult:
    """Compare two systems on the same problems, in the same order.

    The interval is a bootstrap over problems. The p-value is McNemar's exact test when every result is 0 or 1, and
    a sign-flip permutation test otherwise (several samples or seeds a problem).
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
    n = gained + lost
    if n == 0:
        return 1.0
    tail = sum(math.comb(n, k) for k in range(min(gained, lost) + 1))
    return float(min(1.0, 2 * tail / 2**n)) if n < 1000 else min(1.0, 2 * math.exp(math.log(tail) - n * math.log(2)))


def pass_at_k(n: int, correct: int, k: int) -> float:
    """Return the unbiased estimate that one of k samples is right, from n samples (Chen et al. 2021).

    >>> pass_at_k(8, 2, 1)
    0.25
    """
    if k > n:
        raise ValueError(f"pass@{k} needs at least {k} samples, got {n}")
    return 1.0 - math.comb(n - correct, k) / math.comb(n, k)


def _bootstrap_interval(values: Sequence[float], resamples: int, seed: int) -> tuple[float, float]:
    import numpy as np

    data = np.asarray(values, dtype=float)
    generator = np.random.default_rng(seed)
    means = [
        data[generator.integers(0, len(data), size=(rows, len(data)))].mean(axis=1)
        for rows in _blocks(resamples, len(data))
    ]
    low, high = np.quantile(np.concatenate(means), [0.025, 0.975])
    return float(low), float(high)


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
    """Yield how many resamples of n values to draw at a time."""
    size = max(1, _BLOCK // n)
    for start in range(0, resamples, size):
        yield min(size, resamples - start)
