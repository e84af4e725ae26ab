"""Several addresses of one model: the least loaded gets the next request, one that refuses connections gets a pause.

A server that is down gets one request at a time until it answers; the others wait for the result.
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
"""Consecutive faults of any kind after which another address is preferred."""
_REPORTED = 20
"""Consecutive faults that are reported to the user."""


@dataclass(slots=True, eq=False)
class Endpoint:
    """One address and its state."""

    client: Any
    address: str
    """Address without secrets, for messages."""
    in_flight: int = 0
    answered: bool = False
    """Something has listened at this address, so it is not mistyped."""
    served: bool = False
    faults: int = 0
    """Faults since the last good answer."""
    reported: bool = False
    down_since: float | None = None
    refusals: int = 0
    limited: int = 0
    """Rate limits since the last good answer."""
    free_at: float = 0.0
    """Time until which nothing is sent: it is down, or has asked for a pause."""


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
        self._retry, self._sleep, self._clock, self.say = retry, sleep, clock, say or (lambda _: None)
        self._changed, self._rng = asyncio.Event(), random.Random(0)

    async def pick(self) -> Endpoint:
        """Return the address for the next request, counted as in flight; wait while none is free. Pair with `done`."""
        while True:
            now = self._clock()
            free = [e for e in self.all if e.free_at <= now and not (e.down_since is not None and e.in_flight)]
            if free:
                chosen = min(free, key=lambda e: (e.down_since is not None, e.faults >= _SUSPECT, e.in_flight))
                chosen.in_flight += 1
                return chosen
            # One may be free when its pause is over, or when the request that tests it is answered.
            times = [e.free_at for e in self.all if e.free_at > now]
            if times:
                await self._sleep(min(times) - now)
            else:
                self._changed.clear()
                await self._changed.wait()

    def done(self, endpoint: Endpoint) -> None:
        """End a request that `pick` began, whatever its result."""
        endpoint.in_flight -= 1
        self._changed.set()

    def well(self, endpoint: Endpoint) -> None:
        """Note a good answer."""
        if endpoint.down_since is not None:
            self.say(f"{endpoint.address} answers again")
        endpoint.answered, endpoint.served, endpoint.reported, endpoint.down_since = True, True, False, None
        endpoint.faults = endpoint.refusals = endpoint.limited = 0

    def heard(self, endpoint: Endpoint, what: str) -> None:
        """Note a bad answer: the server is up. Many in a row are reported, once."""
        endpoint.answered = True
        endpoint.faults += 1
        # When a server dies every request in flight fails; that is one event, not a series.
        if not endpoint.reported and endpoint.faults > _REPORTED + 2 * endpoint.in_flight:
            endpoint.reported = True
            self.say(f"{endpoint.address} has failed {endpoint.faults} times in a row ({what}); retrying")
        endpoint.refusals = 0
        endpoint.down_since = None

    def limit(self, endpoint: Endpoint, seconds: float) -> None:
        """Note a rate limit with a wait. A second in a row holds for all requests; a single one may be an accident."""
        endpoint.limited += 1
        if endpoint.limited >= 2:
            endpoint.free_at = max(endpoint.free_at, self._clock() + seconds)

    def refused(self, endpoint: Endpoint, why: str) -> None:
        """Note a refused connection. Raises EngineError when all addresses have been down for too long."""
        now = self._clock()
        if endpoint.down_since is None:
            endpoint.down_since = now
            if endpoint.answered:
                self.say(f"{endpoint.address} refuses connections ({why}); retrying")
        endpoint.faults += 1
        endpoint.refusals += 1
        endpoint.free_at = now + self._retry.wait(endpoint.refusals, self._rng)
        patience = {True: self._retry.down_seconds, False: self._retry.unknown_seconds}
        if all(e.down_since is not None and now - e.down_since >= patience[e.answered] for e in self.all):
            word = "stopped answering" if any(e.answered for e in self.all) else "no server answers"
            places = ", ".join(e.address for e in self.all)
            raise EngineError(f"{word} at {places} ({why}): start the server or correct --base-url")

    def another(self, endpoint: Endpoint) -> bool:
        """Return whether another address can take a request now."""
        well = [e for e in self.all if e.down_since is None and e.faults < _SUSPECT and e is not endpoint]
        return any(e.free_at <= self._clock() for e in well)
