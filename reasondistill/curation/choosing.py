"""Choosing among good rollouts: n per problem, s1K's procedure, and a token budget.

What is chosen depends on the ids, the texts and the seed alone, not on the order in which rollouts come; what stays,
stays in its order.
"""

import math
import random
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence

from ..records import Problem, content_id
from .candidates import Candidate, told
from .ledger import Ledger
from .text import normalise, words

_SHINGLE = 3

Classify = Callable[[Problem], str]
"""Names the domain of a problem."""


def limit_per_problem(
    candidates: Iterable[Candidate], most: int, ledger: Ledger, *, choose: str = "first", seed: int = 0
) -> Iterator[Candidate]:
    """Keep `most` rollouts of each problem: the first, shortest or longest, any, or those least alike."""
    given = list(candidates)
    groups: dict[str, list[Candidate]] = defaultdict(list)
    for candidate in given:
        groups[candidate.problem.id].append(candidate)
    chosen = {c.rollout.id for group in groups.values() for c in _CHOICES[choose](group, seed)[:most]}
    yield from _kept(given, chosen, ledger, "limit", "enough_of_this_problem", f"{most} kept, {choose}")


def choose_s1k(
    candidates: Iterable[Candidate], count: int, classify: Classify, ledger: Ledger, *, seed: int = 0
) -> Iterator[Candidate]:
    """Choose `count` rollouts of as many problems as s1K was chosen (Muennighoff et al. 2025, section 2.2).

    Until there are enough: draw a domain uniformly, and in it a rollout with probability 2^-rank, rank 0 being the
    longest trace. One rollout of a problem is chosen at most.
    """
    given = list(candidates)
    domains: dict[str, list[Candidate]] = defaultdict(list)
    for candidate in _longest(given, seed):
        domains[classify(candidate.problem)].append(candidate)
    draw = random.Random(content_id("s1k", seed))
    chosen: set[str] = set()
    while domains and len(chosen) < count:
        name = draw.choice(sorted(domains))
        picked = _by_rank(domains[name], draw)
        chosen.add(picked.rollout.id)
        left = [c for c in domains[name] if c.problem.id != picked.problem.id]
        domains[name] = left
        if not left:
            del domains[name]
    yield from _kept(given, chosen, ledger, "selection", "not_drawn", f"{len(chosen)} drawn")


def fit_tokens(candidates: Iterable[Candidate], budget: int, ledger: Ledger, *, seed: int = 0) -> Iterator[Candidate]:
    """Keep rollouts of at most `budget` completion tokens together.

    A first rollout of every problem comes before a second one of any; among equals the seed decides. One that does not
    fit is passed over, a smaller one after it may fit.
    """
    given = list(candidates)
    turns: dict[str, int] = defaultdict(int)
    queue = []
    for candidate in given:
        queue.append((turns[candidate.problem.id], content_id(seed, candidate.rollout.id), candidate))
        turns[candidate.problem.id] += 1
    left, chosen = budget, set()
    for _, _, candidate in sorted(queue, key=lambda turn: turn[:2]):
        if length(candidate) <= left:
            left -= length(candidate)
            chosen.add(candidate.rollout.id)
    yield from _kept(given, chosen, ledger, "token_budget", "no_room", f"{budget - left} of {budget} tokens")


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


def _kept(
    given: Sequence[Candidate], chosen: set[str], ledger: Ledger, step: str, reason: str, evidence: str
) -> Iterator[Candidate]:
    for candidate in given:
        if candidate.rollout.id in chosen:
            yield candidate
        else:
            ledger.add(candidate.drop(step, reason, evidence))


def _by_rank(ranked: Sequence[Candidate], draw: random.Random) -> Candidate:
    """Draw with probability 2^-(rank + 1); what lies beyond the end falls to the last."""
    rank = int(-math.log2(1 - draw.random()))
    return ranked[min(rank, len(ranked) - 1)]


def _first(group: Sequence[Candidate], _seed: int) -> list[Candidate]:
    return list(group)


def _shortest(group: Sequence[Candidate], _seed: int) -> list[Candidate]:
    return sorted(group, key=lambda c: (length(c), c.rollout.id))


def _longest(group: Sequence[Candidate], _seed: int) -> list[Candidate]:
    return sorted(group, key=lambda c: (-length(c), c.rollout.id))


def _random(group: Sequence[Candidate], seed: int) -> list[Candidate]:
    return sorted(group, key=lambda c: content_id(seed, c.rollout.id))


def _diverse(group: Sequence[Candidate], seed: int) -> list[Candidate]:
    """Order by farthest first: each next rollout is the one least like those before it."""
    left = _random(group, seed)
    grams = {c.rollout.id: _shingles(c) for c in left}
    ordered = [left.pop(0)]
    nearest = {c.rollout.id: 0.0 for c in left}
    while left:
        last = grams[ordered[-1].rollout.id]
        for c in left:
            nearest[c.rollout.id] = max(nearest[c.rollout.id], _alike(last, grams[c.rollout.id]))
        ordered.append(min(left, key=lambda c: nearest[c.rollout.id]))
        left.remove(ordered[-1])
    return ordered


def _shingles(candidate: Candidate) -> set[tuple[str, ...]]:
    text = words(normalise("\n".join(told(m) for m in candidate.rollout.completion)))
    return {tuple(text[i : i + _SHINGLE]) for i in range(max(1, len(text) - _SHINGLE + 1))}


def _alike(a: set[tuple[str, ...]], b: set[tuple[str, ...]]) -> float:
    return len(a & b) / len(a | b)


_CHOICES: dict[str, Callable[[Sequence[Candidate], int], list[Candidate]]] = {
    "first": _first,
    "shortest": _shortest,
    "longest": _longest,
    "random": _random,
    "diverse": _diverse,
}
