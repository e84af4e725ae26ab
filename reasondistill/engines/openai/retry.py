"""How often and how long a request to a server is retried. Sleeping is an argument, for tests."""

import email.utils
import random
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Self


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """Bounds of retries with waits that double. Rate limits and a server that is down do not count as tries."""

    tries: int = 12
    first_wait: float = 0.5
    """Seconds before the second try, doubled with each further one; the wait is 50-100 % of it, at random."""
    max_wait: float = 20.0
    total_seconds: float = 1800.0
    """Age of a request in seconds after which no further try starts."""
    down_seconds: float = 300.0
    """Patience in seconds with a server that answered before and now refuses connections."""
    unknown_seconds: float = 12.0
    """Patience in seconds with an address that never answered, which may be mistyped."""
    spare: int = 1000
    """Retry budget of all requests together, to which each good answer adds `per_answer`."""
    per_answer: float = 10.0

    def within(self, seconds: float | None) -> Self:
        """Return the same bounds with all patience replaced by `seconds`, or these where it is None.

        >>> Retry().within(5.0).down_seconds, Retry().within(None).down_seconds
        (5.0, 300.0)
        """
        bounds = dict.fromkeys(("total_seconds", "down_seconds", "unknown_seconds"), seconds)
        return self if seconds is None else replace(self, **bounds)

    def wait(self, failures: int, rng: random.Random) -> float:
        """Return the seconds to wait after so many failures in a row."""
        return float(min(self.first_wait * 2.0 ** (failures - 1), self.max_wait) * rng.uniform(0.5, 1.0))


@dataclass(slots=True)
class RetryBudget:
    """Bounds the retries of all requests together, so that a broken server is not asked, and paid, for ever."""

    retry: Retry
    answers: int = 0
    used: int = 0

    def take(self) -> bool:
        if self.used >= self.retry.spare + self.retry.per_answer * self.answers:
            return False
        self.used += 1
        return True


def retry_after(headers: Mapping[str, str], now: float | None = None) -> float | None:
    """Return the seconds that a Retry-After header asks for, in seconds or as a date.

    >>> retry_after({"retry-after": "3"}), retry_after({}), retry_after({"retry-after": "soon"})
    (3.0, None, None)
    """
    value, milliseconds = headers.get("retry-after"), headers.get("retry-after-ms") or ""
    if milliseconds.isdigit():
        return int(milliseconds) / 1000
    if value is None:
        return None
    try:
        seconds = float(value)
        return seconds if 0 <= seconds < 1e9 else None
    except ValueError:
        date = email.utils.parsedate_tz(value)
    return None if date is None else max(0.0, email.utils.mktime_tz(date) - (time.time() if now is None else now))
