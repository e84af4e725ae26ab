"""How often and how long a request to a server is tried again. The waiting itself is an argument, for tests."""

import email.utils
import random
import time
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """Bounds of trying again: exponential waits with jitter, or what the server asks for."""

    tries: int = 8
    tries_before_first_answer: int = 4
    """Tries while nothing ever listened at the address: a mistyped one is told within seconds."""
    first_wait: float = 0.5
    """Seconds before the second try; doubled with each further one, then drawn from 50-100 % of it."""
    longest_wait: float = 30.0
    total_seconds: float = 1800.0
    """No further try starts after this long."""

    def wait(self, failures: int, asked: float | None, rng: random.Random) -> float:
        """Return the seconds to wait after so many failures; `asked` is the server's own Retry-After."""
        if asked is not None:
            return min(asked, self.total_seconds)
        return float(min(self.first_wait * 2 ** (failures - 1), self.longest_wait) * rng.uniform(0.5, 1.0))


def retry_after(headers: Mapping[str, str], now: float | None = None) -> float | None:
    """Return the seconds that a Retry-After header asks for, given as seconds or as a date.

    >>> retry_after({"retry-after": "3"}), retry_after({}), retry_after({"retry-after": "soon"})
    (3.0, None, None)
    """
    value = headers.get("retry-after")
    if value is None:
        return None
    try:
        return max(0.0, float(value))
    except ValueError:
        date = email.utils.parsedate_tz(value)
    return None if date is None else max(0.0, email.utils.mktime_tz(date) - (time.time() if now is None else now))
