"""Several addresses of one model: the least loaded is asked, one that takes no connection is left alone for a while.

A server that is down is asked by one request at a time until it answers; the others wait for what comes of it. The
clock and the sleeping are arguments, for tests.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ...errors import EngineError
from .retry import Retry

Sleep = Callable[[float], Awaitable[None]]
Clock = Callable[[], float]

_SUSPECT = 3
"""Faults in a row, of any kind, after which another address is preferred."""
_LONG_ROW = 20
"""Faults in a row that are worth a word to whoever waits."""


@dataclass(slots=True, eq=False)
class Endpoint:
    """One address and how it fares."""

    client: Any
    address: str
    """Masked, for messages."""
    in_flight: int = 0
    answered: bool = False
    """Something listened there once: it was no mistyped address."""
    served: bool = False
    """A good answer came from there once."""
    faults: int = 0
    """Faults since the last good answer."""
    told: bool = False
    """Whether that was said."""
    down_since: float | None = None
    """Since when it takes no connection."""
    refusals: int = 0
    limited: int = 0
    """Rate limits since the last good answer."""
    free_at: float = 0.0
    """Until then nothing is sent: it is down, or has asked to be left alone."""


class Endpoints:
    """The addresses of one engine."""

    def __init__(
        self,
        endpoints: Sequence[Endpoint],
        *,
        retry: Retry,
        sleep: Sleep,
        clock: Clock,
        say: Callable[[str], None] | None = None,
    ) -> None:
        self.all = tuple(endpoints)
        self._retry, self._sleep, self._clock = retry, sleep, clock
        self._say = say or (lambda _: None)
        self._changed = asyncio.Event()
        self._rng = random.Random(0)

    async def pick(self) -> Endpoint:
        """Return the address to ask next, counted as in flight; wait while there is none. Pair with `done`."""
        while True:
            now = self._clock()
            free = [e for e in self.all if e.free_at <= now and not (e.down_since is not None and e.in_flight)]
            if free:
                chosen = min(free, key=lambda e: (e.down_since is not None, e.faults >= _SUSPECT, e.in_flight))
                chosen.in_flight += 1
                return chosen
            await self._wait(now)

    async def _wait(self, now: float) -> None:
        """Wait until an address may be free: its time has come, or the one request that tries it is answered."""
        times = [e.free_at for e in self.all if e.free_at > now]
        if times:
            await self._sleep(min(times) - now)
        else:
            self._changed.clear()
            await self._changed.wait()

    def done(self, endpoint: Endpoint) -> None:
        """End what `pick` began, whatever came of it."""
        endpoint.in_flight -= 1
        self._changed.set()

    def well(self, endpoint: Endpoint) -> None:
        """Note a good answer."""
        if endpoint.down_since is not None:
            self._say(f"{endpoint.address} answers again")
        endpoint.answered = endpoint.served = True
        endpoint.faults = endpoint.refusals = endpoint.limited = 0
        endpoint.told = False
        endpoint.down_since = None

    def heard(self, endpoint: Endpoint, what: str) -> None:
        """Note a bad answer: somebody is there. A long row of them is told, once."""
        endpoint.answered = True
        endpoint.faults += 1
        # Of those in flight when it dies each is a fault, and no news.
        if not endpoint.told and endpoint.faults > _LONG_ROW + 2 * endpoint.in_flight:
            endpoint.told = True
            times = endpoint.faults
            self._say(f"{endpoint.address} has failed {times} times in a row ({what}); it is asked again and again")
        endpoint.refusals = 0
        endpoint.down_since = None

    def limit(self, endpoint: Endpoint, seconds: float) -> None:
        """Note a rate limit with a wait: one may be an accident, the second in a row holds for every request."""
        endpoint.limited += 1
        if endpoint.limited < 2:
            return
        endpoint.free_at = max(endpoint.free_at, self._clock() + seconds)

    def refused(self, endpoint: Endpoint, why: str) -> None:
        """Note that it took no connection. Raises EngineError when all have been down for longer than is allowed."""
        now = self._clock()
        if endpoint.down_since is None:
            endpoint.down_since = now
            if endpoint.answered:
                self._say(f"{endpoint.address} takes no connection ({why}); it is asked again and again")
        endpoint.faults += 1
        endpoint.refusals += 1
        endpoint.free_at = now + self._retry.wait(endpoint.refusals, self._rng)
        if all(e.down_since is not None and now - e.down_since >= self._patience(e) for e in self.all):
            word = "stopped answering" if any(e.answered for e in self.all) else "no server answers"
            places = ", ".join(e.address for e in self.all)
            raise EngineError(f"{word} at {places} ({why}): start the server there or mend --base-url")

    def another(self, endpoint: Endpoint) -> bool:
        """Return whether there is another address to ask at once."""
        now = self._clock()
        return any(
            e is not endpoint and e.free_at <= now and e.down_since is None and e.faults < _SUSPECT for e in self.all
        )

    def _patience(self, endpoint: Endpoint) -> float:
        return self._retry.down_seconds if endpoint.answered else self._retry.unknown_seconds
