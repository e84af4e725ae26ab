"""The transformers engine: a model in this process and `generate` on batches of waiting requests.

Requests with equal sampling that wait together form a batch, which ends with its longest row. Draws depend on the
batch: a seed reproduces a sample only in the same one; greedy samples depend on it only in the last bits of a logit.
"""

import asyncio
import contextlib
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ..errors import EngineError, ModelError
from ..models.resolve import resolve, weights_directory
from ..records import FinishReason, Message, Row, Sampling, Usage
from .auto import choose_dtype, cuda, limit_openmp_spinning, require_weights_memory
from .base import PLAIN, Abilities, Completion, Extras, Score, Traffic, one_line, prompt_too_long, scored_ids
from .options import EngineOptions
from .rendering import Renderer, chosen_sampling, cut_at_stop, ended_at_stop, generation_defaults

_PIECE = 512
"""Positions whose logits are held at once: a vocabulary of 150,000 makes 300 MB of them in float32."""
_GATHER_SECONDS = 0.02
"""Time that an idle engine waits for more requests before it starts a batch."""


async def open_transformers(options: EngineOptions) -> "TransformersEngine":
    """Load the model and its tokenizer; ModelError when they cannot be found or read."""
    name = options.model_id or resolve(options.model).name
    model, renderer, defaults = await asyncio.to_thread(_load, options, name)
    return TransformersEngine(model, renderer, options, name=name, defaults=defaults)


@dataclass(slots=True, kw_only=True, eq=False)
class _Job:
    prompt: list[int]
    sampling: Sampling
    """Sampling with the cap reduced to the room in the context."""
    done: "asyncio.Future[list[int]]"
    """Resolves to the generated ids, the end token included."""
    began: float = field(default_factory=time.monotonic)

    @property
    def kind(self) -> Sampling:
        """Sampling settings that all rows of a batch share."""
        return replace(self.sampling, seed=0, max_tokens=1)


