"""How many samples a problem gets, and how much a run may spend: the rules, as pure functions and a counter.

Adaptive sampling ends a problem when further samples would teach little. With c correct of n judged samples and a
uniform prior on its pass rate p, the posterior is Beta(1 + c, 1 + n - c), and a problem is

- enough when c >= until_correct,
- hopeless when P(p >= hopeless_below) < 1 - confidence: more samples would rarely be correct,
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
    """How much sampling may spend, and when a problem has had enough."""

    until_correct: Annotated[int, Ge(1)] | None = None
    """Number of correct samples of a problem that is enough. None samples every problem equally often."""
    hopeless_below: Annotated[float, Ge(0), Le(1)] = 0.25
    """Pass rate below which a problem is given up."""
    settled_above: Annotated[float, Ge(0), Le(1)] = 0.75
    """Pass rate above which a problem is known to be easy."""
    confidence: Annotated[float, Ge(0), Le(1)] = 0.95
    """Probability with which the two decisions are made."""
    max_tokens_total: Annotated[int, Ge(1)] | None = None
    """Prompt and completion tokens of all rollouts together, those of earlier runs in the folder included."""
    max_cost: Annotated[float, Gt(0)] | None = None
    """Price of those tokens."""
    prompt_price: Annotated[float, Ge(0)] = 0.0
    """Price of a million prompt tokens."""
    completion_price: Annotated[float, Ge(0)] = 0.0
    """Price of a million completion tokens."""

    def cost(self, usage: Usage) -> float:
        """Return the price of some tokens."""
        prices = self.prompt_price * usage.prompt_tokens + self.completion_price * usage.completion_tokens
        return prices / 1_000_000


class Decision(StrEnum):
    """State of a problem in adaptive sampling."""

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


def at_least(share: float, correct: int, judged: int) -> float:
    """Return the posterior probability that the pass rate is `share` or more.

    A Beta distribution with whole parameters is a binomial tail: P(Beta(a, b) >= x) = P(Bin(a + b - 1, x) <= a - 1).

    >>> round(at_least(0.25, 0, 10), 4)
    0.0422
    """
    n = judged + 1
    return math.fsum(math.comb(n, i) * share**i * (1 - share) ** (n - i) for i in range(correct + 1))


@dataclass(slots=True)
class Spending:
    """Tokens spent and requests in flight. A request counts as the mean of those before it until it returns."""

    options: SpendingOptions
    spent: Usage = field(default_factory=Usage)
    rollouts: int = 0
    in_flight: int = 0

    def add(self, usage: Usage) -> None:
        """Count the tokens of one rollout."""
        self.spent += usage
        self.rollouts += 1

    def used_up(self) -> str | None:
        """Return the name of a bound that leaves no room for another rollout, or None."""
        share = 1 + (self.in_flight + 1) / self.rollouts if self.rollouts else 1.0
        tokens = self.spent.prompt_tokens + self.spent.completion_tokens
        for name, limit, used in (
            ("max_tokens_total", self.options.max_tokens_total, tokens),
            ("max_cost", self.options.max_cost, self.options.cost(self.spent)),
        ):
            if limit is not None and used * share > limit:
                return name
        return None
