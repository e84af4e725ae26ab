"""OpenAI-compatible chat servers, over HTTP, with bounded retries. A broken stream is resumed as a partial answer is:
with vLLM's fields to continue a last assistant message, or, if the server refuses these, with a user turn that asks
for it. A server that ignores the fields and starts again looks like one that continues: `continuation: turns` is for
it.
"""

import asyncio
import random
import re
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ...errors import EngineError, RequestError
from ...records import FinishReason, Message, Sampling, Usage
from ...store import mask_secrets
from ..base import PLAIN, Abilities, Completion, Extras, Score, Traffic, scored_ids
from ..options import EngineOptions
from . import wire
from .addresses import fault_of, masked
from .client import CHAT_PATH, open_client, post, streamed, timed, wire_faults, without_key
from .endpoints import Clock, Endpoint, Endpoints
from .limits import CHARACTERS_PER_TOKEN, RateLimits
from .retry import Retry, RetryBudget, retry_after
from .score import PATH as SCORE_PATH
from .score import Scored, Scoring
from .wire import Answer, Draft, Unusable

STREAM_FROM = 2000
"""Cap from which `stream: auto` streams. Losing a shorter completion costs less than streaming all of them."""
_PROGRESS_SECONDS = 0.02
_ONE_TOKEN = Sampling(max_tokens=1)
_RETRIED = {408, 409, 425, 429}
_NEVER = {501, 505}
"""Server errors that another request cannot cure."""
_REASONS = {400: "bad_request", 401: "unauthorized", 403: "forbidden", 404: "not_found", 413: "prompt_too_long"}
_TOO_LONG = ("context_length_exceeded", "context length", "context size", "context window", "prompt is too long")
_REFUSING = ("unknown", "unrecognized", "unsupported", "extra", "not permitted", "not supported", "unexpected")


async def open_openai(
    options: EngineOptions,
    *,
    retry: Retry | None = None,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    clock: Clock = time.monotonic,
    say: Callable[[str], None] | None = None,
    wait_if_down: bool = False,
) -> "OpenAIEngine":
    """Make a client for each of the options' addresses, or for OpenAI's own service. Nothing is sent yet.

    With `wait_if_down` a server that is down is waited for from the first request, as one that has answered before.
    The key comes from OPENAI_API_KEY only; a server in the local network needs none.
    """
    urls = options.addresses or ("https://api.openai.com/v1",)
    for url in urls:
        if not options.model:
            at = masked(url)
            raise EngineError(f"no model named for the server at {at}: give --model NAME as the server calls it")
        if fault := fault_of(url):
            raise EngineError(f"{mask_secrets(url)!r} is not a server address: {fault}")
    clients = [Endpoint(open_client(url, options), masked(url), answered=wait_if_down) for url in urls]
    retry = retry or Retry(spare=max(1000, 20 * options.concurrency)).within(options.retry_seconds)
    endpoints = Endpoints(clients, retry=retry, sleep=sleep, clock=clock, say=say)
    return OpenAIEngine(endpoints, options, retry=retry, sleep=sleep, clock=clock)


@dataclass(slots=True, kw_only=True)
class _Request:
    """One sample in progress with its partial answer, or one completion to score."""

    messages: Sequence[Message] = ()
    sampling: Sampling = _ONE_TOKEN
    extras: Extras = PLAIN
    prefix: str = ""
    began: float
    scoring: Scoring | None = None
    draft: Draft = field(default_factory=Draft)
    in_turns: bool = False
    """Whether the attempt under way asks for a continuation in a further user turn."""
    shown: float = -1.0

    @property
    def begun(self) -> str:
        return self.prefix + self.draft.written

    @property
    def left(self) -> Sampling:
        """Sampling of the next attempt: tokens of a broken stream count against the cap."""
        return replace(self.sampling, max_tokens=self.sampling.max_tokens - self.draft.tokens)

    @property
    def characters(self) -> int:
        scored = len(self.scoring.ids) * CHARACTERS_PER_TOKEN if self.scoring else 0
        return sum(len(m.content) for m in self.messages) + len(self.begun) + round(scored)

    def made(self, answer: Answer, **more: Any) -> Completion:
        more |= {"prefix": self.prefix, "draft": self.draft, "in_turns": self.in_turns}
        return wire.completion(answer, self.left, self.extras, **more)


