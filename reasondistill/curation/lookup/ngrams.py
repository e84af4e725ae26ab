"""Which texts of a collection share n-grams with a question: 64-bit hashes in sorted arrays, so that a collection of
millions of n-grams fits in tens of megabytes.

Two n-grams count as equal when their hashes are: a false one is to be expected once in 10^12 questions.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Hashes = npt.NDArray[np.uint64]
_FACTOR = np.uint64(0x9E3779B97F4A7C15)


def gram_hashes(tokens: Sequence[str], n: int) -> Hashes:
    """Return the hashes of the different n-grams of the tokens, sorted; they hold within one process only."""
    if len(tokens) < n:
        return np.empty(0, np.uint64)
    hashed = np.fromiter(map(hash, tokens), np.int64, len(tokens)).view(np.uint64)
    grams = np.zeros(len(tokens) - n + 1, np.uint64)
    for place in range(n):
        grams = grams * _FACTOR + hashed[place : place + len(grams)]
    return np.unique(grams)


class Shared(NamedTuple):
    """What one question shares with the collection; boilerplate does not count."""

    texts: npt.NDArray[np.int64]
    """Numbers of the texts that share an n-gram, ascending."""
    counts: npt.NDArray[np.int64]
    """Different n-grams that each of them shares."""
    asked: int
    """Different n-grams of the question."""


class NgramIndex:
    """The n-grams of numbered texts, those of boilerplate marked.

    >>> index = NgramIndex([["a", "b", "c"], ["x", "y", "z"]], 2)
    >>> index.shared(["a", "b", "d"]).texts.tolist()
    [0]
    """

    def __init__(
        self,
        texts: Sequence[Sequence[str]],
        n: int,
        *,
        groups: Sequence[int] | None = None,
        boilerplate: int | None = None,
    ) -> None:
        """An n-gram that stands in `boilerplate` texts of one group is boilerplate; None marks none."""
        self._n = n
        each = [gram_hashes(tokens, n) for tokens in texts]
        grams = np.concatenate([np.empty(0, np.uint64), *each])
        owners = np.repeat(np.arange(len(each), dtype=np.int32), [len(hashes) for hashes in each])
        order = np.argsort(grams, kind="stable")
        self._owners = owners[order]
        self._keys, self._starts, sizes = np.unique(grams[order], return_index=True, return_counts=True)
        self._ends = self._starts + sizes
        self._common = np.zeros(len(self._keys), bool)
        if boilerplate is not None:
            group_of = np.asarray(groups if groups is not None else [0] * len(each), np.int32)
            for number in np.flatnonzero(sizes >= boilerplate):
                holders = self._owners[self._starts[number] : self._ends[number]]
                self._common[number] = np.bincount(group_of[holders]).max() >= boilerplate
        rare = ~np.repeat(self._common, sizes)
        self.sizes = np.bincount(self._owners[rare], minlength=len(each))
        """Different n-grams of each text, boilerplate left out."""

    def shared(self, tokens: Sequence[str]) -> Shared:
        """Return which texts share n-grams with the tokens, and how many."""
        asked = gram_hashes(tokens, self._n)
        places = np.empty(0, np.int64)
        if len(self._keys):
            near = np.minimum(np.searchsorted(self._keys, asked), len(self._keys) - 1)
            places = near[self._keys[near] == asked]
        rare = places[~self._common[places]]
        owners: list[Any] = [np.empty(0, np.int64), *(self._owners[self._starts[p] : self._ends[p]] for p in rare)]
        texts, counts = np.unique(np.concatenate(owners), return_counts=True)
        return Shared(texts, counts, len(asked) - (len(places) - len(rare)))
