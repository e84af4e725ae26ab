"""Keep a number of rollouts per problem."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Literal

from annotated_types import Ge

from ...records import content_id
from ..candidate_source import Candidate
from ..curation_step import Context, Reason
from ..lookup.normalise import normalise, words
from .choosing import ChoosingStep, SizedKey, all_but, longest_first, tokens_of

if TYPE_CHECKING:
    from ..lookup.ngrams import Hashes

PerProblem = Literal["first", "shortest", "longest", "random", "diverse"]
"""Rules that choose among the rollouts of one problem."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitOptions:
    """Options of the step."""

    count: Annotated[int, Ge(1)] = 1
    """Rollouts kept per problem; the recipe's `curate.max_per_problem`."""
    choose: PerProblem = "first"
    """Rule that chooses them."""


class Limit(ChoosingStep):
    """Keep `count` rollouts of each problem: the first, shortest or longest, random ones, or those least alike."""

    name = "limit"
    Options = LimitOptions
    options: LimitOptions

    def describe(self, candidate: Candidate) -> SizedKey:
        """Count the tokens where they decide."""
        counted = self.options.choose in ("shortest", "longest")
        return replace(super().describe(candidate), tokens=tokens_of(candidate) if counted else 0)

    def refuse(self, keys: Sequence[SizedKey], context: Context) -> Mapping[str, Reason]:
        """Leave out all but the first `count` of each problem in the rule's order."""
        count, rule = self.options.count, self.options.choose
        groups: dict[str, list[SizedKey]] = defaultdict(list)
        for key in keys:
            groups[key.problem_id].append(key)

        def by_chance(group: list[SizedKey]) -> list[SizedKey]:
            return sorted(group, key=lambda key: content_id(context.seed, key.rollout_id))

        if rule == "diverse":
            kept = set(_least_alike({name: by_chance(group) for name, group in groups.items()}, count, context))
        else:
            orders: dict[str, Callable[[list[SizedKey]], list[SizedKey]]] = {
                "first": list,
                "shortest": lambda group: sorted(group, key=lambda key: (key.tokens, key.rollout_id)),
                "longest": longest_first,
                "random": by_chance,
            }
            kept = {key.rollout_id for group in groups.values() for key in orders[rule](group)[:count]}
        return all_but(kept, keys, "enough_of_this_problem", f"{count} kept, {rule}")


def _least_alike(groups: Mapping[str, list[SizedKey]], count: int, context: Context) -> Iterator[str]:
    """Yield the ids of `count` rollouts of each group: its first, then always the one least like those before it.

    Likeness is the Jaccard index of word 3-grams. Memory holds the grams of the groups that are not read whole yet.
    """
    import numpy as np

    from ..lookup.ngrams import gram_hashes

    waiting: dict[str, dict[str, Hashes]] = defaultdict(dict)
    for one in context.source.only({key.rollout_id for group in groups.values() for key in group}):
        group, grams = groups[one.problem.id], waiting[one.problem.id]
        tokens = words(normalise(one.completion_text)) if len(group) > count else []
        # A shorter text is one gram.
        grams[one.rollout.id] = gram_hashes(tokens, min(3, len(tokens))) if tokens else np.zeros(1, np.uint64)
        if len(grams) < len(group):
            continue
        nearest = {key.rollout_id: 0.0 for key in group}
        for _ in range(min(count, len(group))):
            yield (last := min(nearest, key=nearest.__getitem__))
            del nearest[last]
            for name in nearest:
                common = len(np.intersect1d(grams[last], grams[name], assume_unique=True))
                alike = common / (len(grams[last]) + len(grams[name]) - common)
                nearest[name] = max(nearest[name], alike)
        del waiting[one.problem.id]
