"""Request and token rates that a server's owner sets: requests are sent evenly, none above the rate.

The clock is an argument, so that tests need not wait. Nothing is known here of other clients of the same server.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from ...records import Usage

CHARACTERS_PER_TOKEN = 3.5
"""A guess for prompts, whose tokenizer the server keeps; what was really used corrects it afterwards."""
_BURST_SECONDS = 1.0
"""What an idle second leaves may be spent at once, not more."""


@dataclass(slots=True)
class Bucket:
    """An amount that fills at a rate; taking more than is there is a debt that later takers wait for.

    >>> now = [0.0]
    >>> bucket = Bucket(per_minute=60, clock=lambda: now[0])
    >>> bucket.take(1), bucket.take(1), bucket.take(1)
    (0.0, 1.0, 2.0)
    """

    per_minute: float
    clock: Callable[[], float]
    _level: float = field(init=False)
    _at: float = field(init=False)

    def __post_init__(self) -> None:
        self._level, self._at = self._most, self.clock()

    @property
    def _most(self) -> float:
        return max(1.0, self.per_minute / 60 * _BURST_SECONDS)

    def take(self, amount: float) -> float:
        """Take the amount; return the seconds to wait before it is used."""
        now = self.clock()
        self._level = min(self._most, self._level + (now - self._at) * self.per_minute / 60) - amount
        self._at = now
        return max(0.0, -self._level * 60 / self.per_minute)

    def give(self, amount: float) -> None:
        """Give back what was taken too much; a negative amount was taken too little."""
        self._level += amount


class RateLimits:
    """Requests and tokens a minute, either of them or none."""

    def __init__(self, *, requests: float | None, tokens: float | None, clock: Callable[[], float]) -> None:
        self._requests = None if requests is None else Bucket(requests, clock)
        self._tokens = None if tokens is None else Bucket(tokens, clock)
        self._mean = 0.0
        self._answers = 0

    def take(self, characters: int, cap: int) -> tuple[float, float]:
        """Book a request with a prompt of so many characters; return (seconds to wait, tokens booked)."""
        wait = self._requests.take(1) if self._requests else 0.0
        if self._tokens is None:
            return wait, 0.0
        guess = characters / CHARACTERS_PER_TOKEN + (min(self._mean, cap) if self._answers else cap)
        return max(wait, self._tokens.take(guess)), guess

    def settle(self, booked: float, usage: Usage | None) -> None:
        """Correct a booking by what was used; None: the request failed."""
        if self._tokens is None:
            return
        used = usage.prompt_tokens + usage.completion_tokens if usage else 0
        self._tokens.give(booked - used)
        if usage:
            self._answers += 1
            self._mean += (usage.completion_tokens - self._mean) / min(self._answers, 100)
