"""Is a training question one of the held-out ones? Whole questions after normalisation, and n-gram coverage.

Coverage, and not any shared n-gram: boilerplate such as "where m and n are relatively prime" stands in half of AIME
and flags nothing by itself. Numbers count as words, since procedural problems differ in nothing else: two questions of
one template with other numbers are not the same problem.
"""

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from ..records import Problem

_WORD = re.compile(r"\w+|[^\w\s]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """A held-out problem that a question repeats."""

    reason: str
    """same_question or ngram_coverage."""
    problem_id: str
    question: str
    coverage: float


class HeldOut:
    """The held-out questions, indexed by their n-grams.

    >>> held_out = HeldOut([Problem(id="h", question="What is one plus two?")], ngram=3, coverage=0.5)
    >>> held_out.match("what is  ONE plus two ?").reason
    'same_question'
    """

    def __init__(self, problems: Iterable[Problem], *, ngram: int, coverage: float) -> None:
        self._n = ngram
        self._coverage = coverage
        self._problems: dict[str, Problem] = {}
        self._whole: dict[tuple[str, ...], str] = {}
        self._index: dict[tuple[str, ...], set[str]] = defaultdict(set)
        for problem in problems:
            words = _words(problem.question)
            self._problems[problem.id] = problem
            self._whole.setdefault(words, problem.id)
            for gram in _ngrams(words, ngram):
                self._index[gram].add(problem.id)

    def match(self, question: str) -> Match | None:
        """Return the held-out problem that covers the question, or None."""
        words = _words(question)
        if words in self._whole:
            return self._match("same_question", self._whole[words], 1.0)
        grams = _ngrams(words, self._n)
        hits: dict[str, int] = defaultdict(int)
        for gram in grams:
            for problem_id in self._index.get(gram, ()):
                hits[problem_id] += 1
        if not hits:
            return None
        best = max(hits, key=lambda problem_id: (hits[problem_id], problem_id))
        share = hits[best] / len(grams)
        return self._match("ngram_coverage", best, share) if share >= self._coverage else None

    def _match(self, reason: str, problem_id: str, coverage: float) -> Match:
        question = self._problems[problem_id].question
        return Match(reason=reason, problem_id=problem_id, question=question, coverage=coverage)


def _words(text: str) -> tuple[str, ...]:
    return tuple(_WORD.findall(text.casefold()))


def _ngrams(words: tuple[str, ...], n: int) -> set[tuple[str, ...]]:
    return {words[i : i + n] for i in range(len(words) - n + 1)}
