"""Many connections to one server in several small pools, since httpx scans a whole pool at every request.

With a thousand requests in flight, one pool costs more processor time than everything else together.
"""

import itertools
import math
import urllib.request
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

POOL = 32
"""Connections of one pool."""


def pooled_transport(url: str, connections: int, *, local: bool) -> Any:
    """Return a transport for so many connections; None if httpx's default suffices: few connections, or a proxy."""
    import httpx2

    proxied = not local and bool({urlsplit(url).scheme, "all"} & urllib.request.getproxies().keys())
    if proxied or connections <= POOL:
        return None
    limits = httpx2.Limits(max_connections=None, max_keepalive_connections=POOL)
    trust = httpx2.create_ssl_context(trust_env=not local)
    count = math.ceil(connections / POOL)
    return PooledTransport([httpx2.AsyncHTTPTransport(verify=trust, limits=limits) for _ in range(count)])


class PooledTransport:
    """Hands requests to its pools in turn; an httpx transport."""

    def __init__(self, pools: Sequence[Any]) -> None:
        self._pools = pools
        self._turns = itertools.cycle(pools)

    async def handle_async_request(self, request: Any) -> Any:
        """Send a request through the next pool."""
        return await next(self._turns).handle_async_request(request)

    async def aclose(self) -> None:
        """Close every connection."""
        for pool in self._pools:
            await pool.aclose()
