"""How many samples a problem gets, and what a run may spend: the rules, as pure functions and small counters.

Adaptive sampling stops a problem when it has given what it can teach. With c right ones of n judged samples and a
Beta(a, b) prior on its pass rate p, the posterior is Beta(a + c, b + n - c), and a problem is

- enough when c >= until_correct,
- hopeless when P(p >= hopeless_below) < 1 - confidence: more samples would rarely bring a right one,
- settled when P(p >= settled_above) >= confidence: it is known to be easy,

and gets `samples` at most. With the defaults ten wrong samples in a row make a problem hopeless.
"""

import math
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated

from annotated_types import Ge, Gt, Le

from ..records import Usage

MAX_FAILED_SHARE = 0.02
"""Default share of permanently failed requests above which sampling fails; finished rollouts are kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpendingOptions:
    """What sampling may spend, and when a problem has had enough."""

    until_correct: Annotated[int, Ge(1)] | None = None
    """Right samples of a problem that are enough. None gives every problem the same number of samples."""
    hopeless_below: Annotated[float, Ge(0), Le(1)] = 0.25
    """Pass rate below which a problem is given up."""
    settled_above: Annotated[float, Ge(0), Le(1)] = 0.75
    """Pass rate above which a problem is known to be easy."""
    confidence: Annotated[float, Ge(0), Le(1)] = 0.95
    """Posterior probability that both decisions need."""
    max_tokens_total: Annotated[int, Ge(1)] | None = None
    """Prompt and completion tokens of all rollouts together, those of earlier runs in the folder included."""
    max_cost: Annotated[float, Gt(0)] | None = None
    """Cost of these tokens by the two prices, in their currency."""
    prompt_price: Annotated[float, Ge(0)] = 0.0
    """Price of a million prompt tokens."""
    completion_price: Annotated[float, Ge(0)] = 0.0
    """Price of a million completion tokens."""

    def cost(self, usage: Usage) -> float:
        """Return what these tokens cost."""
        prices = self.prompt_price * usage.prompt_tokens + self.completion_price * usage.completion_tokens
        return prices / 1_000_000


class Decision(StrEnum):
    """What is known of a problem."""

    OPEN = "open"
    ENOUGH = "enough"
    HOPELESS = "hopeless"
    SETTLED = "settled"


def decide(correct: int, judged: int, options: SpendingOptions) -> Decision:
    """Return whether a problem needs further samples, by the rule above.

    >>> options = SpendingOptions(until_correct=4)
    >>> [str(decide(c, n, options)) for c, n in ((4, 6), (0, 9), (0, 10), (1, 10))]
    ['enough', 'open', 'hopeless', 'open']
    """
    if options.until_correct is None:
        return Decision.OPEN
    if correct >= options.until_correct:
        return Decision.ENOUGH
    if at_least(options.hopeless_below, correct, judged) < 1 - options.confidence:
        return Decision.HOPELESS
    if at_least(options.settled_above, correct, judged) >= options.confidence:
        return Decision.SETTLED
    return Decision.OPEN


def at_least(share: float, correct: int, judged: int, prior: tuple[int, int] = (1, 1)) -> float:
    """Return the posterior probability that the pass rate is `share` or more.

    A Beta distribution with whole parameters is a binomial tail: P(Beta(a, b) >= x) = P(Bin(a + b - 1, x) <= a - 1).

    >>> round(at_least(0.25, 0, 10), 4)
    0.0422
    """
    a, b = prior[0] + correct, prior[1] + judged - correct
    n = a + b - 1
    return math.fsum(math.comb(n, i) * share**i * (1 - share) ** (n - i) for i in range(a))


@dataclass(slots=True)
class Purse:
    """What was spent and what is in flight. A request counts as the mean of those before it until it is back."""

    options: SpendingOptions
    spent: Usage = field(default_factory=Usage)
    rollouts: int = 0
    in_flight: int = 0

    def add(self, usage: Usage) -> None:
        """Count the tokens of one rollout."""
        self.spent += usage
        self.rollouts += 1

    def empty(self) -> str | None:
        """Return which bound leaves no room for a further rollout, if one does."""
        share = 1 + (self.in_flight + 1) / self.rollouts if self.rollouts else 1.0
        tokens = self.spent.prompt_tokens + self.spent.completion_tokens
        for name, limit, used in (
            ("max_tokens_total", self.options.max_tokens_total, tokens),
            ("max_cost", self.options.max_cost, self.options.cost(self.spent)),
        ):
            if limit is not None and used * share > limit:
                return name
        return None