class TransformersEngine:
    """A loaded model; at most `options.concurrency` rows in a batch."""

    name = "transformers"
    continues = True
    abilities = Abilities(token_ids=True, logprobs=True, include_stop=True, score=True, seeds=True)

    def __init__(self, model: Any, renderer: Renderer, options: EngineOptions, *, name: str, defaults: Row) -> None:
        self.traffic, self.model = Traffic(), name
        self.chat_template: str | None = renderer.template
        self._weights, self._renderer, self._defaults = model, renderer, defaults
        longest = model.config.get_text_config(decoder=True).max_position_embeddings
        self._max_context = min(options.max_context, longest)
        self._batch = options.concurrency
        self._waiting: list[_Job] = []
        self._running: list[_Job] = []
        self._arrived, self._weights_free = asyncio.Event(), asyncio.Lock()
        self._worker = asyncio.get_running_loop().create_task(self._serve())

    async def complete(
        self, messages: Sequence[Message], sampling: Sampling, *, prefix: str = "", n: int = 1, extras: Extras = PLAIN
    ) -> list[Completion]:
        if self._worker.done():
            raise EngineError("the transformers engine is closed")
        prompt = self._renderer.prompt_ids(messages, prefix=prefix, extras=extras)
        room = self._max_context - len(prompt)
        if room < 1:
            raise prompt_too_long(len(prompt), self._max_context)
        capped = replace(sampling, max_tokens=min(sampling.max_tokens, room))
        seeded, loop = [replace(capped, seed=sampling.seed + i) for i in range(n)], asyncio.get_running_loop()
        jobs = [_Job(prompt=prompt, sampling=each, done=loop.create_future()) for each in seeded]
        self._waiting += jobs
        self._arrived.set()
        try:
            outputs = await asyncio.gather(*(job.done for job in jobs))
        finally:
            for job in jobs:
                job.done.cancel()
        made = [self._completion(job, ids, prefix, extras) for job, ids in zip(jobs, outputs, strict=True)]
        if not extras.logprobs:
            return made
        # `generate` would keep the logits of every step and row: a second pass over the tokens costs no memory.
        scores = [(await self.score(job.prompt, ids)).logprobs for job, ids in zip(jobs, outputs, strict=True)]
        return [replace(each, logprobs=logprobs) for each, logprobs in zip(made, scores, strict=True)]

    async def encode(self, text: str, *, begins: bool = False) -> tuple[int, ...]:
        return self._renderer.turn_ids(text, begins=begins)

    async def decode(self, ids: Sequence[int]) -> str:
        return self._renderer.decode(ids)

    async def score(self, prompt_ids: Sequence[int], completion_ids: Sequence[int], *, top_k: int = 0) -> Score:
        size = self._weights.get_input_embeddings().num_embeddings
        whole = scored_ids(prompt_ids, completion_ids, top_k=top_k, room=self._max_context, vocabulary=size)
        async with self._weights_free:
            if self._worker.done():
                raise EngineError("the transformers engine is closed")
            try:
                return await asyncio.to_thread(_score_ids, self._weights, whole, len(prompt_ids), top_k)
            except (RuntimeError, ValueError, MemoryError) as error:
                raise EngineError(f"transformers: scoring failed ({one_line(error)})") from error

    async def aclose(self) -> None:
        """Stop; requests that wait or run get an EngineError."""
        self._worker.cancel()
        for job in (*self._waiting, *self._running):
            if not job.done.done():
                job.done.set_exception(EngineError("the transformers engine is closed"))
        with contextlib.suppress(asyncio.CancelledError):
            await self._worker

    async def _serve(self) -> None:
        while True:
            await self._arrived.wait()
            await asyncio.sleep(_GATHER_SECONDS)
            jobs = self._running = self._next_batch()
            if not jobs:
                self._arrived.clear()
                continue
            try:
                async with self._weights_free:
                    outputs = await asyncio.to_thread(self._generate, jobs)
            except (RuntimeError, ValueError, MemoryError) as error:
                failure = EngineError(f"transformers: generate failed ({one_line(error)})")
                for job in jobs:
                    if not job.done.done():
                        job.done.set_exception(failure)
                continue
            for job, ids in zip(jobs, outputs, strict=True):
                if not job.done.done():
                    job.done.set_result(ids)

    def _next_batch(self) -> list[_Job]:
        """Take the first jobs of one kind; drop jobs that nobody waits for."""
        self._waiting = [job for job in self._waiting if not job.done.done()]
        if not self._waiting:
            return []
        kind = self._waiting[0].kind
        jobs = [job for job in self._waiting if job.kind == kind][: self._batch]
        taken = set(map(id, jobs))
        self._waiting = [job for job in self._waiting if id(job) not in taken]
        return jobs

    def _generate(self, jobs: Sequence[_Job]) -> list[list[int]]:
        import torch
        from transformers import StoppingCriteriaList

        tokenizer = self._renderer.tokenizer

        def abandoned(input_ids: Any, scores: Any, **_: Any) -> Any:
            """End a batch when nobody waits for any of its rows; `generate` checks after every token."""
            over = all(job.done.done() for job in jobs)
            return torch.full((input_ids.shape[0],), over, dtype=torch.bool, device=input_ids.device)

        longest = max(len(job.prompt) for job in jobs)
        pad = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else min(self._renderer.end_ids)
        ids = torch.tensor([[pad] * (longest - len(job.prompt)) + job.prompt for job in jobs])
        mask = torch.tensor([[0] * (longest - len(job.prompt)) + [1] * len(job.prompt) for job in jobs])
        stops = list(jobs[0].sampling.stop)
        torch.manual_seed(jobs[0].sampling.seed)
        with torch.inference_mode():
            whole = self._weights.generate(
                input_ids=ids.to(self._weights.device),
                attention_mask=mask.to(self._weights.device),
                max_new_tokens=max(job.sampling.max_tokens for job in jobs),
                eos_token_id=sorted(self._renderer.end_ids),
                pad_token_id=pad,
                stopping_criteria=StoppingCriteriaList([abandoned]),
                **({"stop_strings": stops, "tokenizer": tokenizer} if stops else {}),
                **_settings(jobs[0].sampling, self._defaults),
            )
        rows = whole[:, longest:].tolist()
        return [self._trimmed(row, job) for row, job in zip(rows, jobs, strict=True)]

    def _trimmed(self, row: list[int], job: _Job) -> list[int]:
        """Remove the padding of a row that finished before the others, and tokens after its stop string."""
        row = row[: job.sampling.max_tokens]
        end = next((i + 1 for i, token in enumerate(row) if token in self._renderer.end_ids), len(row))
        row = row[:end]
        if job.sampling.stop and cut_at_stop(self._renderer.decode(row, after=job.prompt), job.sampling.stop)[1]:
            while cut_at_stop(self._renderer.decode(row[:-1], after=job.prompt), job.sampling.stop)[1]:
                row = row[:-1]
        return row

    def _completion(self, job: _Job, ids: list[int], prefix: str, extras: Extras) -> Completion:
        decoded = self._renderer.decode(ids, after=job.prompt)
        whole, stop = ended_at_stop(decoded, job.sampling.stop, keep=extras.include_stop)
        reasoning, text = self._renderer.split(whole, prefix=prefix)
        ended = stop is not None or (bool(ids) and ids[-1] in self._renderer.end_ids)
        return Completion(
            text=text,
            reasoning=reasoning,
            token_ids=tuple(ids),
            stop=stop,
            finish_reason=FinishReason.STOP if ended else FinishReason.LENGTH,
            usage=Usage(prompt_tokens=len(job.prompt), completion_tokens=len(ids)),
            seconds=time.monotonic() - job.began,
        )


