"""Lookup of training questions in benchmarks: whole questions, n-gram coverage, and renamed problems.

Coverage counts, not any shared n-gram: boilerplate such as "where m and n are relatively prime" is part of half of AIME
and flags nothing by itself. Numbers count as words, since procedural problems differ in nothing else. Paraphrases and
translations are not recognised.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from annotated_types import Ge, Le

from ...problems.sources import get_problems
from ...records import Problem
from ...rows.files import SUFFIXES
from .normalise import normalise, words
from .renaming import RenamedIndex

if TYPE_CHECKING:
    from .ngrams import Shared

ANY_HIT = (8, 13)
"""Lengths of word n-grams in the rules of others, where one shared n-gram suffices: s1 and open-r1 8, GPT-3 13."""
_MIN_INSIDE = 16
"""n-grams of a benchmark's question from which it counts inside a longer one; shorter ones are phrases."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DecontaminationOptions:
    """Options that decide when a question repeats a benchmark's problem."""

    ngram: Annotated[int, Ge(1)] = 8
    """Words of an n-gram (s1, open-r1)."""
    coverage: Annotated[float, Ge(0), Le(1)] = 0.5
    """Share of a question's n-grams in one benchmark problem, or of that problem's in it, that makes them the same."""
    similarity: Annotated[float, Ge(0), Le(1)] = 0.75
    """Jaccard index of character n-grams, names hidden and numbers equal, that makes a question a renamed problem."""
    boilerplate: Annotated[int, Ge(1)] = 5
    """Problems of one benchmark that share an n-gram from which it is a phrase and ignored."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """A benchmark's problem that a question repeats."""

    reason: str
    """same_question, ngram_coverage or renamed."""
    benchmark: str
    problem_id: str
    question: str
    coverage: float
    """Share of the n-grams, or for `renamed` the similarity."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lookup:
    """Findings about one question."""

    matches: tuple[Match, ...]
    """The best match in each benchmark that has one, in the benchmarks' order."""
    any_hit: Mapping[int, tuple[tuple[str, str], ...]]
    """Benchmark and id of the problems that share any n-gram with the question, by n-gram length of ANY_HIT."""

    @property
    def best(self) -> Match | None:
        """The match with the highest coverage, the first of equals."""
        return max(self.matches, key=lambda match: match.coverage, default=None)


class HeldOut:
    """The questions of benchmarks, indexed.

    >>> held_out = HeldOut({"mine": [Problem(id="h", question="What is one plus two?")]})
    >>> held_out.match("what is  ONE plus two ?").reason
    'same_question'
    """

    def __init__(
        self, benchmarks: Mapping[str, Sequence[Problem]], options: DecontaminationOptions | None = None
    ) -> None:
        from .ngrams import NgramIndex

        self.options = options or DecontaminationOptions()
        self.sizes = {name: len(problems) for name, problems in benchmarks.items()}
        self._benchmarks = list(benchmarks)
        placed = [(place, p) for place, problems in enumerate(benchmarks.values()) for p in problems]
        self._problems = [problem for _, problem in placed]
        self._groups = [place for place, _ in placed]
        texts = [words(normalise(problem.question)) for problem in self._problems]
        self._whole: dict[tuple[str, ...], list[int]] = {}
        for number, text in enumerate(texts):
            self._whole.setdefault(tuple(text), []).append(number)
        least = self.options.boilerplate
        self._index = NgramIndex(texts, self.options.ngram, groups=self._groups, boilerplate=least)
        self._others: dict[int, NgramIndex] = {}
        self._renamed = RenamedIndex([p.question for p in self._problems], self.options.similarity)

    def match(self, question: str) -> Match | None:
        """Return the benchmark's problem that the question repeats most, or None."""
        return self._lookup(question, ()).best

    def lookup(self, question: str) -> Lookup:
        """Return the best match in each benchmark, and the hits of the any-hit rules."""
        return self._lookup(question, ANY_HIT)

    def _lookup(self, question: str, rules: Sequence[int]) -> Lookup:
        text = words(normalise(question))
        best: dict[int, Match] = {}
        for found in (*self._same(text), *self._covered(self._index.shared(text)), *self._alike(question)):
            group = self._groups[found[1]]
            if group not in best or found[2] > best[group].coverage:
                best[group] = self._match(*found)
        hits = {n: self._any_hit(question, n) for n in rules}
        return Lookup(
            matches=tuple(best[group] for group in sorted(best)),
            any_hit={n: tuple(map(self._named, numbers)) for n, numbers in hits.items()},
        )

    def _named(self, number: int) -> tuple[str, str]:
        return self._benchmarks[self._groups[number]], self._problems[number].id

    def _any_hit(self, question: str, n: int) -> list[int]:
        from .ngrams import NgramIndex

        if n not in self._others:
            self._others[n] = NgramIndex([_plain_words(p.question) for p in self._problems], n)
        texts: list[int] = self._others[n].shared(_plain_words(question)).texts.tolist()
        return texts

    def _same(self, text: list[str]) -> list[tuple[str, int, float]]:
        return [("same_question", number, 1.0) for number in self._whole.get(tuple(text), ())]

    def _covered(self, shared: "Shared") -> list[tuple[str, int, float]]:
        sizes = self._index.sizes[shared.texts]
        fewest = sizes.clip(max=shared.asked)
        fewest[sizes < _MIN_INSIDE] = shared.asked
        share = shared.counts / fewest
        enough = (share >= self.options.coverage).nonzero()[0]
        return [("ngram_coverage", int(shared.texts[i]), float(share[i])) for i in enough]

    def _alike(self, question: str) -> list[tuple[str, int, float]]:
        return [("renamed", number, similarity) for number, similarity in self._renamed.alike(question)]

    def _match(self, reason: str, number: int, coverage: float) -> Match:
        problem = self._problems[number]
        return Match(
            reason=reason,
            benchmark=self._benchmarks[self._groups[number]],
            problem_id=problem.id,
            question=problem.question,
            coverage=coverage,
        )


def read_benchmarks(sources: Sequence[str]) -> dict[str, list[Problem]]:
    """Read benchmarks, named by their files (`math500` for math500.jsonl.gz) or else by their source.

    Raises DataError or RecipeError for a source that cannot be read.
    """
    found: dict[str, list[Problem]] = {}
    for source in sources:
        short = Path(source).name.partition(".")[0] if source.lower().endswith(SUFFIXES) else source
        found[source if short in found else short] = get_problems(source, require_reference=False)
    return found


def _plain_words(text: str) -> list[str]:
    """Split like the any-hit rules: at space, case ignored."""
    return text.casefold().split()
