"""Any OpenAI-compatible chat server, over HTTP. Faults of the server and the network are tried again, within bounds.

An assistant prefix is sent as a last assistant message with vLLM's `continue_final_message`. A server that refuses
those two fields gets the message alone: llama.cpp and others continue it by themselves, but a server that starts a
new turn instead cannot be told apart from one that continues.
"""

import asyncio
import contextlib
import ipaddress
import json
import os
import random
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from ..errors import EngineError, RequestError
from ..records import FinishReason, Message, Row, Sampling, Usage
from .base import PLAIN, Completion, EngineOptions, Extras
from .rendering import CLOSE, OPEN, cut_at_stop, split_reasoning
from .retry import Retry, retry_after

_CONTINUE = {"continue_final_message": True, "add_generation_prompt": False}
_RETRIED = {408, 409, 425, 429}
_REASONS = {400: "bad_request", 401: "unauthorized", 403: "forbidden", 404: "not_found", 413: "prompt_too_long"}
_TOO_LONG = ("context_length_exceeded", "context length", "context size", "context window", "prompt is too long")
_FINISH = {
    "length": FinishReason.LENGTH,
    "max_tokens": FinishReason.LENGTH,
    "model_length": FinishReason.LENGTH,
    "tool_calls": FinishReason.TOOL_CALLS,
    "function_call": FinishReason.TOOL_CALLS,
    "content_filter": FinishReason.CONTENT_FILTER,
}


async def open_openai(
    options: EngineOptions, *, retry: Retry | None = None, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
) -> "OpenAIEngine":
    """Make a client for `options.base_url`, or for OpenAI's own service without one. Nothing is sent yet.

    The key comes from OPENAI_API_KEY only; a server in the local network needs none.
    """
    url = options.base_url or "https://api.openai.com/v1"
    if not options.model:
        raise EngineError(f"no model named for the server at {masked(url)}: give --model NAME as the server calls it")
    if urlsplit(url).scheme not in ("http", "https"):
        raise EngineError(f"--base-url must start with http:// or https://, got {masked(url)!r}")
    client = _client(url, _key(url), options.request_timeout)
    return OpenAIEngine(client, options, address=masked(url), retry=retry or Retry(), sleep=sleep)


