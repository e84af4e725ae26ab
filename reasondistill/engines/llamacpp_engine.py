"""The llamacpp engine: a GGUF file in llama.cpp's server, in this process. Needs no torch.

The server listens on a loopback port with a random key. Its speed hardly grows with the requests: few run at once.
"""

import asyncio
import json
import secrets
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

from verifiers.thinking import OPENING, markup_ids, opens_thinking, take_thinking

from ..errors import EngineError, ModelError, RequestError
from ..models.gguf.metadata import read_metadata, sampling_defaults
from ..models.memory import free_memory, require_memory
from ..records import FinishReason, Message, Row, Sampling, Usage
from .auto import limit_openmp_spinning
from .base import PLAIN, Abilities, Completion, Extras, NoScore, Traffic, no_logprobs, prompt_too_long
from .options import EngineOptions
from .rendering import chosen_sampling, ended_at_stop, split_reasoning, template_row

_CONTROL = 3
"""Token type of control tokens in a GGUF file, such as the end of a turn; thinking tags count as text."""
_SLOTS = 4
"""Requests that run at once at most; the others wait."""


async def open_llamacpp(options: EngineOptions) -> "LlamaCppEngine":
    """Load the GGUF file; ModelError when it does not exist or llama.cpp cannot read it."""
    return await asyncio.to_thread(_load, options)


class LlamaCppEngine(NoScore):
    """A loaded GGUF file. Unset sampling settings are the file's, else neutral: temperature 1, no top-p, no top-k."""

    name = "llamacpp"
    continues = True
    abilities = Abilities(token_ids=True, include_stop=True, seeds=True)

    def __init__(
        self, server: Any, *, key: str, slots: int, max_context: int, name: str, metadata: Mapping[str, Any]
    ) -> None:
        self.traffic, self.model, self._max_context = Traffic(), name, max_context
        self._defaults = sampling_defaults(metadata)
        kinds, words = (metadata.get(f"tokenizer.ggml.{key}", ()) for key in ("token_type", "tokens"))
        marked = {i: words[i] for i, kind in enumerate(kinds) if kind == _CONTROL}
        self._control = frozenset(marked.keys() - markup_ids(marked))
        self.chat_template: str | None = metadata.get("tokenizer.chat_template")
        self._server, self._key = server, key
        self._threads = ThreadPoolExecutor(max_workers=slots, thread_name_prefix="llamacpp")

    async def complete(
        self, messages: Sequence[Message], sampling: Sampling, *, prefix: str = "", n: int = 1, extras: Extras = PLAIN
    ) -> list[Completion]:
        if extras.logprobs:
            # The server has none for tokens that end inside a character and for those of a stop string.
            raise no_logprobs(self.name)
        run, started = asyncio.get_running_loop().run_in_executor, time.monotonic()
        seeds = range(sampling.seed, sampling.seed + n)
        tasks = [run(self._threads, self._one, messages, sampling, prefix, seed, started, extras) for seed in seeds]
        try:
            return await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()

    async def encode(self, text: str, *, begins: bool = False) -> tuple[int, ...]:
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._turn_ids, text, begins)

    async def decode(self, ids: Sequence[int]) -> str:
        body = {"tokens": [i for i in ids if i not in self._control]}
        answer = await asyncio.get_running_loop().run_in_executor(self._threads, self._post, "/detokenize", body)
        return str(answer["content"]).rstrip("\ufffd")

    async def aclose(self) -> None:
        """Wait for running requests, drop waiting ones and free the model."""
        await asyncio.to_thread(self._threads.shutdown, cancel_futures=True)
        self._server = None

    def _one(
        self, messages: Sequence[Message], sampling: Sampling, prefix: str, seed: int, started: float, extras: Extras
    ) -> Completion:
        prompt, opened = self._prompt(messages, prefix, extras)
        room = self._max_context - len(prompt)
        if room < 1:
            raise prompt_too_long(len(prompt), self._max_context)
        capped = replace(sampling, seed=seed, max_tokens=min(sampling.max_tokens, room))
        answer = self._post("/completion", _request(prompt, capped, self._defaults))
        return _completion(answer, sampling, opened, extras, time.monotonic() - started)

    def _prompt(self, messages: Sequence[Message], prefix: str, extras: Extras) -> tuple[list[int], bool]:
        """Return the ids of the rendered prompt and its prefix, and whether they end inside a thinking block."""
        body: Row = {"messages": [template_row(m) for m in messages]}
        more = {"tools": list(extras.tools), "chat_template_kwargs": dict(extras.arguments)}
        body |= {name: value for name, value in more.items() if value}
        prompt = str(self._post("/apply-template", body)["prompt"])
        opened, tag = opens_thinking(prompt), OPENING.match(prefix.lstrip())
        begun = take_thinking(prefix, opened=opened)
        inside = begun is not None and begun.truncated
        if opened and tag:
            prefix = prefix.lstrip()[tag.end() :]
        continued = list(extras.prefix_ids) or self._tokens(prefix, start=False)
        return self._tokens(prompt, start=True) + continued, inside

    def _turn_ids(self, text: str, begins: bool) -> tuple[int, ...]:
        if begins and (tag := OPENING.match(text.lstrip())):
            probe = self._post("/apply-template", {"messages": [{"role": "user", "content": "?"}]})
            if opens_thinking(str(probe["prompt"])):
                text = text.lstrip()[tag.end() :]
                text = text if text.strip() else ""
        return tuple(self._tokens(text, start=False))

    def _tokens(self, text: str, *, start: bool) -> list[int]:
        answer = self._post("/tokenize", {"content": text, "add_special": start, "parse_special": True})
        return list(answer["tokens"])

    def _post(self, path: str, body: Row) -> Row:
        request = urllib.request.Request(
            self._server.listening_address + path,
            data=json.dumps(body).encode(),
            headers={"Content-Type": "application/json", "Authorization": f"Bearer {self._key}"},
        )
        # A proxy from the environment must not intercept requests to this process.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request) as answer:
                return dict(json.load(answer))
        except urllib.error.HTTPError as error:
            raise _refusal(path, error.read().decode(errors="replace")) from error
        except (urllib.error.URLError, ConnectionError) as error:
            message = f"llama.cpp's server in this process has died ({error}): run the command again"
            raise EngineError(message) from error


