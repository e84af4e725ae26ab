"""HTTP for one address: client, key, sending and reading. `wire` knows the content."""

import asyncio
import contextlib
import itertools
import math
import os
import urllib.request
from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import urlsplit

from ...errors import EngineError
from ..options import EngineOptions
from .addresses import is_local, masked
from .wire import Unusable

CHAT_PATH = "/chat/completions"
_KEY_LENGTH = 8
POOL = 32
"""Connections of one pool: httpx scans a whole pool at every request, which for a thousand costs more than all else."""


def open_client(url: str, options: EngineOptions) -> Any:
    """Return openai's client for an address. Raises EngineError if the address needs a key and there is none."""
    import httpx2
    import openai

    local = is_local(url)
    http = openai.DefaultAsyncHttpxClient(
        # A proxy from the environment is for outside addresses; a server on this machine is never behind it.
        trust_env=not local,
        transport=pooled_transport(url, options.concurrency, local=local),
        limits=httpx2.Limits(max_connections=None, max_keepalive_connections=options.concurrency),
    )
    key = os.environ.get("OPENAI_API_KEY", "").strip()
    if not key.isascii() or not key.isprintable():
        raise EngineError("OPENAI_API_KEY holds characters that no key has: set it again")
    if not (key or local):
        message = "needs a key: set the environment variable OPENAI_API_KEY (any word if it does not)"
        raise EngineError(f"{masked(url)} {message}")
    timeout = options.request_timeout
    return openai.AsyncOpenAI(base_url=url, api_key=key or "none", timeout=timeout, max_retries=0, http_client=http)


async def post(client: Any, row: dict[str, Any], path: str = CHAT_PATH) -> bytes:
    """Return the raw body of the answer: building the client's typed objects would double the cost."""
    import httpx2

    answer = await client.post(path, cast_to=httpx2.Response, body=row)
    return bytes(answer.content)


@contextlib.asynccontextmanager
async def streamed(client: Any, row: dict[str, Any]) -> Any:
    """Send the request and yield the response before its body is read."""
    named = {k: row[k] for k in ("model", "messages", "stream")}
    extra = {k: v for k, v in row.items() if k not in named}
    async with client.chat.completions.with_streaming_response.create(**named, extra_body=extra) as response:
        yield response


@contextlib.asynccontextmanager
async def timed(opening: Any, seconds: float) -> Any:
    """Yield the response and its lines; the response and each line may take `seconds`."""
    async with asyncio.timeout(seconds) as limit, opening as response:

        async def lines() -> Any:
            loop, rest = asyncio.get_running_loop(), b""
            async for piece in response.iter_bytes():
                limit.reschedule(loop.time() + seconds)
                # Not `splitlines`: JSON may hold U+2028 and other characters that it treats as line ends.
                *whole, rest = (rest + piece).split(b"\n")
                for line in whole:
                    yield line.decode(errors="replace").rstrip("\r")
            if rest:
                yield rest.decode(errors="replace")

        yield response, lines()


@contextlib.contextmanager
def wire_faults(seconds: float) -> Iterator[None]:
    """Turn timeouts and connection errors into Unusable; openai's errors for an HTTP status pass through."""
    import httpx2
    import openai

    try:
        yield
    except (TimeoutError, openai.APITimeoutError, httpx2.TimeoutException) as error:
        message = f"no answer within {seconds:g} s"
        raise Unusable(message, reason="timeout", down=_never_connected(error)) from error
    except (openai.APIConnectionError, httpx2.RequestError) as error:
        # Errors while a body is read in pieces are the HTTP client's, not wrapped by openai.
        cause = error.__cause__ if isinstance(error, openai.APIConnectionError) else error
        message = f"{cause or error}" or type(cause).__name__
        raise Unusable(message, reason="connection", down=_never_connected(error)) from error


def without_key(text: str) -> str:
    """Return a server's message without the key, which some servers repeat; a word such as `none` is no key."""
    key = os.environ.get("OPENAI_API_KEY", "").strip()
    return text.replace(key, "***") if len(key) >= _KEY_LENGTH else text


def _never_connected(error: BaseException) -> bool:
    return type(error.__cause__).__name__ in ("ConnectError", "ConnectTimeout")


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
        return await next(self._turns).handle_async_request(request)

    async def aclose(self) -> None:
        for pool in self._pools:
            await pool.aclose()
