"""Drop near-duplicates by MinHash (rensa) and bands: problems among all problems, traces within their group.

The first one stays. Similarity is the Jaccard index of word 3-grams, estimated from 128 permutations (standard error
below 0.05). Texts are compared after normalisation, on request without their numbers.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from annotated_types import Ge, Le

from ...errors import RecipeError
from ..candidate_source import Candidate
from ..curation_step import Context, CurationStep
from ..lookup.normalise import normalise, words

if TYPE_CHECKING:
    from ..lookup.minhash_index import Signature

PERMUTATIONS = 128
"""As in distilabel."""
_SHINGLE = 3
"""Words of an n-gram."""
_MAX_MISSED = 1e-3
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


class NearDuplicates(CurationStep):
    """Keep the first of near-duplicate problems with all its rollouts, and the first of a problem's alike traces."""

    name = "near_duplicates"
    Options = NearDuplicateOptions
    options: NearDuplicateOptions

    def __call__(self, candidates: Iterable[Candidate], context: Context) -> Iterator[Candidate]:
        """Run the step."""
        options = self.options
        problems = None if options.problems is None else Seen(options.problems, numerals=options.numerals)
        traces = None if options.traces is None else Seen(options.traces, numerals=options.numerals, grouped=True)
        twins: dict[str, tuple[str, float] | None] = {}
        for candidate in candidates:
            problem, rollout = candidate.problem, candidate.rollout
            if problems is not None and problem.id not in twins:
                twins[problem.id] = problems.twin(problem.id, problem.question)
            reason, twin = "alike_question", twins.get(problem.id)
            if twin is None and traces is not None:
                reason, twin = "alike_trace", traces.twin(rollout.id, candidate.completion_text, problem.id)
            if twin is None:
                yield candidate
            else:
                evidence = f"kept {twin[0]}, the first of them; {twin[1]:.2f} alike"
                context.ledger.add(candidate.drop(self.name, reason, evidence))


class Seen:
    """The kept texts; `twin` finds the one that the next text resembles.

    `grouped` texts come in many small groups, and each is compared with every other of its group; without groups an
    index of bands finds the likely ones.
    """

    def __init__(self, threshold: float, *, numerals: bool = True, grouped: bool = False) -> None:
        from ..lookup.minhash_index import BandIndex, Signatures

        self._threshold = threshold
        self._numerals = numerals
        self._signatures = Signatures(PERMUTATIONS)
        self._index = None if grouped else BandIndex(bands=PERMUTATIONS // _rows(threshold))
        self._groups: dict[str, tuple[int, ...]] = {}
        self._kept: list[str] = []

    def twin(self, identifier: str, text: str, group: str = "") -> tuple[str, float] | None:
        """Return id and similarity of the most similar kept text (the first of equals), or keep this one."""
        signature = minhash(text, numerals=self._numerals)
        others = self._groups.get(group, ()) if self._index is None else self._index.find(signature)
        if found := self._signatures.nearest(signature, others, self._threshold):
            return self._kept[found[0]], found[1]
        number = self._signatures.add(signature)
        if self._index is None:
            self._groups[group] = (*others, number)
        else:
            self._index.add(signature, number)
        self._kept.append(identifier)
        return None


def minhash(text: str, *, numerals: bool = True) -> "Signature":
    """Return the signature of a text's word 3-grams."""
    import numpy as np

    try:
        from rensa import RMinHash
    except ImportError:
        raise RecipeError("near-duplicates need the package rensa, which is missing: pip install rensa") from None
    hashes = RMinHash(PERMUTATIONS, 0)
    hashes.update(_shingles(normalise(text, numerals=numerals)))
    return np.array(hashes.digest(), np.uint32)


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
    fits = [r for r in (1, 2, 4, 8, 16, 32) if (1 - threshold**r) ** (PERMUTATIONS // r) <= _MAX_MISSED]
    return max(fits, default=1)
