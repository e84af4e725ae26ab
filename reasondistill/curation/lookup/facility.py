"""Facility location: a subset of rows that best covers all, as Superfiltering.D chooses (Li et al. 2024).

The value of a set S is the sum, over all rows, of the similarity to the nearest row of S. It is monotone and
submodular, so that taking the best next row again and again gives at least 1 - 1/e of the best value (Nemhauser et al.
1978). A gain computed earlier bounds the current one (Minoux 1978), so few are computed anew. For vectors without
negative numbers even the first bounds cost one product, not one per pair.
"""

import heapq
import random
from typing import Any

import numpy as np
import numpy.typing as npt

from ...records import content_id

GROUND = 20_000
"""Rows that a subset has to cover at most; of more rows, this many are drawn."""
_AT_ONCE = 16
"""Rows whose gains are recomputed together: more would be wasted, fewer cost a call each."""
_BLOCK = 512
"""Rows whose similarities to the ground set are held at once."""
_ROUNDING = 1e-5
"""Difference below which two gains are equal: they are sums in single precision."""

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
    # A sparse ground set is held by terms, so that a product reads no term that a row lacks.
    columns = targets.T.tocsr() if hasattr(targets, "tocsr") else targets.T
    covered = np.zeros(columns.shape[1], dtype=np.float32)
    # (minus the gain or its bound, row, how many rows were chosen when it was computed)
    heap = [(-bound, row, -1) for row, bound in enumerate(_bounds(vectors, columns))]
    heapq.heapify(heap)
    chosen: list[int] = []
    while heap and len(chosen) < count:
        if heap[0][2] == len(chosen):
            row = heapq.heappop(heap)[1]
            chosen.append(row)
            covered = np.maximum(covered, _similar(vectors, [row], columns)[0])
            continue
        rows: list[int] = []
        while heap and heap[0][2] != len(chosen) and len(rows) < _AT_ONCE:
            rows.append(heapq.heappop(heap)[1])
        for row, gain in zip(rows, _gains(_similar(vectors, rows, columns) - covered), strict=True):
            heapq.heappush(heap, (-gain, row, len(chosen)))
    return chosen


def _bounds(vectors: Any, columns: Any) -> list[float]:
    """Return what each row may gain at most as the first one."""
    if hasattr(vectors, "tocsr") and (vectors.nnz == 0 or vectors.data.min() >= 0):
        sums = np.asarray(columns.sum(axis=1, dtype=np.float64)).ravel()
        return [float(bound) for bound in (vectors @ sums) * (1 + _ROUNDING) + _ROUNDING]
    found: list[float] = []
    for start in range(0, vectors.shape[0], _BLOCK):
        found += _gains(_similar(vectors, slice(start, start + _BLOCK), columns))
    return [bound * (1 + _ROUNDING) + _ROUNDING for bound in found]


def _similar(vectors: Any, rows: list[int] | slice, columns: Any) -> Floats:
    product = vectors[rows] @ columns
    dense: Floats = np.asarray(product.toarray() if hasattr(product, "toarray") else product, dtype=np.float32)
    return np.maximum(dense, 0)


def _gains(differences: Floats) -> list[float]:
    sums = np.maximum(differences, 0).sum(axis=1, dtype=np.float64)
    return [float(gain) for gain in np.round(sums / _ROUNDING) * _ROUNDING]
