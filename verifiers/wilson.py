"""The interval of a share."""

import math

_Z = 1.959963984540054
"""The normal distribution's 97.5 % quantile."""


def wilson_interval(hits: int, n: int) -> tuple[float, float]:
    """Return the 95 % Wilson score interval of `hits` of `n`; n = 0 gives the whole range.

    >>> [round(end, 3) for end in wilson_interval(19, 40)]
    [0.329, 0.625]
    """
    if n == 0:
        return 0.0, 1.0
    share, scale = hits / n, 1 + _Z**2 / n
    centre = (share + _Z**2 / (2 * n)) / scale
    half = _Z / scale * math.sqrt(share * (1 - share) / n + _Z**2 / (4 * n * n))
    # At 0 and n hits the bound is the share itself, but for rounding.
    return max(0.0, min(share, centre - half)), min(1.0, max(share, centre + half))
