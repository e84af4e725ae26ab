"""Draw rollouts as s1K was drawn (Muennighoff et al. 2025, section 2.2)."""

import math
import random
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated

from annotated_types import Ge

from ...records import content_id
from ..candidate_source import Candidate
from ..curation_step import Context, Reason
from .choosing import ChoosingStep, SizedKey, all_but, by_domain, domain_of, longest_first, tokens_of


@dataclass(frozen=True, slots=True, kw_only=True)
class S1kOptions:
    """Options of the step."""

    count: Annotated[int, Ge(1)] = 1000
    """Rollouts to draw, one per problem; the recipe's `curate.s1k`."""
    domain: str = "subject"
    """Key of a problem's metadata that names its domain."""


class S1k(ChoosingStep):
    """Draw `count` rollouts of as many problems.

    Until there are enough: draw a domain uniformly, and in it a rollout with probability 2^-rank, rank 0 being the
    longest trace. At most one rollout of a problem is chosen.
    """

    name = "selection"
    Options = S1kOptions
    options: S1kOptions

    def describe(self, candidate: Candidate) -> SizedKey:
        """Count the tokens and name the domain."""
        domain = sys.intern(domain_of(candidate, self.options.domain))
        return replace(super().describe(candidate), tokens=tokens_of(candidate), domain=domain)

    def refuse(self, keys: Sequence[SizedKey], context: Context) -> Mapping[str, Reason]:
        """Leave out the rollouts that are not drawn."""
        draw = random.Random(content_id("s1k", context.seed))
        ranked = {name: _Ranked(group) for name, group in by_domain(longest_first(keys)).items()}
        chosen: set[str] = set()
        while ranked and len(chosen) < self.options.count:
            name = draw.choice(sorted(ranked))
            rank = int(-math.log2(1 - draw.random()))  # with probability 2^-(rank + 1)
            chosen.add(ranked[name].take(rank).rollout_id)
            if not ranked[name].left:
                del ranked[name]
        return all_but(chosen, keys, "not_drawn", f"{len(chosen)} drawn")


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
