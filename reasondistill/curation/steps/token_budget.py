"""Keep rollouts that fit a budget of completion tokens together."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated

from annotated_types import Ge

from ...records import content_id
from ..candidate_source import Candidate
from ..curation_step import Context, Reason
from .choosing import ChoosingStep, SizedKey, all_but, tokens_of


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenBudgetOptions:
    """Options of the step."""

    tokens: Annotated[int, Ge(1)] = 1_000_000
    """Completion tokens kept in total at most; the recipe's `curate.max_tokens`."""


class TokenBudget(ChoosingStep):
    """Keep rollouts of at most `tokens` completion tokens together.

    A first rollout of every problem comes before a second one of any; among equals the seed decides. A rollout that
    does not fit is passed over, and a smaller one after it may fit.
    """

    name = "token_budget"
    Options = TokenBudgetOptions
    options: TokenBudgetOptions

    def describe(self, candidate: Candidate) -> SizedKey:
        """Count the tokens."""
        return replace(super().describe(candidate), tokens=tokens_of(candidate))

    def refuse(self, keys: Sequence[SizedKey], context: Context) -> Mapping[str, Reason]:
        """Leave out the rollouts without room."""
        turns: dict[str, int] = defaultdict(int)
        queue = []
        for key in keys:
            queue.append((turns[key.problem_id], content_id(context.seed, key.rollout_id), key))
            turns[key.problem_id] += 1
        queue.sort(key=lambda turn: turn[:2])
        left, chosen = self.options.tokens, set()
        for _, _, key in queue:
            if key.tokens <= left:
                left -= key.tokens
                chosen.add(key.rollout_id)
        return all_but(chosen, keys, "no_room", f"{self.options.tokens - left} of {self.options.tokens} tokens")
