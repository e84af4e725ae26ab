"""Limits on requests and tokens per minute, spread evenly. Other clients of the same server are not counted."""

from collections.abc import Callable
from dataclasses import dataclass, field

from ...records import Usage

CHARACTERS_PER_TOKEN = 3.5
"""Estimate for prompts, whose tokenizer only the server has. The reported usage corrects it afterwards."""
_BURST_SECONDS = 1.0
"""Idle time whose allowance may be spent at once."""


@dataclass(slots=True)
class Bucket:
    """An amount that fills at a rate. It may go below zero; later requests wait until it is refilled.

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
        self._level, self._at = self._max, self.clock()

    @property
    def _max(self) -> float:
        return max(1.0, self.per_minute / 60 * _BURST_SECONDS)

    def take(self, amount: float) -> float:
        """Take the amount; return the seconds to wait before it is used."""
        now = self.clock()
        self._level = min(self._max, self._level + (now - self._at) * self.per_minute / 60) - amount
        self._at = now
        return max(0.0, -self._level * 60 / self.per_minute)

    def give(self, amount: float) -> None:
        """Return an amount that was taken and not used; a negative amount was used and not taken."""
        self._level += amount


class RateLimits:
    """Limits on requests per minute, tokens per minute, both or none."""

    def __init__(self, *, requests: float | None, tokens: float | None, clock: Callable[[], float]) -> None:
        self._requests = None if requests is None else Bucket(requests, clock)
        self._tokens = None if tokens is None else Bucket(tokens, clock)
        self._mean, self._answers = 0.0, 0

    def take(self, characters: int, cap: int) -> tuple[float, float]:
        """Book a request with a prompt of so many characters; return (seconds to wait, tokens booked)."""
        wait = self._requests.take(1) if self._requests else 0.0
        if self._tokens is None:
            return wait, 0.0
        guess = characters / CHARACTERS_PER_TOKEN + (min(self._mean, cap) if self._answers else cap)
        return max(wait, self._tokens.take(guess)), guess

    def settle(self, booked: float, usage: Usage | None) -> None:
        """Correct a booking by the reported usage, which is None for a failed request."""
        if self._tokens is None:
            return
        used = usage.prompt_tokens + usage.completion_tokens if usage else 0
        self._tokens.give(booked - used)
        if usage:
            self._answers += 1
            self._mean += (usage.completion_tokens - self._mean) / min(self._answers, 100)
