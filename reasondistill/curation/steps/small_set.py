"""Choose a small set with care, after LIMA's rules for Stack Exchange (Zhou et al. 2023, section 2).

LIMA samples domains with a temperature of 3, so that small ones are heard, takes the best-scored questions of a domain
with one answer each, and leaves out answers under 1,200 or over 4,096 characters. Here a rollout's score is its length
within these bounds, as s1K weighs traces.
"""

import random
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar, Self

from annotated_types import Ge, Gt

from ...records import content_id
from ..candidate_source import Candidate, full_text
from ..curation_step import Context
from ..two_pass import Reason, two_passes
from .choosing import SizedKey, domain_of, longest_first, tokens_of

if TYPE_CHECKING:
    from ..options import CurateOptions


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
class SmallSet:
    """Keep at most `count` rollouts, each of another problem. The ids and the seed decide, not the order."""

    options: SmallSetOptions
    domain: str = "subject"
    """Key of a problem's metadata that names its domain."""
    name: ClassVar[str] = "small_set"
    Options: ClassVar[type[SmallSetOptions]] = SmallSetOptions

    @classmethod
    def of(cls, curate: "CurateOptions") -> Self | None:
        """Return the step where a number is set."""
        return None if curate.small_set.count is None else cls(curate.small_set, curate.domain)

    def __call__(self, candidates: Iterable[Candidate], context: Context) -> Iterator[Candidate]:
        """Run the step."""
        options = self.options

        def describe(candidate: Candidate) -> SizedKey:
            return SizedKey(
                rollout_id=candidate.rollout.id,
                problem_id=candidate.problem.id,
                tokens=tokens_of(candidate),
                characters=sum(len(full_text(message)) for message in candidate.rollout.completion),
                domain=domain_of(candidate.problem, self.domain),
            )

        def refuse(keys: Sequence[SizedKey]) -> dict[str, Reason]:
            refused = {key.rollout_id: why for key in keys if (why := _out_of_bounds(key, options)) is not None}
            domains: dict[str, list[SizedKey]] = defaultdict(list)
            for key in _best_of_problems([key for key in keys if key.rollout_id not in refused]):
                domains[key.domain].append(key)
            chosen = _draw(domains, options, random.Random(content_id("small_set", context.seed)))
            why = Reason("not_drawn", f"{len(chosen)} drawn from {len(domains)} domains")
            others = (k.rollout_id for k in keys if k.rollout_id not in chosen and k.rollout_id not in refused)
            return refused | dict.fromkeys(others, why)

        return two_passes(candidates, describe, refuse, context, self.name)


def _out_of_bounds(key: SizedKey, options: SmallSetOptions) -> Reason | None:
    if key.characters < options.shortest:
        return Reason("too_short", f"{key.characters} of {options.shortest} characters")
    if key.characters > options.longest:
        return Reason("too_long", f"{key.characters} of {options.longest} characters")
    return None


def _best_of_problems(keys: Sequence[SizedKey]) -> list[SizedKey]:
    """Return the longest rollout of each problem, the longest first."""
    best: dict[str, SizedKey] = {}
    for key in longest_first(keys):
        best.setdefault(key.problem_id, key)
    return list(best.values())


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