def _settings(sampling: Sampling, defaults: Row) -> dict[str, Any]:
    """Return generate's arguments: the request's, then the model's generation config's, then plain sampling."""
    chosen = chosen_sampling(sampling, defaults)
    penalty = {"repetition_penalty": float(defaults.get("repetition_penalty") or 1.0)}
    if chosen["temperature"] == 0:
        return {"do_sample": False, "temperature": None, "top_p": None, "top_k": None, **penalty}
    temperature, top_p, top_k = float(chosen["temperature"]), float(chosen["top_p"]), max(0, int(chosen["top_k"]))
    return {"do_sample": True, "temperature": temperature, "top_p": top_p, "top_k": top_k, **penalty}


def _load(options: EngineOptions, name: str) -> tuple[Any, Renderer, Row]:
    limit_openmp_spinning()
    try:
        import torch
        from transformers import AutoModelForCausalLM
        from transformers.utils import logging
    except ImportError as error:
        raise EngineError("transformers is not installed: pip install 'reasondistill[train]'") from error
    directory = weights_directory(options.model)
    renderer = Renderer.load(directory, name=name)
    require_weights_memory(directory, options)
    logging.disable_progress_bar()
    try:
        model = AutoModelForCausalLM.from_pretrained(
            str(directory), dtype=getattr(torch, choose_dtype(options)), use_safetensors=True, trust_remote_code=False
        )
    except (OSError, ValueError) as error:
        raise ModelError(f"{directory}: transformers cannot load this model: {one_line(error)}") from error
    model = model.eval().to("cuda" if cuda() else "cpu")
    return model, renderer, generation_defaults(directory)


def _score_ids(model: Any, whole: Sequence[int], start: int, top_k: int) -> Score:
    """Return the log-probabilities of `whole[start:]`; the prompt is read once, with the first piece, and cached."""
    import torch

    logprobs: list[float] = []
    top: list[dict[int, float]] = []
    cache, read = None, 0
    with torch.inference_mode():
        for first in range(start, len(whole), _PIECE):
            after = min(first + _PIECE, len(whole))
            # Each token is predicted by the one before it; the last one predicts nothing here.
            inputs = torch.tensor([list(whole[read : after - 1])], device=model.device)
            made = model(input_ids=inputs, past_key_values=cache, use_cache=True, logits_to_keep=after - first)
            cache, read = made.past_key_values, after - 1
            table = made.logits[0].float().log_softmax(-1)
            targets = torch.tensor(list(whole[first:after]), device=table.device)
            logprobs += table.gather(1, targets[:, None])[:, 0].tolist()
            if top_k:
                best = table.topk(min(top_k, table.shape[1]))
                rows = zip(best.indices.tolist(), best.values.tolist(), strict=True)
                top += [dict(zip(*row, strict=True)) for row in rows]
    return Score(logprobs=tuple(logprobs), top=tuple(top))
