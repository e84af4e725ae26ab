"""Draw rollouts as s1K was drawn (Muennighoff et al. 2025, section 2.2)."""

import math
import random
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar, Self

from annotated_types import Ge

from ...records import content_id
from ..candidate_source import Candidate
from ..curation_step import Context
from .choosing import SizedKey, choose, domain_of, longest_first, tokens_of

if TYPE_CHECKING:
    from ..options import CurateOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class S1kOptions:
    """Options of the step."""

    count: Annotated[int, Ge(1)] = 1000
    """Rollouts to draw, one per problem; the recipe's `curate.s1k`."""
    domain: str = "subject"
    """Key of a problem's metadata that names its domain."""


@dataclass(frozen=True, slots=True)
class S1k:
    """Draw `count` rollouts of as many problems.

    Until there are enough: draw a domain uniformly, and in it a rollout with probability 2^-rank, rank 0 being the
    longest trace. At most one rollout of a problem is chosen.
    """

    options: S1kOptions
    name: ClassVar[str] = "selection"
    Options: ClassVar[type[S1kOptions]] = S1kOptions

    @classmethod
    def of(cls, curate: "CurateOptions") -> Self | None:
        """Return the step where a number is set."""
        return None if curate.s1k is None else cls(S1kOptions(count=curate.s1k, domain=curate.domain))

    def __call__(self, candidates: Iterable[Candidate], context: Context) -> Iterator[Candidate]:
        """Run the step."""

        def describe(candidate: Candidate) -> SizedKey:
            return SizedKey(
                rollout_id=candidate.rollout.id,
                problem_id=candidate.problem.id,
                tokens=tokens_of(candidate),
                domain=sys.intern(domain_of(candidate.problem, self.options.domain)),
            )

        def choice(keys: Sequence[SizedKey]) -> tuple[set[str], str]:
            chosen = _draw(keys, self.options.count, random.Random(content_id("s1k", context.seed)))
            return chosen, f"{len(chosen)} drawn"

        return choose(candidates, describe, choice, context, step=self.name, reason="not_drawn")


def _draw(keys: Sequence[SizedKey], count: int, draw: random.Random) -> set[str]:
    domains: dict[str, list[SizedKey]] = defaultdict(list)
    for key in longest_first(keys):
        domains[key.domain].append(key)
    ranked = {name: _Ranked(group) for name, group in domains.items()}
    chosen: set[str] = set()
    while ranked and len(chosen) < count:
        name = draw.choice(sorted(ranked))
        chosen.add(ranked[name].take(_rank(draw)).rollout_id)
        if not ranked[name].left:
            del ranked[name]
    return chosen


class _Ranked:
    """The rollouts of a domain by rank. Taking one removes the others of its problem."""

    def __init__(self, keys: Sequence[SizedKey]) -> None:
        self._keys = keys
        self._gone: set[str] = set()
        self.left = len({key.problem_id for key in keys})
        """Problems without a taken rollout."""
        self._start = 0

    def take(self, rank: int) -> SizedKey:
        """Take the rollout of this rank among those left; beyond the end, the last."""
        found = None
        while self._keys[self._start].problem_id in self._gone:
            self._start += 1
        for place in range(self._start, len(self._keys)):
            if self._keys[place].problem_id not in self._gone:
                found = self._keys[place]
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
