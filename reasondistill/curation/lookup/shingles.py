"""The word 3-grams of many texts, as hashes in a temporary file, so that a million texts need little memory."""

import tempfile
from types import TracebackType
from typing import Self

import numpy as np

from ..candidate_source import Candidate, full_text
from .ngrams import Hashes, gram_hashes
from .normalise import normalise, words

_N = 3


class Shingles:
    """Numbered sets of hashes. Use it as a context manager, which deletes the file at its end."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - closed by __exit__
        self._ends = [0]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def add(self, candidate: Candidate) -> int:
        """Store the 3-grams of a completion and return their number."""
        tokens = words(normalise("\n".join(map(full_text, candidate.rollout.completion))))
        # A shorter text is one gram.
        hashes = gram_hashes(tokens, min(_N, len(tokens))) if tokens else np.zeros(1, np.uint64)
        self._file.seek(8 * self._ends[-1])
        self._file.write(hashes.tobytes())
        self._ends.append(self._ends[-1] + len(hashes))
        return len(self._ends) - 2

    def __getitem__(self, number: int) -> Hashes:
        start, end = self._ends[number : number + 2]
        self._file.seek(8 * start)
        return np.frombuffer(self._file.read(8 * (end - start)), np.uint64)


def alike(a: Hashes, b: Hashes) -> float:
    """Return the Jaccard index of two sets."""
    common = len(np.intersect1d(a, b, assume_unique=True))
    return common / (len(a) + len(b) - common)
