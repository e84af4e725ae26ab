"""Finds a problem of which only names or a few words were changed: character n-grams of texts with equal quantities.

Only texts with the same numbers and arithmetic signs are compared: other numbers make another problem.
"""

import math
import re
from collections import defaultdict
from collections.abc import Sequence
from functools import lru_cache

from .normalise import UNSPACED, normalise, quantities, without_names

_N = 4
"""Characters of an n-gram: about a word, so that one changed word costs few of them."""
_UNSPACED = re.compile(f"[{UNSPACED}]")
_FEW = 4
"""Texts of equal quantities that are compared one by one, without an index."""
_CACHED = 4096


class RenamedIndex:
    """Numbered texts, to be asked for the one that a question resembles.

    >>> index = RenamedIndex(["Yesterday Ann had 5 pears and ate 2.", "What is 5 + 2?"], 0.7)
    >>> index.alike("Yesterday Bob had 5 pears and ate 2.")
    [(0, 1.0)]
    >>> index.alike("Yesterday Bob had 2 pears and ate 5.")
    []
    """

    def __init__(self, texts: Sequence[str], similarity: float) -> None:
        """`similarity` is the least Jaccard index of two texts' n-grams, names hidden, that counts."""
        self._least = similarity
        self._texts = texts
        self._buckets: dict[int, list[int]] = defaultdict(list)
        for number, text in enumerate(texts):
            self._buckets[_key(text)].append(number)
        self._holders: dict[int, dict[str, list[int]]] = {}
        self._grams = lru_cache(maxsize=_CACHED)(lambda number: _grams(texts[number]))

    def alike(self, text: str) -> list[tuple[int, float]]:
        """Return every text that is similar enough, with its similarity."""
        key = _key(text)
        if key not in self._buckets:
            return []
        grams = _grams(text)
        found = []
        for number in self._candidates(key, grams):
            other = self._grams(number)
            common = len(grams & other)
            similarity = common / (len(grams) + len(other) - common) if common else 0.0
            if similarity >= self._least:
                found.append((number, similarity))
        return found

    def _candidates(self, key: int, grams: frozenset[str]) -> list[int]:
        """Return the texts that may be similar enough: each of those shares one of the rarest n-grams.

        Prefix filter: a Jaccard index of `least` needs ceil(least * |grams|) common n-grams, so one of them is among
        any |grams| - that + 1 (Chaudhuri et al. 2006).
        """
        bucket = self._buckets[key]
        if len(bucket) <= _FEW:
            return bucket
        holders = self._holders.setdefault(key, {})
        if not holders:
            for number in bucket:
                for gram in _grams(self._texts[number]):
                    holders.setdefault(gram, []).append(number)
        prefix = len(grams) - math.ceil(self._least * len(grams) - 1e-9) + 1
        rarest = sorted(grams, key=lambda gram: (len(holders.get(gram, ())), gram))[:prefix]
        return sorted({number for gram in rarest for number in holders.get(gram, ())})


def _key(text: str) -> int:
    return hash(quantities(normalise(text)))


def _grams(text: str) -> frozenset[str]:
    plain = f" {without_names(text)} "
    # Letters of unspaced scripts stand apart, each as a word: the n-grams are then pairs of letters and single ones.
    n = _N - 1 if 4 * len(_UNSPACED.findall(plain)) > len(plain) else _N
    return frozenset(plain[i : i + n] for i in range(len(plain) - n + 1)) if plain.strip() else frozenset()
