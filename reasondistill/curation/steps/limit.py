"""Keep a number of rollouts per problem."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, Self

from annotated_types import Ge

from ...records import content_id
from ..candidate_source import Candidate
from ..curation_step import Context
from .choosing import SizedKey, choose, longest_first, tokens_of

if TYPE_CHECKING:
    from ..lookup.shingles import Shingles
    from ..options import CurateOptions

PerProblem = Literal["first", "shortest", "longest", "random", "diverse"]
"""Rules that choose among the rollouts of one problem."""
Order = Callable[[Sequence[SizedKey]], list[SizedKey]]


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitOptions:
    """Options of the step."""

    count: Annotated[int, Ge(1)] = 1
    """Rollouts kept per problem; the recipe's `curate.max_per_problem`."""
    choose: PerProblem = "first"
    """Rule that chooses them."""


@dataclass(frozen=True, slots=True)
class Limit:
    """Keep `count` rollouts of each problem: the first, shortest or longest, random ones, or those least alike."""

    options: LimitOptions
    name: ClassVar[str] = "limit"
    Options: ClassVar[type[LimitOptions]] = LimitOptions

    @classmethod
    def of(cls, curate: "CurateOptions") -> Self | None:
        """Return the step where a number is set."""
        if curate.max_per_problem is None:
            return None
        return cls(LimitOptions(count=curate.max_per_problem, choose=curate.choose))

    def __call__(self, candidates: Iterable[Candidate], context: Context) -> Iterator[Candidate]:
        """Run the step."""
        from ..lookup.shingles import Shingles

        count, rule = self.options.count, self.options.choose
        with Shingles() if rule == "diverse" else nullcontext() as shingles:
            order = _order(rule, context.seed, shingles)

            def describe(candidate: Candidate) -> SizedKey:
                return SizedKey(
                    rollout_id=candidate.rollout.id,
                    problem_id=candidate.problem.id,
                    tokens=tokens_of(candidate) if rule in ("shortest", "longest") else 0,
                    shingles=shingles.add(candidate) if shingles else 0,
                )

            def choice(keys: Sequence[SizedKey]) -> tuple[set[str], str]:
                groups: dict[str, list[SizedKey]] = defaultdict(list)
                for key in keys:
                    groups[key.problem_id].append(key)
                kept = {key.rollout_id for group in groups.values() for key in order(group)[:count]}
                return kept, f"{count} kept, {rule}"

            reason = "enough_of_this_problem"
            yield from choose(candidates, describe, choice, context, step=self.name, reason=reason)


def _order(rule: PerProblem, seed: int, shingles: "Shingles | None") -> Order:
    """Return the function that orders a problem's rollouts, the ones to keep first."""

    def by_chance(group: Sequence[SizedKey]) -> list[SizedKey]:
        return sorted(group, key=lambda key: content_id(seed, key.rollout_id))

    if shingles is not None:
        return lambda group: _farthest_first(by_chance(group), shingles)
    orders: dict[str, Order] = {
        "first": list,
        "shortest": lambda group: sorted(group, key=lambda key: (key.tokens, key.rollout_id)),
        "longest": longest_first,
        "random": by_chance,
    }
    return orders[rule]


def _farthest_first(group: list[SizedKey], shingles: "Shingles") -> list[SizedKey]:
    """Order a group so that each next rollout is the one least like those before it."""
    from ..lookup.shingles import alike

    left = list(group)
    grams = {key.rollout_id: shingles[key.shingles] for key in left}
    ordered = [left.pop(0)]
    nearest = {key.rollout_id: 0.0 for key in left}
    while left:
        last = grams[ordered[-1].rollout_id]
        for key in left:
            nearest[key.rollout_id] = max(nearest[key.rollout_id], alike(last, grams[key.rollout_id]))
        ordered.append(min(left, key=lambda key: nearest[key.rollout_id]))
        left.remove(ordered[-1])
    return ordered
