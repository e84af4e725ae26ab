"""Drop near-duplicates by MinHash (rensa) and bands: problems among all problems, traces within their group.

The first one stays. Similarity is the Jaccard index of word 3-grams, estimated from 128 permutations (standard error
below 0.05). Texts are compared after normalisation, on request without their numbers.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar, Self

from annotated_types import Ge, Le

from ...errors import RecipeError
from ..candidate_source import Candidate, full_text
from ..curation_step import Context
from ..lookup.normalise import normalise, words

if TYPE_CHECKING:
    from ..lookup.minhash_index import Signature
    from ..options import CurateOptions

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


@dataclass(frozen=True, slots=True)
class NearDuplicates:
    """Keep the first of near-duplicate problems with all its rollouts, and the first of a problem's alike traces."""

    options: NearDuplicateOptions
    name: ClassVar[str] = "near_duplicates"
    Options: ClassVar[type[NearDuplicateOptions]] = NearDuplicateOptions

    @classmethod
    def of(cls, curate: "CurateOptions") -> Self | None:
        """Return the step where a threshold is set."""
        options = curate.near_duplicates
        return None if options.problems is None and options.traces is None else cls(options)

    def __call__(self, candidates: Iterable[Candidate], context: Context) -> Iterator[Candidate]:
        """Run the step."""
        options = self.options
        problems = None if options.problems is None else Seen(options.problems, numerals=options.numerals)
        traces = None if options.traces is None else SeenInGroups(options.traces, numerals=options.numerals)
        twins: dict[str, tuple[str, float] | None] = {}
        for candidate in candidates:
            problem = candidate.problem
            if problems is not None and problem.id not in twins:
                twins[problem.id] = problems.twin(problem.id, problem.question)
            if twin := twins.get(problem.id):
                context.ledger.add(candidate.drop(self.name, "alike_question", _evidence(twin)))
                continue
            if traces is not None:
                trace = "\n".join(map(full_text, candidate.rollout.completion))
                if twin := traces.twin(problem.id, candidate.rollout.id, trace):
                    context.ledger.add(candidate.drop(self.name, "alike_trace", _evidence(twin)))
                    continue
            yield candidate


class Seen:
    """The kept texts; `twin` finds the one that the next text resembles."""

    def __init__(self, threshold: float, *, numerals: bool = True) -> None:
        from ..lookup.minhash_index import BandIndex, Signatures

        self._threshold = threshold
        self._numerals = numerals
        self._signatures = Signatures(PERMUTATIONS)
        self._index = BandIndex(bands=PERMUTATIONS // _rows(threshold))
        self._kept: list[str] = []

    def twin(self, identifier: str, text: str) -> tuple[str, float] | None:
        """Return id and similarity of the most similar kept text (the first of equals), or keep this one."""
        signature = minhash(text, numerals=self._numerals)
        if found := self._signatures.nearest(signature, self._index.find(signature), self._threshold):
            return self._kept[found[0]], found[1]
        number = self._signatures.add(signature)
        self._index.add(signature, number)
        self._kept.append(identifier)
        return None


class SeenInGroups:
    """The same within many small groups: every text is compared with every other of its group."""

    def __init__(self, threshold: float, *, numerals: bool = True) -> None:
        from ..lookup.minhash_index import Signatures

        self._threshold = threshold
        self._numerals = numerals
        self._signatures = Signatures(PERMUTATIONS)
        self._groups: dict[str, tuple[int, ...]] = {}
        self._kept: list[str] = []

    def twin(self, group: str, identifier: str, text: str) -> tuple[str, float] | None:
        """Return id and similarity of the group's most similar text, or keep this one."""
        signature, others = minhash(text, numerals=self._numerals), self._groups.get(group, ())
        if found := self._signatures.nearest(signature, others, self._threshold):
            return self._kept[found[0]], found[1]
        self._groups[group] = (*others, self._signatures.add(signature))
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
    fits = [r for r in (1, 2, 4, 8, 16, 32) if (1 - threshold**r) ** (PERMUTATIONS // r) <= _MAX_MISSED]
    return max(fits, default=1)
