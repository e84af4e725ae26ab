"""Choosing among good rollouts: n per problem, s1K's procedure, and a token budget.

What is chosen depends on the ids, the texts and the seed alone, not on the order in which rollouts come; what stays,
stays in its order. All have to be looked at before the first is chosen: only keys are held of them, and `again` reads
those that were chosen once more. Without it they are held.
"""

import math
import random
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from ...records import Problem, content_id
from ..candidates import Candidate, told
from ..ledger import Ledger
from ..lookup.normalise import words
from ..two_pass import Again, Reason, two_passes

if TYPE_CHECKING:
    from ..lookup.shingles import Shingles

Classify = Callable[[Problem], str]
"""Names the domain of a problem."""


def limit_per_problem(
    candidates: Iterable[Candidate],
    most: int,
    ledger: Ledger,
    *,
    choose: str = "first",
    seed: int = 0,
    again: Again | None = None,
) -> Iterator[Candidate]:
    """Keep `most` rollouts of each problem: the first, shortest or longest, any, or those least alike."""
    from ..lookup.shingles import Shingles

    with Shingles() if choose == "diverse" else nullcontext() as shingles:

        def choice(entries: Sequence[_Entry]) -> tuple[set[str], str]:
            groups: dict[str, list[_Entry]] = defaultdict(list)
            for entry in entries:
                groups[entry.problem_id].append(entry)
            order = partial(_diverse, shingles=shingles) if shingles else _CHOICES[choose]
            kept = {entry.id for group in groups.values() for entry in order(group, seed)[:most]}
            return kept, f"{most} kept, {choose}"

        described = _Describe(length=choose in ("shortest", "longest"), shingles=shingles)
        yield from _chosen(candidates, described, choice, ledger, ("limit", "enough_of_this_problem"), again)


def choose_s1k(
    candidates: Iterable[Candidate],
    count: int,
    classify: Classify,
    ledger: Ledger,
    *,
    seed: int = 0,
    again: Again | None = None,
) -> Iterator[Candidate]:
    """Choose `count` rollouts of as many problems as s1K was chosen (Muennighoff et al. 2025, section 2.2).

    Until there are enough: draw a domain uniformly, and in it a rollout with probability 2^-rank, rank 0 being the
    longest trace. One rollout of a problem is chosen at most.
    """

    def choice(entries: Sequence[_Entry]) -> tuple[set[str], str]:
        domains: dict[str, list[_Entry]] = defaultdict(list)
        for entry in _longest(entries, seed):
            domains[entry.domain].append(entry)
        ranked = {name: _Ranked(group) for name, group in domains.items()}
        draw = random.Random(content_id("s1k", seed))
        chosen: set[str] = set()
        while ranked and len(chosen) < count:
            name = draw.choice(sorted(ranked))
            chosen.add(ranked[name].take(_rank(draw)).id)
            if not ranked[name].left:
                del ranked[name]
        return chosen, f"{len(chosen)} drawn"

    described = _Describe(length=True, classify=classify)
    yield from _chosen(candidates, described, choice, ledger, ("selection", "not_drawn"), again)


def fit_tokens(
    candidates: Iterable[Candidate], budget: int, ledger: Ledger, *, seed: int = 0, again: Again | None = None
) -> Iterator[Candidate]:
    """Keep rollouts of at most `budget` completion tokens together.

    A first rollout of every problem comes before a second one of any; among equals the seed decides. One that does not
    fit is passed over, a smaller one after it may fit.
    """

    def choice(entries: Sequence[_Entry]) -> tuple[set[str], str]:
        turns: dict[str, int] = defaultdict(int)
        queue = []
        for entry in entries:
            queue.append((turns[entry.problem_id], content_id(seed, entry.id), entry))
            turns[entry.problem_id] += 1
        queue.sort(key=lambda turn: turn[:2])
        left, chosen = budget, set()
        for _, _, entry in queue:
            if entry.length <= left:
                left -= entry.length
                chosen.add(entry.id)
        return chosen, f"{budget - left} of {budget} tokens"

    yield from _chosen(candidates, _Describe(length=True), choice, ledger, ("token_budget", "no_room"), again)


def length(candidate: Candidate) -> int:
    """Return the completion's tokens; where no engine counted them, its words and signs."""
    tokens = candidate.rollout.usage.completion_tokens
    return tokens or sum(len(words(told(message))) for message in candidate.rollout.completion)