def _load(options: EngineOptions) -> LlamaCppEngine:
    from ..models.resolve import resolve

    files = resolve(options.model)
    if files.kind != "gguf" or files.path is None:
        raise ModelError(f"{options.model}: the llamacpp engine runs GGUF files only; use --engine transformers")
    way_out = "use a smaller model, or a server with --base-url"
    require_memory(options.model, files.path.stat().st_size, free=free_memory(), way_out=way_out)
    limit_openmp_spinning()
    try:
        import xllamacpp
    except ImportError as error:
        raise EngineError("llama.cpp is not installed: pip install 'reasondistill[llamacpp]'") from error
    key, slots = secrets.token_hex(16), min(options.concurrency, _SLOTS)
    parameters = xllamacpp.CommonParams()
    parameters.model.path, parameters.api_keys, parameters.verbosity = str(files.path), [key], 0
    parameters.n_parallel, parameters.n_ctx = slots, slots * options.max_context
    try:
        server = xllamacpp.Server(parameters)
    except (RuntimeError, ValueError) as error:
        raise ModelError(f"{files.path}: llama.cpp cannot load this file: {error}") from error
    name, metadata = options.model_id or files.name, read_metadata(files.path)
    return LlamaCppEngine(server, key=key, slots=slots, max_context=options.max_context, name=name, metadata=metadata)


def _request(prompt: list[int], sampling: Sampling, defaults: Mapping[str, float]) -> Row:
    """Return the request's JSON object.

    >>> row = _request([1], Sampling(top_p=0.9), {"temperature": 0.6, "top_p": 0.8})
    >>> row["temperature"], row["top_p"], row["top_k"]
    (0.6, 0.9, 0)
    """
    chosen = chosen_sampling(sampling, defaults)
    asked = {"n_predict": sampling.max_tokens, "seed": sampling.seed, "stop": list(sampling.stop)}
    fixed = {"min_p": 0.0, "cache_prompt": True, "return_tokens": True}
    return {"prompt": prompt, **chosen, "top_k": int(chosen["top_k"]), **asked, **fixed}


def _refusal(path: str, body: str) -> RequestError:
    try:
        error = dict(json.loads(body)["error"])
    except (ValueError, KeyError, TypeError):
        error = {"message": body[:300]}
    if error.get("type") == "exceed_context_size_error":
        return RequestError(str(error["message"]), reason="prompt_too_long")
    reason = "template_refused" if path == "/apply-template" else "bad_request"
    return RequestError(str(error.get("message", "no reason given")), reason=reason)


def _completion(answer: Row, sampling: Sampling, opened: bool, extras: Extras, seconds: float) -> Completion:
    # The server names the stop string and leaves it out of the text.
    word = str(answer.get("stopping_word") or "") if answer.get("stop_type") == "word" else ""
    whole, stop = ended_at_stop(str(answer["content"]) + word, sampling.stop, keep=extras.include_stop)
    reasoning, text = split_reasoning(whole.rstrip("\ufffd"), opened)
    timings = answer.get("timings") or {}
    return Completion(
        text=text,
        reasoning=reasoning,
        token_ids=tuple(answer["tokens"]) or None,
        stop=stop,
        finish_reason=FinishReason.LENGTH if answer.get("stop_type") == "limit" else FinishReason.STOP,
        usage=Usage(
            prompt_tokens=answer["tokens_evaluated"],
            cached_tokens=timings.get("cache_n", 0),
            completion_tokens=answer["tokens_predicted"],
        ),
        seconds=seconds,
    )
