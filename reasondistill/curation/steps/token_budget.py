"""Keep rollouts that fit a budget of completion tokens together."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar, Self

from annotated_types import Ge

from ...records import content_id
from ..candidate_source import Candidate
from ..curation_step import Context
from .choosing import SizedKey, choose, tokens_of

if TYPE_CHECKING:
    from ..options import CurateOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenBudgetOptions:
    """Options of the step."""

    tokens: Annotated[int, Ge(1)] = 1_000_000
    """Completion tokens kept in total at most; the recipe's `curate.max_tokens`."""


@dataclass(frozen=True, slots=True)
class TokenBudget:
    """Keep rollouts of at most `tokens` completion tokens together.

    A first rollout of every problem comes before a second one of any; among equals the seed decides. A rollout that
    does not fit is passed over, and a smaller one after it may fit.
    """

    options: TokenBudgetOptions
    name: ClassVar[str] = "token_budget"
    Options: ClassVar[type[TokenBudgetOptions]] = TokenBudgetOptions

    @classmethod
    def of(cls, curate: "CurateOptions") -> Self | None:
        """Return the step where a budget is set."""
        return None if curate.max_tokens is None else cls(TokenBudgetOptions(tokens=curate.max_tokens))

    def __call__(self, candidates: Iterable[Candidate], context: Context) -> Iterator[Candidate]:
        """Run the step."""
        budget = self.options.tokens

        def choice(keys: Sequence[SizedKey]) -> tuple[set[str], str]:
            turns: dict[str, int] = defaultdict(int)
            queue = []
            for key in keys:
                queue.append((turns[key.problem_id], content_id(context.seed, key.rollout_id), key))
                turns[key.problem_id] += 1
            queue.sort(key=lambda turn: turn[:2])
            left, chosen = budget, set()
            for _, _, key in queue:
                if key.tokens <= left:
                    left -= key.tokens
                    chosen.add(key.rollout_id)
            return chosen, f"{budget - left} of {budget} tokens"

        return choose(candidates, _describe, choice, context, step=self.name, reason="no_room")


def _describe(candidate: Candidate) -> SizedKey:
    return SizedKey(rollout_id=candidate.rollout.id, problem_id=candidate.problem.id, tokens=tokens_of(candidate))
