"""Lookup of training questions in benchmarks: whole questions, n-gram coverage, and renamed problems.

Coverage counts, not any shared n-gram: boilerplate such as "where m and n are relatively prime" is part of half of AIME
and flags nothing by itself. Numbers count as words, since procedural problems differ in nothing else. Paraphrases and
translations are not recognised.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from annotated_types import Ge, Le

from ...problems.sources import get_problems
from ...records import Problem
from ...rows.files import SUFFIXES
from .normalise import normalise, spaced_words, words
from .renaming import RenamedIndex

ANY_HIT = (8, 13)
"""Lengths of word n-grams in the rules of others, where one shared n-gram suffices: s1 and open-r1 8, GPT-3 13."""
_MIN_INSIDE = 16
"""n-grams of a benchmark's question from which it counts inside a longer one; parts of shorter ones are phrases."""
_MIN_WHOLE = 12
"""Words of a benchmark's question from which it counts where a longer one holds it whole, as behind an instruction."""


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
        found = [("same_question", number, 1.0) for number in self._whole.get(tuple(text), ())]
        found += self._covered(text)
        found += [("renamed", number, similarity) for number, similarity in self._renamed.alike(question)]
        for reason, number, coverage in found:
            group, problem = self._groups[number], self._problems[number]
            if group not in best or coverage > best[group].coverage:
                best[group] = Match(
                    reason=reason,
                    benchmark=self._benchmarks[group],
                    problem_id=problem.id,
                    question=problem.question,
                    coverage=coverage,
                )
        hits = {n: tuple(self._any_hit(question, n)) for n in rules}
        return Lookup(matches=tuple(best[group] for group in sorted(best)), any_hit=hits)

    def _any_hit(self, question: str, n: int) -> Iterator[tuple[str, str]]:
        from .ngrams import NgramIndex

        # Split like the rules of others: at space, case ignored.
        if n not in self._others:
            self._others[n] = NgramIndex([spaced_words(p.question.casefold()) for p in self._problems], n)
        for number in self._others[n].shared(spaced_words(question.casefold())).texts.tolist():
            yield self._benchmarks[self._groups[number]], self._problems[number].id

    def _covered(self, text: list[str]) -> list[tuple[str, int, float]]:
        shared = self._index.shared(text)
        sizes = self._index.sizes[shared.texts]
        fewest = sizes.clip(max=shared.asked)
        whole = (shared.counts >= sizes) & (sizes > _MIN_WHOLE - self.options.ngram)
        fewest[(sizes < _MIN_INSIDE) & ~whole] = shared.asked
        share = shared.counts / fewest
        enough = (share >= self.options.coverage).nonzero()[0]
        return [("ngram_coverage", int(shared.texts[i]), float(share[i])) for i in enough]


def read_benchmarks(sources: Sequence[str]) -> dict[str, list[Problem]]:
    """Read benchmarks, named by their files (`math500` for math500.jsonl.gz) or else by their source.

    Raises DataError or RecipeError for a source that cannot be read.
    """
    found: dict[str, list[Problem]] = {}
    for source in sources:
        short = Path(source).name.partition(".")[0] if source.lower().endswith(SUFFIXES) else source
        found[source if short in found else short] = get_problems(source, require_reference=False)
    return found
