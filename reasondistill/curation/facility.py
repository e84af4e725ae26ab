"""Facility location: the rows that together stand nearest to all, as Superfiltering.D chooses (Li et al. 2024).

The value of a set S is the sum, over all rows, of the similarity to the nearest row of S. It is monotone and
submodular, so that taking the best next row again and again gives at least 1 - 1/e of the best value (Nemhauser et al.
1978), and a gain that was computed earlier is a bound of today's (Minoux 1978): few are computed anew.
"""

import heapq
import random
from typing import Any

import numpy as np
import numpy.typing as npt

from ..records import content_id

GROUND = 20_000
"""Rows that a set has to stand near to at most; of more, so many are drawn."""
_BLOCK = 512
"""Rows whose similarities to the ground set are held at once."""

Floats = npt.NDArray[np.float32]


def choose_near_all(vectors: Any, count: int, *, ground: int = GROUND, seed: int = 0) -> list[int]:
    """Return the numbers of `count` rows, each the one with the largest gain after those before it.

    `vectors` has a row of length 1 for each, dense or a scipy sparse matrix; a negative similarity counts as none.
    Among equal gains the earlier row is taken.

    >>> rows = np.array([[1, 0], [0.8, 0.6], [0, 1], [0, 1]], dtype=np.float32)
    >>> choose_near_all(rows, 2)
    [1, 2]
    """
    total = vectors.shape[0]
    drawn = range(total) if total <= ground else sorted(random.Random(content_id(seed)).sample(range(total), ground))
    targets = vectors if total <= ground else vectors[list(drawn)]
    covered = np.zeros(targets.shape[0], dtype=np.float32)
    # (minus the gain, row, how many rows were chosen when it was computed)
    heap = [(-gain, row, 0) for row, gain in enumerate(_first_gains(targets, vectors))]
    heapq.heapify(heap)
    chosen: list[int] = []
    while heap and len(chosen) < count:
        _, row, known = heapq.heappop(heap)
        if known == len(chosen):
            chosen.append(row)
            covered = np.maximum(covered, _similar(targets, vectors[row : row + 1])[:, 0])
            continue
        gains = _similar(targets, vectors[row : row + 1])[:, 0] - covered
        heapq.heappush(heap, (-_total(gains), row, len(chosen)))
    return chosen


def _first_gains(targets: Any, vectors: Any) -> list[float]:
    found: list[float] = []
    for start in range(0, vectors.shape[0], _BLOCK):
        block = _similar(targets, vectors[start : start + _BLOCK])
        found += [_total(block[:, column]) for column in range(block.shape[1])]
    return found


def _similar(targets: Any, block: Any) -> Floats:
    product = targets @ block.T
    dense: Floats = np.asarray(product.toarray() if hasattr(product, "toarray") else product, dtype=np.float32)
    return np.maximum(dense, 0)


def _total(gains: Floats) -> float:
    return float(np.maximum(gains, 0).sum(dtype=np.float64))
