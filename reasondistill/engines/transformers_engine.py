"""The transformers engine: a model in this process, decoding all requests in flight as one running batch.

Requests join and leave the batch while it runs, in one worker thread. Every request draws with its own seed, but the
batch around it moves the last bits of its logits: a sample is reproducible only as far as those bits never tip a
draw. Not bit for bit, then, and in bfloat16 less than in float32.
"""

import asyncio
import contextlib
import queue
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import EngineError, ModelError, RequestError
from ..records import FinishReason, Message, Row, Sampling, Usage
from . import decoding
from .auto import calm_threads, choose_dtype, cuda
from .base import Completion, EngineOptions
from .rendering import Renderer, cut_at_stop, generation_defaults

_GATHER_SECONDS = 0.005
"""An idle engine waits this long for more requests to start with."""
_PREFILL_TOKENS = 16384
"""Prompt tokens computed at once, which bounds the memory for it."""


async def open_transformers(options: EngineOptions) -> "TransformersEngine":
    """Load the model and its tokenizer; ModelError when they cannot be had or read."""
    return await asyncio.to_thread(_load, options)


class TransformersEngine:
    """A loaded model. Requests above `options.concurrency` wait for a place in the batch."""

    name = "transformers"

    def __init__(self, model: Any, renderer: Renderer, options: EngineOptions, *, name: str, defaults: Row) -> None:
        self.model = name
        self._renderer, self._defaults = renderer, defaults
        longest = model.config.get_text_config(decoder=True).max_position_embeddings
        self._max_context = min(options.max_context, longest)
        self._end_ids = frozenset(renderer.end_ids)
        self._worker = _Worker(decoding.Decoder(model, slots=options.concurrency))

    async def complete(
        self, messages: Sequence[Message], sampling: Sampling, *, prefix: str = "", n: int = 1
    ) -> list[Completion]:
        """Return n completions of the conversation, each continuing the assistant prefix if one is given."""
        started = time.monotonic()
        prompt = self._renderer.prompt_ids(messages, prefix=prefix)
        room = self._max_context - len(prompt)
        if room < 1:
            message = f"the prompt has {len(prompt)} tokens and the context holds {self._max_context}"
            raise RequestError(message, reason="prompt_too_long")
        jobs = [self._job(prompt, sampling, sampling.seed + i, room) for i in range(n)]
        try:
            for job in jobs:
                self._worker.put(job)
            ends = await asyncio.gather(*(job.done for job in jobs))
        finally:
            for job in jobs:
                job.done.cancel()
        pairs = zip(jobs, ends, strict=True)
        return [self._completion(job.row, sampling, prefix, end - started) for job, end in pairs]

    async def aclose(self) -> None:
        """Stop the batch; requests still in it get an EngineError."""
        await asyncio.to_thread(self._worker.close)

    def _job(self, prompt: list[int], sampling: Sampling, seed: int, room: int) -> "_Job":
        done: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        settings = _settings(sampling, self._defaults)
        row = decoding.Row(
            prompt=prompt,
            max_tokens=min(sampling.max_tokens, room),
            seed=seed,
            end_ids=self._end_ids,
            stopped=_stop_check(self._renderer, sampling.stop),
            dropped=done.cancelled,
            **settings,
        )
        return _Job(row=row, done=done)

    def _completion(self, row: decoding.Row, sampling: Sampling, prefix: str, seconds: float) -> Completion:
        whole, _ = cut_at_stop(self._renderer.decode(row.ids, after=row.prompt), sampling.stop)
        reasoning, text = self._renderer.split(whole, prefix=prefix)
        return Completion(
            text=text,
            reasoning=reasoning,
            token_ids=tuple(row.ids),
            finish_reason=FinishReason.STOP if row.ended else FinishReason.LENGTH,
            usage=Usage(prompt_tokens=len(row.prompt), cached_tokens=row.cached_tokens, completion_tokens=len(row.ids)),
            seconds=seconds,
        )


@dataclass(slots=True, kw_only=True, eq=False)
class _Job:
    row: decoding.Row
    done: "asyncio.Future[float]"
    """Resolves to the clock at the last token."""

    def finish(self) -> None:
        end = time.monotonic()
        self._tell(lambda: self.done.set_result(end))

    def fail(self, error: EngineError) -> None:
        self._tell(lambda: self.done.set_exception(error))

    def _tell(self, settle: Callable[[], None]) -> None:
        # A closed loop means that nobody waits any more.
        with contextlib.suppress(RuntimeError):
            self.done.get_loop().call_soon_threadsafe(lambda: None if self.done.done() else settle())


