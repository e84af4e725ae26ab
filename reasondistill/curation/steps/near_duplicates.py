"""Near-duplicates by MinHash (rensa) and bands: problems among all problems, traces among those of their group.

The first one stays. Similarity is the Jaccard index of word 3-grams, estimated from 128 permutations (standard error
below 0.05); texts are compared in one spelling, by choice without their numbers.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from annotated_types import Ge, Le

from ...errors import RecipeError
from ..candidates import Candidate, told
from ..ledger import Ledger
from ..lookup.normalise import normalise, words

if TYPE_CHECKING:
    from ..lookup.minhash_index import Signature

PERMUTATIONS = 128
"""As in distilabel."""
_SHINGLE = 3
"""Words of an n-gram."""
_MISSED = 1e-3
"""Share of pairs at the threshold that the bands may miss."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NearDuplicateOptions:
    """Options of near-duplicate detection; the recipe's `curate.near_duplicates`."""

    problems: Annotated[float, Ge(0), Le(1)] | None = None
    """Similarity from which a problem is dropped in favour of an earlier one (distilabel: 0.9). None turns it off."""
    traces: Annotated[float, Ge(0), Le(1)] | None = None
    """Similarity from which a trace is dropped in favour of an earlier one of the same problem. None turns it off."""
    numerals: bool = True
    """Significance of numbers. Off, texts that differ in their numbers only are equal."""


def drop_near_duplicates(
    candidates: Iterable[Candidate], options: NearDuplicateOptions, ledger: Ledger
) -> Iterator[Candidate]:
    """Keep the first of near-duplicate problems with all its rollouts, and the first of a problem's alike traces."""
    problems = None if options.problems is None else Seen(options.problems, numerals=options.numerals)
    traces = None if options.traces is None else SeenInGroups(options.traces, numerals=options.numerals)
    twins: dict[str, tuple[str, float] | None] = {}
    for candidate in candidates:
        problem = candidate.problem
        if problems is not None and problem.id not in twins:
            twins[problem.id] = problems.twin(problem.id, problem.question)
        if twin := twins.get(problem.id):
            ledger.add(candidate.drop("near_duplicates", "alike_question", _evidence(twin)))
            continue
        if traces is not None:
            trace = "\n".join(told(m) for m in candidate.rollout.completion)
            if twin := traces.twin(problem.id, candidate.rollout.id, trace):
                ledger.add(candidate.drop("near_duplicates", "alike_trace", _evidence(twin)))
                continue
        yield candidate


class Seen:
    """The texts that were kept, to be asked for one that resembles the next."""

    def __init__(self, threshold: float, *, numerals: bool = True) -> None:
        from ..lookup.minhash_index import BandIndex, Signatures

        self._threshold = threshold
        self._numerals = numerals
        self._signatures = Signatures(PERMUTATIONS)
        self._index = BandIndex(bands=PERMUTATIONS // _rows(threshold))
        self._kept: list[str] = []

    def twin(self, identifier: str, text: str) -> tuple[str, float] | None:
        """Return the id of the most similar kept text (of equals the first) and the similarity, or keep this one."""
        own = minhash(text, numerals=self._numerals)
        if found := self._signatures.nearest(own, self._index.find(own), self._threshold):
            return self._kept[found[0]], found[1]
        number = self._signatures.add(own)
        self._index.add(own, number)
        self._kept.append(identifier)
        return None


class SeenInGroups:
    """The same within each of many small groups, of which every text is compared with every other."""

    def __init__(self, threshold: float, *, numerals: bool = True) -> None:
        from ..lookup.minhash_index import Signatures

        self._threshold = threshold
        self._numerals = numerals
        self._signatures = Signatures(PERMUTATIONS)
        self._groups: dict[str, tuple[int, ...]] = {}
        self._kept: list[str] = []

    def twin(self, group: str, identifier: str, text: str) -> tuple[str, float] | None:
        """Return the id of the group's most similar text and the similarity, or keep this one."""
        own, others = minhash(text, numerals=self._numerals), self._groups.get(group, ())
        if found := self._signatures.nearest(own, others, self._threshold):
            return self._kept[found[0]], found[1]
        self._groups[group] = (*others, self._signatures.add(own))
        self._kept.append(identifier)
        return None


def minhash(text: str, *, numerals: bool = True) -> "Signature":
    """Return the signature of a text's word 3-grams."""
    import numpy as np

    try:
        from rensa import RMinHash
    except ImportError:
        raise RecipeError("near-duplicates need the package rensa, which is missing: pip install rensa") from None
    own = RMinHash(PERMUTATIONS, 0)
    own.update(_shingles(normalise(text, numerals=numerals)))
    return np.array(own.digest(), np.uint32)


def _evidence(twin: tuple[str, float]) -> str:
    return f"kept {twin[0]}, the first of them; {twin[1]:.2f} alike"


def _shingles(normalised: str) -> list[str]:
    text = words(normalised)
    if len(text) <= _SHINGLE:
        return [" ".join(text)]
    return [f"{a} {b} {c}" for a, b, c in zip(text, text[1:], text[2:], strict=False)]


def _rows(threshold: float) -> int:
    """Return the most rows a band can have without missing pairs at the threshold.

    >>> [_rows(t) for t in (0.5, 0.7, 0.9, 1.0)]
    [2, 4, 8, 32]
    """
    fits = [r for r in (1, 2, 4, 8, 16, 32) if (1 - threshold**r) ** (PERMUTATIONS // r) <= _MISSED]
    return max(fits, default=1)