def domain(key: str) -> Classify:
    """Return a classifier that reads a key of the problem's metadata, or its source where there is none.

    >>> domain("subject")(Problem(id="p", question="?", source="s", metadata={"subject": "Algebra"}))
    'Algebra'
    """
    return lambda problem: str(problem.metadata.get(key) or problem.source)


@dataclass(frozen=True, slots=True)
class _Entry:
    """What is held of a candidate while all of them are looked at."""

    id: str
    problem_id: str
    length: int
    domain: str
    shingles: int
    """Number of its 3-grams' place in the file that holds them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Describe:
    """Makes entries of candidates, with no more in them than a choice needs."""

    length: bool = False
    classify: Classify | None = None
    shingles: "Shingles | None" = None

    def __call__(self, candidate: Candidate) -> _Entry:
        return _Entry(
            candidate.rollout.id,
            candidate.problem.id,
            length(candidate) if self.length else 0,
            sys.intern(self.classify(candidate.problem)) if self.classify else "",
            self.shingles.add(candidate) if self.shingles else 0,
        )


def _chosen(
    candidates: Iterable[Candidate],
    describe: Callable[[Candidate], _Entry],
    choice: Callable[[Sequence[_Entry]], tuple[set[str], str]],
    ledger: Ledger,
    named: tuple[str, str],
    again: Again | None,
) -> Iterator[Candidate]:
    """Yield the candidates that the choice names and enter the others as drops of the `named` step and reason."""
    step, reason = named

    def refuse(entries: Sequence[_Entry], _again: Again) -> dict[str, Reason]:
        chosen, evidence = choice(entries)
        why = Reason(reason, evidence)
        return {entry.id: why for entry in entries if entry.id not in chosen}

    return two_passes(candidates, describe, refuse, ledger, step, again)


class _Ranked:
    """The rollouts of a domain by rank; taking one takes those of its problem away."""

    def __init__(self, entries: Sequence[_Entry]) -> None:
        self._entries = entries
        self._gone: set[str] = set()
        self.left = len({entry.problem_id for entry in entries})
        """Problems."""
        self._start = 0

    def take(self, rank: int) -> _Entry:
        """Take the rollout of this rank among those that are left; beyond the end, the last."""
        found = None
        while self._entries[self._start].problem_id in self._gone:
            self._start += 1
        for place in range(self._start, len(self._entries)):
            if self._entries[place].problem_id not in self._gone:
                found = self._entries[place]
                if rank == 0:
                    break
                rank -= 1
        assert found is not None
        self._gone.add(found.problem_id)
        self.left -= 1
        return found


def _rank(draw: random.Random) -> int:
    """Draw a rank with probability 2^-(rank + 1)."""
    return int(-math.log2(1 - draw.random()))


def _first(group: Sequence[_Entry], _seed: int) -> list[_Entry]:
    return list(group)


def _shortest(group: Sequence[_Entry], _seed: int) -> list[_Entry]:
    return sorted(group, key=lambda entry: (entry.length, entry.id))


def _longest(group: Sequence[_Entry], _seed: int) -> list[_Entry]:
    return sorted(group, key=lambda entry: (-entry.length, entry.id))


def _random(group: Sequence[_Entry], seed: int) -> list[_Entry]:
    return sorted(group, key=lambda entry: content_id(seed, entry.id))


def _diverse(group: Sequence[_Entry], seed: int, *, shingles: "Shingles") -> list[_Entry]:
    """Order by farthest first: each next rollout is the one least like those before it."""
    from ..lookup.shingles import alike

    left = _random(group, seed)
    grams = {entry.id: shingles[entry.shingles] for entry in left}
    ordered = [left.pop(0)]
    nearest = {entry.id: 0.0 for entry in left}
    while left:
        last = grams[ordered[-1].id]
        for entry in left:
            nearest[entry.id] = max(nearest[entry.id], alike(last, grams[entry.id]))
        ordered.append(min(left, key=lambda entry: nearest[entry.id]))
        left.remove(ordered[-1])
    return ordered


_CHOICES: dict[str, Callable[[Sequence[_Entry], int], list[_Entry]]] = {
    "first": _first,
    "shortest": _shortest,
    "longest": _longest,
    "random": _random,
}
CHOICES = (*_CHOICES, "diverse")
"""How the rollouts of a problem can be chosen."""