class OpenAIEngine:
    """Chat servers of one model. At most `options.concurrency` requests are in flight."""

    name = "openai"
    abilities = Abilities(logprobs=True, streams=True)

    def __init__(
        self,
        endpoints: Endpoints,
        options: EngineOptions,
        *,
        retry: Retry,
        sleep: Callable[[float], Awaitable[None]],
        clock: Clock,
    ) -> None:
        self.model = options.model_id or options.model
        self.chat_template: str | None = None
        # Accepting the fields does not prove that the server honours them; only its operator knows.
        self.continues = options.continuation == "prefix"
        self.traffic = Traffic()
        self._endpoints, self._options = endpoints, options
        self._retry, self._sleep, self._clock = retry, sleep, clock
        self._budget = RetryBudget(retry)
        self._limits = RateLimits(requests=options.requests_per_minute, tokens=options.tokens_per_minute, clock=clock)
        self._slots = asyncio.Semaphore(options.concurrency)
        self._refused: set[str] = set()
        """Fields that the server refuses; they are not sent again."""
        self._sealed: set[str] = set()
        """Kinds of thinking that the server has encrypted, as far as the user was told."""

    async def complete(
        self, messages: Sequence[Message], sampling: Sampling, *, prefix: str = "", n: int = 1, extras: Extras = PLAIN
    ) -> list[Completion]:
        """Return n completions, each from a separate request, since many servers ignore `n`."""
        shared: dict[str, Any] = {"messages": messages, "extras": extras, "prefix": prefix, "began": self._clock()}
        requests = [_Request(sampling=replace(sampling, seed=sampling.seed + i), **shared) for i in range(n)]
        if n == 1:
            return [await self._persist(requests[0])]
        tasks = [asyncio.create_task(self._persist(request)) for request in requests]
        try:
            made: list[Completion] = await asyncio.gather(*tasks)
            return made
        finally:
            for task in tasks:
                task.cancel()

    async def score(self, prompt_ids: Sequence[int], completion_ids: Sequence[int], *, top_k: int = 0) -> Score:
        """Ask a vLLM server for the log-probabilities; other servers share no interface for it. See Engine.score."""
        ids = scored_ids(prompt_ids, completion_ids, top_k=top_k)
        scoring = Scoring(ids=ids, start=len(prompt_ids), top_k=top_k)
        scored: Scored = await self._persist(_Request(began=self._clock(), scoring=scoring))
        return scored.score

    async def aclose(self) -> None:
        for endpoint in self._endpoints.all:
            await endpoint.client.close()

    async def _persist(self, request: _Request) -> Any:
        rng = random.Random(request.sampling.seed)
        failures = tries = 0
        while True:
            have = request.draft.tokens
            if have >= request.sampling.max_tokens:
                return Completion(
                    text=request.draft.text,
                    reasoning=request.draft.reasoning,
                    finish_reason=FinishReason.LENGTH,
                    usage=Usage(completion_tokens=have),
                    seconds=self._clock() - request.began,
                )
            try:
                async with self._slots:
                    return await self._try(request)
            except _FieldRefused:
                continue
            except Unusable as fault:
                self.traffic.retries[fault.reason] += 1
                self.traffic.wasted_tokens += fault.tokens
                # A stream that delivered anything ends a series of failures, however short it was.
                failures, tries = (1, 1) if request.draft.tokens > have else (failures + 1, tries)
                if not fault.down:
                    tries += fault.reason != "rate_limit" and request.draft.tokens == have
                    await self._pause(fault, request, tries, self._retry.wait(failures, rng))

    async def _pause(self, fault: Unusable, request: _Request, tries: int, backoff: float) -> None:
        """Wait before the next attempt. Raises RequestError when there is none left."""
        wait = fault.wait if fault.wait is not None else backoff
        late = self._clock() - request.began + wait > self._retry.total_seconds
        if tries >= self._retry.tries or late or not self._budget.take():
            places = ", ".join(e.address for e in self._endpoints.all)
            if request.extras.progress is None:
                self.traffic.wasted_tokens += request.draft.tokens
            self.traffic.retries[fault.reason] -= 1
            message = f"{without_key(str(fault))}, after {tries} tries at {places}"
            if late and fault.wait is not None:
                patience = f"{self._retry.total_seconds:g} s that a request is retried (retry_seconds)"
                message += f"; the server asks to wait {fault.wait:.0f} s, longer than the {patience}"
            raise RequestError(message, reason=fault.reason) from fault
        await self._sleep(wait)

    async def _try(self, request: _Request) -> Completion | Scored:
        """Send once. Raises Unusable for passing faults, _FieldRefused for a field, RequestError for the rest."""
        endpoint = await self._endpoints.pick()
        usage: Usage | None = None
        booked = 0.0
        try:
            wait, booked = self._limits.take(request.characters, request.left.max_tokens)
            if wait:
                await self._sleep(wait)
            self.traffic.requests += 1
            made = await self._ask(endpoint, request)
            self._endpoints.well(endpoint)
            self._budget.answers += 1
            usage = made.usage
            return made
        except Unusable as fault:
            said = " ".join(without_key(str(fault)).split())[:300]
            if fault.down:
                self._endpoints.refused(endpoint, said)
                raise
            self._endpoints.heard(endpoint, said)
            if fault.wait is not None and fault.wait <= self._retry.total_seconds:
                self._endpoints.limit(endpoint, fault.wait)
            elif fault.reason != "rate_limit" and self._endpoints.another(endpoint):
                fault.wait = 0.0
            raise
        finally:
            self._limits.settle(booked, usage)
            self._endpoints.done(endpoint)

    async def _ask(self, endpoint: Endpoint, request: _Request) -> Completion | Scored:
        import openai

        options, refused = self._options, self._refused
        if options.continuation == "auto":
            request.in_turns = wire.CONTINUE_FIELDS[0] in refused
        else:
            request.in_turns = options.continuation == "turns"
        if request.scoring:
            row = request.scoring.row(options.model)
        else:
            wanted = request.extras.progress is not None and request.sampling.max_tokens >= STREAM_FROM
            stream = wanted or options.stream == "always"
            stream = stream and options.stream != "never" and "stream" not in refused
            begun, in_turns = request.begun, request.in_turns
            how: dict[str, Any] = {"prefix": begun, "in_turns": in_turns, "stream": stream, "refused": refused}
            row = wire.body(options.model, request.messages, request.left, request.extras, **how)
        try:
            with wire_faults(options.request_timeout):
                if row.get("stream"):
                    return await self._read_stream(endpoint.client, row, request)
                async with asyncio.timeout(options.request_timeout):
                    data = await post(endpoint.client, row, SCORE_PATH if request.scoring else CHAT_PATH)
            if request.scoring:
                return request.scoring.read(data)
            return self._finished(wire.read_answer(data), request)
        except openai.APIStatusError as error:
            body, headers = error.response.text, error.response.headers
            raise self._refusal(endpoint, int(error.status_code), body, row, headers) from error
        except wire.ErrorBody as error:
            raise self._refusal(endpoint, error.status, error.text, row) from error

    async def _read_stream(self, client: Any, row: dict[str, Any], request: _Request) -> Completion:
        answer = Answer()
        try:
            async with timed(streamed(client, row), self._options.request_timeout) as (response, lines):
                if "event-stream" not in response.headers.get("content-type", ""):
                    # The server ignored the field and did not stream.
                    answer = wire.read_answer("\n".join([line async for line in lines]).encode())
                    return self._finished(answer, request)
                async for line in lines:
                    if wire.read_event(line, answer):
                        break
                    if request.extras.progress and self._clock() - request.shown >= _PROGRESS_SECONDS:
                        request.shown = self._clock()
                        request.extras.progress(request.made(answer, whole=False))
                else:
                    if answer.finish is None:
                        raise Unusable("the stream broke off", reason="connection")
            return self._finished(answer, request)
        except BaseException:
            self._keep(answer, request)
            raise

    def _finished(self, answer: Answer, request: _Request) -> Completion:
        if request.extras.logprobs and answer.logprobs is None:
            raise RequestError("this server returns no log-probabilities", reason="unsupported")
        if fresh := answer.sealed - self._sealed:
            self._sealed |= fresh
            kinds = ", ".join(sorted(fresh))
            self._endpoints.say(f"the server keeps thinking to itself ({kinds}): rollouts hold only what it shows")
        return request.made(answer, seconds=self._clock() - request.began)

    def _keep(self, answer: Answer, request: _Request) -> None:
        if not answer.chunks or answer.calls.rows or answer.finish is not None:
            self.traffic.wasted_tokens += answer.tokens if answer.calls.rows else 0
            return
        made = request.made(answer, whole=False)
        request.draft = Draft(text=made.text, reasoning=made.reasoning, tokens=made.usage.completion_tokens)
        if request.extras.progress is not None:
            request.extras.progress(made)

    def _refusal(
        self, endpoint: Endpoint, status: int, body: str, row: dict[str, Any], headers: Mapping[str, str] | None = None
    ) -> Exception:
        """Return the error of this request for an HTTP error status; without headers, of an error in a good answer."""
        said = without_key(wire.error_message(body))
        what = f"HTTP {status}" if headers is not None else f"HTTP 200 with error {status}"
        if status == 402 or (status == 429 and "insufficient_quota" in body):
            message = f"{endpoint.address} takes no more requests ({what}: {said}): check the account there"
            return EngineError(f"{message}, then run the same command again")
        too_long = any(phrase in said.lower() for phrase in _TOO_LONG)
        if (status in _RETRIED or status >= 500) and status not in _NEVER and not too_long:
            reason = "rate_limit" if status == 429 else "server_error"
            return Unusable(f"{what}: {said}", reason=reason, wait=retry_after(headers or {}))
        if status in (400, 422) and self._learn(row, said.lower()):
            return _FieldRefused()
        if too_long:
            return RequestError(said, reason="prompt_too_long")
        if status in (401, 403, 404) and not any(e.served for e in self._endpoints.all):
            advice = f"is {self._options.model!r} the model's name there, and does --base-url end in /v1?"
            advice = advice if status == 404 else "set OPENAI_API_KEY to a key that this server takes"
            return EngineError(f"{endpoint.address} answers {what} ({said}): {advice}")
        return RequestError(f"{what}: {said}", reason=_REASONS.get(status, f"http_{status}"))

    def _learn(self, row: dict[str, Any], said: str) -> bool:
        """Note which optional fields the server refuses; False if it refuses none of them."""
        if wire.CAP_FIELD in row and wire.NEW_CAP_FIELD in said:
            self._refused.add(wire.CAP_FIELD)  # the other name is sent instead
            return True
        sent = [f for f in wire.OPTIONAL_FIELDS if f in row]
        sent += [f for f in wire.REASONING_FIELDS if any(f in message for message in row.get("messages", ()))]
        named = [f for f in sent if re.search(rf"\b{f}\b", said)]
        if not named and any(word in said for word in _REFUSING):
            named = [f for f in sent if f not in ("stream", wire.SEED_FIELD)]
        if any(f in named for f in wire.CONTINUE_FIELDS):
            if self._options.continuation == "prefix":
                return False
            named += wire.CONTINUE_FIELDS
        self._refused.update(named)
        return bool(named)


class _FieldRefused(Exception):
    """The server refuses an optional field: the request is sent again without it."""