class OpenAIEngine:
    """A chat server. At most `options.concurrency` requests are under way at once."""

    name = "openai"
    continues = False

    def __init__(
        self,
        client: Any,
        options: EngineOptions,
        *,
        address: str,
        retry: Retry,
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        self.model = options.model_id or options.model
        self.chat_template: str | None = None
        self._client, self._options, self._address = client, options, address
        self._retry, self._sleep = retry, sleep
        self._slots = asyncio.Semaphore(options.concurrency)
        self._answered = False
        self._served = False
        self._continue_fields = True

    async def complete(
        self,
        messages: Sequence[Message],
        sampling: Sampling,
        *,
        prefix: str = "",
        n: int = 1,
        extras: Extras = PLAIN,
    ) -> list[Completion]:
        """Return n completions, each from a request of its own, since many servers ignore `n`."""
        tasks = [
            asyncio.create_task(self._one(messages, sampling, prefix, sampling.seed + i, extras)) for i in range(n)
        ]
        try:
            return await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.close()

    async def _one(
        self, messages: Sequence[Message], sampling: Sampling, prefix: str, seed: int, extras: Extras
    ) -> Completion:
        started = time.monotonic()
        rng = random.Random(seed)
        failures = 0
        while True:
            try:
                async with self._slots:
                    payload = await self._send(messages, sampling, prefix, seed, extras)
                completion = _parse(payload, sampling, prefix, time.monotonic() - started)
                self._served = True
                return completion
            except _Unsupported:
                self._continue_fields = False
            except _Fault as fault:
                failures += 1
                wait = self._retry.wait(failures, fault.wait, rng)
                self._give_up(fault, failures, time.monotonic() - started + wait)
                await self._sleep(wait)

    async def _send(
        self, messages: Sequence[Message], sampling: Sampling, prefix: str, seed: int, extras: Extras
    ) -> Any:
        """Return the parsed JSON answer; raise _Fault for what may go away, RequestError for what will not."""
        import openai

        continued = self._continue_fields
        body = _body(self._options.model, messages, sampling, prefix, seed, extras, continued=continued)
        try:
            async with asyncio.timeout(self._options.request_timeout):
                answer = await self._client.chat.completions.with_raw_response.create(**body)
                self._answered = True
                return json.loads(answer.content)
        except (TimeoutError, openai.APITimeoutError) as error:
            self._answered = self._answered or not _refused(error)
            raise _Fault(f"no answer within {self._options.request_timeout:g} s", reason="timeout") from error
        except openai.APIStatusError as error:
            self._answered = True
            raise self._refusal(error, prefix) from error
        except openai.APIConnectionError as error:
            refused = _refused(error)
            self._answered = self._answered or not refused
            message = f"{error.__cause__ or error}"
            raise _Fault(message, reason="connection", refused=refused) from error
        except ValueError as error:
            raise _Fault("the answer is not JSON", reason="invalid_json") from error

    def _refusal(self, error: Any, prefix: str) -> Exception:
        """Return what an HTTP error status means for this request."""
        status, said = int(error.status_code), _one_line(error.message)
        if status in _RETRIED or status >= 500:
            reason = "rate_limit" if status == 429 else "server_error"
            return _Fault(f"HTTP {status}: {said}", reason=reason, wait=retry_after(error.response.headers))
        if prefix and self._continue_fields and _about_continue_fields(said):
            return _Unsupported()
        if any(phrase in said.lower() for phrase in _TOO_LONG):
            return RequestError(said, reason="prompt_too_long")
        if status in (401, 403, 404) and not self._served:
            return EngineError(
                f"{self._address} answers HTTP {status} ({said}): {_advice(status, self._options.model)}"
            )
        return RequestError(f"HTTP {status}: {said}", reason=_REASONS.get(status, f"http_{status}"))

    def _give_up(self, fault: "_Fault", failures: int, seconds: float) -> None:
        """Raise when there will be no further try."""
        tries = self._retry.tries if self._answered else self._retry.tries_before_first_answer
        if failures < tries and seconds < self._retry.total_seconds:
            return
        if fault.refused:
            word = "stopped answering" if self._answered else "no server answers"
            raise EngineError(
                f"{word} at {self._address} ({_one_line(str(fault))}): start the server there or mend --base-url"
            ) from fault
        raise RequestError(f"{fault}, after {failures} tries at {self._address}", reason=fault.reason) from fault


def masked(url: str) -> str:
    """Return the address without its user, password and query.

    >>> masked("http://me:secret@host:8000/v1?key=x")
    'http://***@host:8000/v1'
    """
    parts = urlsplit(url)
    _user, at, host = parts.netloc.rpartition("@")
    return urlunsplit((parts.scheme, f"***@{host}" if at else host, parts.path, "", ""))


class _Fault(Exception):
    """Something that may go away: the request is tried again."""

    def __init__(self, message: str, *, reason: str, wait: float | None = None, refused: bool = False) -> None:
        super().__init__(message)
        self.reason, self.wait, self.refused = reason, wait, refused


class _Unsupported(Exception):
    """The server refuses the fields that continue an assistant message."""


def _client(url: str, key: str, timeout: float) -> Any:
    import openai

    # A proxy from the environment is for the world outside; a server on this machine is never behind it.
    http = openai.DefaultAsyncHttpxClient(trust_env=False) if _is_local(url) else None
    return openai.AsyncOpenAI(base_url=url, api_key=key, timeout=timeout, max_retries=0, http_client=http)


def _key(url: str) -> str:
    key = os.environ.get("OPENAI_API_KEY")
    if key:
        return key
    if _is_local(url):
        return "none"
    raise EngineError(
        f"{masked(url)} needs a key: set the environment variable OPENAI_API_KEY (any word if it does not)"
    )


def _is_local(url: str) -> bool:
    """Return whether the address is this machine or a private network: there a key is optional."""
    host = urlsplit(url).hostname or ""
    with contextlib.suppress(ValueError):
        return ipaddress.ip_address(host).is_private
    return host == "localhost" or "." not in host


def _refused(error: BaseException) -> bool:
    """Return whether no connection was made at all, rather than one that broke."""
    return type(error.__cause__).__name__ in ("ConnectError", "ConnectTimeout")


def _about_continue_fields(said: str) -> bool:
    lower = said.lower()
    return any(word in lower for word in (*_CONTINUE, "unknown", "unrecognized", "extra", "not permitted"))


def _advice(status: int, model: str) -> str:
    if status == 404:
        return f"is {model!r} the model's name there, and does --base-url end in /v1?"
    return "set OPENAI_API_KEY to a key that this server takes"


def _one_line(text: str) -> str:
    return " ".join(text.split())[:300]


def _body(
    model: str,
    messages: Sequence[Message],
    sampling: Sampling,
    prefix: str,
    seed: int,
    extras: Extras,
    *,
    continued: bool,
) -> dict[str, Any]:
    rows = _message_rows(messages)
    extra: Row = {} if sampling.top_k is None else {"top_k": sampling.top_k}
    if prefix:
        rows.append({"role": "assistant", "content": prefix})
        extra.update(_CONTINUE if continued else {})
    arguments = dict(extras.arguments)
    optional = {
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "stop": list(sampling.stop) or None,
        "tools": list(extras.tools) or None,
        "reasoning_effort": arguments.pop("reasoning_effort", None),
    }
    if arguments:
        extra["chat_template_kwargs"] = arguments
    return {
        "model": model,
        "messages": rows,
        "max_tokens": sampling.max_tokens,
        "seed": seed,
        "extra_body": extra,
        **{name: value for name, value in optional.items() if value is not None},
    }


def _message_rows(messages: Sequence[Message]) -> list[Row]:
    """Return the messages as servers take them: tool results are joined to their calls by id, in order."""
    rows: list[Row] = []
    calls: list[Any] = []
    for message in messages:
        row: Row = {"role": message.role, "content": message.content}
        if message.tool_calls:
            row["tool_calls"] = list(message.tool_calls)
            calls = [call.get("id") for call in message.tool_calls]
        if message.role == "tool" and calls:
            row["tool_call_id"] = calls.pop(0)
        rows.append(row)
    return rows


def _parse(payload: Any, sampling: Sampling, prefix: str, seconds: float) -> Completion:
    """Return the completion in a server's answer; _Fault when it holds none."""
    try:
        choice = payload["choices"][0]
        message = choice["message"]
        content = _text(message.get("content"))
        calls = tuple(message.get("tool_calls") or ())
        apart = message.get("reasoning_content") or message.get("reasoning")
    except (KeyError, IndexError, TypeError, AttributeError) as error:
        raise _Fault("the answer holds no choices", reason="no_choices") from error
    usage = _usage(payload.get("usage"))
    finish = _finish(choice.get("finish_reason"), usage, sampling)
    content, _ = cut_at_stop(content.removeprefix(prefix), sampling.stop)
    inline, text = split_reasoning(content, OPEN in prefix and CLOSE not in prefix)
    reasoning = apart if isinstance(apart, str) else inline
    if _is_empty(text, reasoning, calls, finish, prefix):
        raise _Fault("the answer is empty", reason="empty_answer")
    return Completion(
        text=text, reasoning=reasoning, tool_calls=calls, finish_reason=finish, usage=usage, seconds=seconds
    )


def _is_empty(text: str, reasoning: str | None, calls: tuple[Any, ...], finish: FinishReason, prefix: str) -> bool:
    """Return whether nothing came: no text or call, nor a truncated thought, nor a prefix that was complete already."""
    if text.strip() or calls or finish is FinishReason.CONTENT_FILTER:
        return False
    truncated_thought = bool(reasoning) and finish is FinishReason.LENGTH
    return not (truncated_thought or prefix)


def _text(content: Any) -> str:
    """Return a message's content as one string; some servers send a list of parts, or null."""
    if isinstance(content, list):
        return "".join(str(part.get("text", "")) for part in content)
    if content is not None and not isinstance(content, str):
        raise TypeError
    return content or ""


def _usage(row: Any) -> Usage:
    row = row if isinstance(row, Mapping) else {}
    details = row.get("prompt_tokens_details")
    cached = details.get("cached_tokens") if isinstance(details, Mapping) else 0
    return Usage(
        prompt_tokens=row.get("prompt_tokens") or 0,
        cached_tokens=cached or 0,
        completion_tokens=row.get("completion_tokens") or 0,
    )


def _finish(reason: Any, usage: Usage, sampling: Sampling) -> FinishReason:
    """Return the reason in our words; a server that gives none has stopped unless the cap is used up."""
    if isinstance(reason, str) and reason:
        return _FINISH.get(reason, FinishReason.STOP)
    return FinishReason.LENGTH if usage.completion_tokens >= sampling.max_tokens else FinishReason.STOP
