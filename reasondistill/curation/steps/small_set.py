"""A small set chosen with care, after LIMA (Zhou et al. 2023, section 2): its rules for what came from Stack Exchange.

There: domains are sampled with a temperature of 3, so that the small ones are heard; of a domain the best-scored
questions are taken, one answer each; answers under 1,200 or over 4,096 characters are left out. Here a rollout's score
is its length within these bounds, as s1K weighs traces.
"""

import random
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

from annotated_types import Ge, Gt

from ...records import content_id
from ..candidates import Candidate, told
from ..ledger import Ledger
from ..two_pass import Again, Reason, two_passes
from .choosing import Classify, length


@dataclass(frozen=True, slots=True, kw_only=True)
class SmallSetOptions:
    """Options of a small set; the recipe's `curate.small_set`."""

    count: Annotated[int, Ge(1)] | None = None
    """Rollouts in the set, one per problem. None turns the step off."""
    shortest: Annotated[int, Ge(0)] = 1200
    """Characters of a completion at least."""
    longest: Annotated[int, Ge(0)] = 4096
    """Characters of a completion at most."""
    temperature: Annotated[float, Gt(0)] = 3.0
    """Temperature of the draw: a domain of n problems has weight n ** (1 / temperature). 1 keeps the domains' shares, a
    high value draws uniformly."""


@dataclass(frozen=True, slots=True)
class _Entry:
    id: str
    problem_id: str
    domain: str
    tokens: int
    characters: int


def choose_small_set(
    candidates: Iterable[Candidate],
    options: SmallSetOptions,
    classify: Classify,
    ledger: Ledger,
    *,
    seed: int = 0,
    again: Again | None = None,
) -> Iterator[Candidate]:
    """Keep at most `options.count` rollouts, each of another problem. The ids and the seed decide, not the order."""

    def describe(candidate: Candidate) -> _Entry:
        characters = sum(len(told(message)) for message in candidate.rollout.completion)
        return _Entry(
            candidate.rollout.id, candidate.problem.id, classify(candidate.problem), length(candidate), characters
        )

    def refuse(entries: Sequence[_Entry], _again: Again) -> Mapping[str, Reason]:
        refused = {entry.id: why for entry in entries if (why := _out_of_bounds(entry, options)) is not None}
        domains: dict[str, list[_Entry]] = defaultdict(list)
        for entry in _best_of_problems([entry for entry in entries if entry.id not in refused]):
            domains[entry.domain].append(entry)
        chosen = _draw(domains, options, random.Random(content_id("small_set", seed)))
        why = Reason("not_drawn", f"{len(chosen)} drawn from {len(domains)} domains")
        return refused | {e.id: why for e in entries if e.id not in chosen and e.id not in refused}

    return two_passes(candidates, describe, refuse, ledger, "small_set", again)


def _out_of_bounds(entry: _Entry, options: SmallSetOptions) -> Reason | None:
    if entry.characters < options.shortest:
        return Reason("too_short", f"{entry.characters} of {options.shortest} characters")
    if entry.characters > options.longest:
        return Reason("too_long", f"{entry.characters} of {options.longest} characters")
    return None


def _best_of_problems(entries: Sequence[_Entry]) -> list[_Entry]:
    """Return the longest rollout of each problem, the longest first."""
    best: dict[str, _Entry] = {}
    for entry in sorted(entries, key=lambda entry: (-entry.tokens, entry.id)):
        best.setdefault(entry.problem_id, entry)
    return list(best.values())


def _draw(domains: Mapping[str, Sequence[_Entry]], options: SmallSetOptions, draw: random.Random) -> set[str]:
    """Draw domains one after another, without those that are used up, and take the best that is left of each."""
    left = {name: iter(group) for name, group in sorted(domains.items())}
    weights = {name: len(domains[name]) ** (1 / options.temperature) for name in left}
    chosen: set[str] = set()
    while left and len(chosen) < (options.count or 0):
        [name] = draw.choices(list(left), [weights[name] for name in left])
        entry = next(left[name], None)
        if entry is None:
            del left[name]
        else:
            chosen.add(entry.id)
    return chosen
