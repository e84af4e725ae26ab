"""The HTTP of one address: client, key, sending and reading. What is sent and what it means is `openai_wire`."""

import asyncio
import contextlib
import os
from collections.abc import Iterator
from typing import Any

from ...errors import EngineError
from ..options import EngineOptions
from .addresses import is_local, masked
from .connection_pools import pooled_transport
from .wire import Unusable

CHAT_PATH = "/chat/completions"
_KEY_LENGTH = 8


def open_client(url: str, options: EngineOptions) -> Any:
    """Return openai's client for an address. Raises EngineError where a key is needed and there is none."""
    import httpx2
    import openai

    local = is_local(url)
    http = openai.DefaultAsyncHttpxClient(
        # A proxy from the environment is for the world outside; a server on this machine is never behind it.
        trust_env=not local,
        transport=pooled_transport(url, options.concurrency, local=local),
        limits=httpx2.Limits(max_connections=None, max_keepalive_connections=options.concurrency),
    )
    return openai.AsyncOpenAI(
        base_url=url, api_key=_key(url), timeout=options.request_timeout, max_retries=0, http_client=http
    )


async def post(client: Any, row: dict[str, Any], path: str = CHAT_PATH) -> bytes:
    """Return the body of the answer as it came: building the client's typed objects would double the cost."""
    import httpx2

    answer = await client.post(path, cast_to=httpx2.Response, body=row)
    return bytes(answer.content)


@contextlib.asynccontextmanager
async def streamed(client: Any, row: dict[str, Any]) -> Any:
    """Send the request and yield the response before its body is read."""
    given = {k: row[k] for k in ("model", "messages", "stream")}
    extra = {k: v for k, v in row.items() if k not in given}
    async with client.chat.completions.with_streaming_response.create(**given, extra_body=extra) as response:
        yield response


@contextlib.asynccontextmanager
async def timed(opening: Any, seconds: float) -> Any:
    """Yield the response and its lines; each of them, and the response itself, may take so many seconds."""
    async with asyncio.timeout(seconds) as limit, opening as response:

        async def lines() -> Any:
            loop, rest = asyncio.get_running_loop(), b""
            async for piece in response.iter_bytes():
                limit.reschedule(loop.time() + seconds)
                # Only here a line ends: JSON may hold U+2028 and other things that `splitlines` takes for an end.
                *whole, rest = (rest + piece).split(b"\n")
                for line in whole:
                    yield line.decode(errors="replace").rstrip("\r")
            if rest:
                yield rest.decode(errors="replace")

        yield response, lines()


@contextlib.contextmanager
def wire_faults(seconds: float) -> Iterator[None]:
    """Raise Unusable for what goes wrong on the way; answers with an error status go through as openai raises them."""
    import httpx2
    import openai

    try:
        yield
    except (TimeoutError, openai.APITimeoutError, httpx2.TimeoutException) as error:
        message = f"no answer within {seconds:g} s"
        raise Unusable(message, reason="timeout", down=_never_connected(error)) from error
    except (openai.APIConnectionError, httpx2.RequestError) as error:
        # While a body is read in pieces, the client's own errors are not wrapped.
        cause = error.__cause__ if isinstance(error, openai.APIConnectionError) else error
        message = f"{cause or error}" or type(cause).__name__
        raise Unusable(message, reason="connection", down=_never_connected(error)) from error


def _key(url: str) -> str:
    key = os.environ.get("OPENAI_API_KEY", "").strip()
    if not key.isascii() or not key.isprintable():
        raise EngineError("OPENAI_API_KEY holds characters that no key has: set it anew")
    if key:
        return key
    if is_local(url):
        return "none"
    raise EngineError(
        f"{masked(url)} needs a key: set the environment variable OPENAI_API_KEY (any word if it does not)"
    )


def without_key(text: str) -> str:
    """Return a server's words without the key, which some servers repeat; a word such as `none` is no key."""
    key = os.environ.get("OPENAI_API_KEY", "").strip()
    return text.replace(key, "***") if len(key) >= _KEY_LENGTH else text


def _never_connected(error: BaseException) -> bool:
    """Return whether no connection was made at all, rather than one that broke."""
    return type(error.__cause__).__name__ in ("ConnectError", "ConnectTimeout")