class _Worker:
    """The thread that owns the decoder."""

    def __init__(self, decoder: decoding.Decoder) -> None:
        self._decoder = decoder
        self._inbox: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._waiting: list[_Job] = []
        self._running: dict[int, _Job] = {}
        self._broken: EngineError | None = None
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="transformers-engine", daemon=True)
        self._thread.start()

    def put(self, job: _Job) -> None:
        if self._broken is not None:
            raise self._broken
        self._inbox.put(job)

    def close(self) -> None:
        self._closed = True
        self._inbox.put(None)
        self._thread.join()

    def _run(self) -> None:
        try:
            while not self._closed:
                self._receive()
                self._admit()
                if self._decoder.rows:
                    for row in self._decoder.step():
                        self._running.pop(id(row)).finish()
            self._broken = EngineError("the engine is closed")
        except Exception as error:  # noqa: BLE001 - whatever breaks the batch must reach every request in it
            self._broken = EngineError(f"the transformers engine broke: {type(error).__name__}: {error}")
        self._receive()
        for job in (*self._waiting, *self._running.values()):
            job.fail(self._broken)

    def _receive(self) -> None:
        """Take what has arrived; an idle worker sleeps until something does."""
        idle = not self._waiting and not self._decoder.rows and self._broken is None
        while True:
            try:
                job = self._inbox.get(timeout=_GATHER_SECONDS if self._waiting else None) if idle else self._next()
            except queue.Empty:
                return
            if job is None:
                return
            self._waiting.append(job)

    def _next(self) -> _Job | None:
        return self._inbox.get_nowait()

    def _admit(self) -> None:
        """Let requests join when enough places are free: each joining costs a pass of its own over the model."""
        self._waiting = [job for job in self._waiting if not job.done.cancelled()]
        free = self._decoder.free
        running = len(self._decoder.rows)
        if not self._waiting or free < min(len(self._waiting), (running + free) // 4 or 1):
            return
        joining = self._waiting[: _within_prefill(self._waiting[:free])]
        self._waiting = self._waiting[len(joining) :]
        self._running.update((id(job.row), job) for job in joining)
        self._decoder.admit([job.row for job in joining])


def _within_prefill(jobs: Sequence[_Job]) -> int:
    """Return how many of the jobs' prompts are computed at once; always one at least."""
    longest = 0
    for count, job in enumerate(jobs):
        longest = max(longest, len(job.row.prompt))
        if count and longest * (count + 1) > _PREFILL_TOKENS:
            return count
    return len(jobs)


def _settings(sampling: Sampling, defaults: Row) -> dict[str, Any]:
    """Return the sampling, with the model's own generation config for what is left open, as vLLM reads it."""

    def chosen(name: str, neutral: float) -> Any:
        asked = getattr(sampling, name, None)
        value = defaults.get(name) if asked is None else asked
        return neutral if value is None else value

    return {
        "temperature": float(chosen("temperature", 1.0)),
        "top_p": float(chosen("top_p", 1.0)),
        "top_k": max(0, int(chosen("top_k", 0))),
        "repetition_penalty": float(chosen("repetition_penalty", 1.0)),
    }


def _stop_check(renderer: Renderer, stops: Sequence[str]) -> Callable[[list[int]], bool]:
    """Return what finds a stop string in the last tokens; a token is at least one byte, so those are enough."""
    reach = max((len(stop.encode()) for stop in stops), default=0) + 1

    def stopped(ids: list[int]) -> bool:
        return bool(stops) and cut_at_stop(renderer.decode(ids[-reach:]), stops)[1]

    return stopped


def _load(options: EngineOptions) -> TransformersEngine:
    calm_threads()
    try:
        import torch
        from transformers import AutoModelForCausalLM
        from transformers.utils import logging
    except ImportError as error:
        raise EngineError("transformers is not installed: pip install 'reasondistill[train]'") from error
    from .models import resolve, weights_directory

    name = options.model_id or resolve(options.model).name
    directory = weights_directory(options.model)
    renderer = Renderer.load(directory, name=name)
    logging.disable_progress_bar()
    try:
        model = AutoModelForCausalLM.from_pretrained(
            str(directory), dtype=getattr(torch, choose_dtype(options)), use_safetensors=True, trust_remote_code=False
        )
    except (OSError, ValueError) as error:
        raise ModelError(f"{directory}: transformers cannot load this model: {' '.join(str(error).split())}") from error
    model = model.eval().to("cuda" if cuda() else "cpu")
    decoding.use_grouped_attention(model)
    return TransformersEngine(model, renderer, options, name=name, defaults=generation_defaults(directory))
