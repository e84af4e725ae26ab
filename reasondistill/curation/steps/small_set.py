"""Choose a small set with care, after LIMA's rules for Stack Exchange (Zhou et al. 2023, section 2).

LIMA samples domains with a temperature of 3, so that small ones are heard, takes the best-scored questions of a domain
with one answer each, and leaves out answers under 1,200 or over 4,096 characters. Here a rollout's score is its length
within these bounds, as s1K weighs traces.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated

from annotated_types import Ge, Gt

from ...records import content_id
from ..candidate_source import Candidate, full_text
from ..curation_step import Context, Reason
from .choosing import ChoosingStep, SizedKey, all_but, by_domain, domain_of, longest_first, tokens_of


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


class SmallSet(ChoosingStep):
    """Keep at most `count` rollouts, each of another problem. The ids and the seed decide, not the order."""

    name = "small_set"
    Options = SmallSetOptions
    options: SmallSetOptions

    def __init__(self, options: SmallSetOptions | None = None, domain: str = "subject") -> None:
        """`domain` is the key of a problem's metadata that names its domain."""
        super().__init__(options)
        self._domain = domain

    def describe(self, candidate: Candidate) -> SizedKey:
        """Count tokens and characters, and name the domain."""
        characters = sum(len(full_text(message)) for message in candidate.rollout.completion)
        key, domain = super().describe(candidate), domain_of(candidate, self._domain)
        return replace(key, tokens=tokens_of(candidate), characters=characters, domain=domain)

    def refuse(self, keys: Sequence[SizedKey], context: Context) -> Mapping[str, Reason]:
        """Leave out the rollouts that are too short, too long, or not drawn."""
        options = self.options
        refused: dict[str, Reason] = {}
        best: dict[str, SizedKey] = {}
        for key in longest_first(keys):
            if key.characters < options.shortest:
                refused[key.rollout_id] = "too_short", f"{key.characters} of {options.shortest} characters"
            elif key.characters > options.longest:
                refused[key.rollout_id] = "too_long", f"{key.characters} of {options.longest} characters"
            else:
                best.setdefault(key.problem_id, key)
        domains = by_domain(best.values())
        chosen = _draw(domains, options, random.Random(content_id("small_set", context.seed)))
        why = f"{len(chosen)} drawn from {len(domains)} domains"
        return all_but(chosen, keys, "not_drawn", why) | refused


def _draw(domains: Mapping[str, Sequence[SizedKey]], options: SmallSetOptions, draw: random.Random) -> set[str]:
    """Draw domains that are not used up one after another, and take the best rollout left in each."""
    left = {name: iter(group) for name, group in sorted(domains.items())}
    weights = {name: len(domains[name]) ** (1 / options.temperature) for name in left}
    chosen: set[str] = set()
    while left and len(chosen) < (options.count or 0):
        [name] = draw.choices(list(left), [weights[name] for name in left])
        key = next(left[name], None)
        if key is None:
            del left[name]
        else:
            chosen.add(key.rollout_id)
    return chosen
