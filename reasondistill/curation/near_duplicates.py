"""Near-duplicates by MinHash LSH (rensa): problems among all problems, traces among those of their group.

The first one stays. Similarity is the Jaccard index of word 3-grams, estimated from 128 permutations (standard error
below 0.05); texts are compared in one spelling, by choice without their numbers.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from .candidates import Candidate, told
from .ledger import Ledger
from .text import normalise, words

PERMUTATIONS = 128
"""As in distilabel."""
_SHINGLE = 3
_MISSED = 1e-3
"""Share of pairs at the threshold that the bands may miss."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NearDuplicateOptions:
    """The knobs of `drop_near_duplicates`; the recipe's `curate.near_duplicates`."""

    problems: float | None = None
    """Similarity from which a problem is left out for an earlier one; None is off. distilabel: 0.9."""
    traces: float | None = None
    """The same for traces of one problem."""
    numerals: bool = True
    """Off: texts that differ in their numbers only are equal."""


def drop_near_duplicates(
    candidates: Iterable[Candidate], options: NearDuplicateOptions, ledger: Ledger
) -> Iterator[Candidate]:
    """Keep the first of near-duplicate problems with all its rollouts, and the first of a problem's alike traces."""
    problems = None if options.problems is None else Seen(options.problems, numerals=options.numerals)
    traces: dict[str, Seen] = {}
    twins: dict[str, tuple[str, float] | None] = {}
    for candidate in candidates:
        problem = candidate.problem
        if problems is not None and problem.id not in twins:
            twins[problem.id] = problems.twin(problem.id, problem.question)
        if twin := twins.get(problem.id):
            ledger.add(candidate.drop("near_duplicates", "alike_question", _evidence(twin)))
            continue
        if options.traces is not None:
            group = traces.setdefault(problem.id, Seen(options.traces, numerals=options.numerals))
            if twin := group.twin(candidate.rollout.id, "\n".join(told(m) for m in candidate.rollout.completion)):
                ledger.add(candidate.drop("near_duplicates", "alike_trace", _evidence(twin)))
                continue
        yield candidate


class Seen:
    """The texts that were kept, to be asked for one that resembles the next."""

    def __init__(self, threshold: float, *, numerals: bool = True) -> None:
        from rensa import RMinHashLSH

        self._threshold = threshold
        self._numerals = numerals
        self._lsh = RMinHashLSH(threshold, PERMUTATIONS, PERMUTATIONS // _rows(threshold))
        self._kept: list[tuple[str, Any]] = []

    def twin(self, identifier: str, text: str) -> tuple[str, float] | None:
        """Return the id of the most similar kept text (of equals the first) and the similarity, or keep this one."""
        own = self._minhash(text)
        alike = ((own.jaccard(self._kept[place][1]), -place) for place in set(self._lsh.query(own)))
        similarity, place = max(alike, default=(0.0, 0))
        if similarity >= self._threshold:
            return self._kept[-place][0], similarity
        self._lsh.insert(len(self._kept), own)
        self._kept.append((identifier, own))
        return None

    def _minhash(self, text: str) -> Any:
        from rensa import RMinHash

        minhash = RMinHash(PERMUTATIONS, 0)
        minhash.update(_shingles(normalise(text, numerals=self._numerals)))
        return minhash


def _evidence(twin: tuple[str, float]) -> str:
    return f"kept {twin[0]}, the first of them; {twin[1]:.2f} alike"


def _shingles(normalised: str) -> list[str]:
    text = words(normalised)
    return [" ".join(text[i : i + _SHINGLE]) for i in range(max(1, len(text) - _SHINGLE + 1))]


def _rows(threshold: float) -> int:
    """Return the most rows a band can have without missing pairs at the threshold.

    >>> [_rows(t) for t in (0.5, 0.7, 0.9, 1.0)]
    [2, 4, 8, 32]
    """
    fits = [r for r in (1, 2, 4, 8, 16, 32) if (1 - threshold**r) ** (PERMUTATIONS // r) <= _MISSED]
    return max(fits, default=1)
