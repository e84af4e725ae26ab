"""Index of signatures by their bands (locality-sensitive hashing) in a few hundred bytes a text, for millions of texts.

Indexes of libraries take 1.4 KB a text besides the signatures. Here the keys of the bands are few sorted arrays, and
the signatures are in a temporary file, of which only those of likely candidates are read.
"""

import tempfile
import weakref
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Signature = npt.NDArray[np.uint32]
_FRESH = 4096
"""Signatures that are held in a dict before their bands are sorted."""
_FEW = 8
"""Signatures that are read without a look at their lowest bytes."""
_GROWTH = 4
"""A sorted array takes in the next one unless it is so many times longer."""


class Signatures:
    """MinHash signatures of one length by number: in a temporary file, the lowest byte of each hash in memory."""

    def __init__(self, length: int) -> None:
        # Closed with this object: it lives as long as the step that fills it.
        self._file = tempfile.TemporaryFile()  # noqa: SIM115
        weakref.finalize(self, self._file.close)
        self._length = length
        self._low = np.empty((_FRESH, length), np.uint8)
        self._count = 0

    def add(self, signature: Signature) -> int:
        """Keep a signature; return its number."""
        number = self._count
        self._file.seek(4 * self._length * number)
        self._file.write(signature.tobytes())
        if number == len(self._low):
            self._low = np.concatenate([self._low, np.empty((number // 2, self._length), np.uint8)])
        self._low[number] = signature.astype(np.uint8)
        self._count += 1
        return number

    def nearest(self, signature: Signature, numbers: Sequence[int], threshold: float) -> tuple[int, float] | None:
        """Return the most similar one of these (of equals the first) and its similarity, if it reaches the threshold.

        Similarity is the estimated Jaccard index: the share of equal hashes.
        """
        likely = np.asarray(numbers, np.int64)
        if len(likely) > _FEW:
            # Equal hashes have equal lowest bytes: what falls short there need not be read.
            likely = likely[(self._low[likely] == signature.astype(np.uint8)).mean(axis=1) >= threshold]
        best: tuple[int, float] | None = None
        for number in likely.tolist():
            self._file.seek(4 * self._length * number)
            kept = np.frombuffer(self._file.read(4 * self._length), np.uint32)
            similarity = float((kept == signature).mean())
            if similarity >= threshold and (best is None or similarity > best[1]):
                best = number, similarity
        return best


class BandIndex:
    """Which signatures have a band in common with another one.

    >>> index = BandIndex(bands=2)
    >>> index.add(np.array([1, 2, 3, 4], np.uint32), 0)
    >>> index.find(np.array([1, 2, 9, 9], np.uint32)), index.find(np.array([3, 4, 1, 2], np.uint32))
    ([0], [])
    """

    def __init__(self, *, bands: int) -> None:
        self._bands = bands
        self._fresh: dict[int, list[int]] = {}
        self._waiting = 0
        self._sorted: list[npt.NDArray[np.uint64]] = []
        """Key of a band and number of a signature in one integer, ascending; the longest array comes first."""

    def add(self, signature: Signature, number: int) -> None:
        """Enter a signature under its number."""
        for key in self._keys(signature):
            self._fresh.setdefault(key, []).append(number)
        self._waiting += 1
        if self._waiting == _FRESH:
            self._sort()

    def find(self, signature: Signature) -> list[int]:
        """Return the numbers of those that share a band (or, once in a million, a key), ascending."""
        keys = self._keys(signature)
        found = {number for key in keys for number in self._fresh.get(key, ())}
        starts = np.array(keys, np.uint64) << np.uint64(32)
        for entries in self._sorted:
            low = np.searchsorted(entries, starts)
            high = np.searchsorted(entries, starts + np.uint64(1 << 32))
            for i in np.flatnonzero(low < high):
                found.update((entries[low[i] : high[i]] & np.uint64(0xFFFFFFFF)).tolist())
        return sorted(found)

    def _keys(self, signature: Signature) -> list[int]:
        data, size = signature.tobytes(), 4 * len(signature) // self._bands
        # The largest key is left out, so that one more than a key is a key too.
        return [hash((band, data[band * size : (band + 1) * size])) % 0xFFFFFFFF for band in range(self._bands)]

    def _sort(self) -> None:
        fresh = (key << 32 | number for key, numbers in self._fresh.items() for number in numbers)
        entries = np.sort(np.fromiter(fresh, np.uint64))
        while self._sorted and len(self._sorted[-1]) < _GROWTH * len(entries):
            entries = np.sort(np.concatenate([self._sorted.pop(), entries]), kind="stable")
        self._sorted.append(entries)
        self._fresh, self._waiting = {}, 0
