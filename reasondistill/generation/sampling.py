"""Sampling problems with an engine into tables of rollouts: missing rollouts are asked for, stored ones are kept.

A kill costs only the requests in flight; a rollout truncated by a smaller cap is resumed, not resampled.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from ..engines.base import Engine
from ..errors import RequestError, UserError
from ..records import FinishReason, Message, Rollout, Usage, with_seed
from ..store import Table
from .partial import PartialLog, PartialRollout
from .sampling_queue import SamplingPlan, SamplingQueue, SamplingTask
from .spending import Spending
from .strategies import AttemptRequest

_TEMPORARY = {"timeout", "connection", "server_error", "rate_limit", "invalid_json", "no_choices", "empty_answer"}
"""Failures that are tried once more at the end: the server may have recovered."""


@dataclass(slots=True)
class SamplingCounts:
    """What a sampling run did."""

    stored: int = 0
    truncated: int = 0
    empty: int = 0
    """Number of rollouts without text in their last turn: a truncated thought, a filtered answer."""
    continued: int = 0
    """Number of rollouts that resumed an earlier, shorter text."""
    failed: Counter[str] = field(default_factory=Counter)
    said: dict[str, str] = field(default_factory=dict)
    usage: Usage = field(default_factory=Usage)
    """Tokens of this run alone, without what resumed rollouts had cost before."""
    stopped: str | None = None
    """Why it ended early: interrupted, max_tokens_total or max_cost."""
    decisions: Counter[str] = field(default_factory=Counter)
    """Number of problems by how they ended, with adaptive sampling."""

    @property
    def failed_share(self) -> float:
        """Share of the finished requests that failed for good."""
        return self.failed.total() / max(1, self.failed.total() + self.stored)

    def add(self, rollout: Rollout, before: Usage) -> None:
        """Count a stored rollout; `before` is its cost in earlier runs."""
        self.stored += 1
        self.truncated += rollout.finish_reason == "length"
        self.empty += not rollout.text.strip()
        self.continued += before.completion_tokens > 0
        self.usage += rollout.usage - before


@dataclass(slots=True, kw_only=True)
class SamplingJob:
    """A plan and the table for its rollouts."""

    plan: SamplingPlan
    table: Table
    on_rollout: Callable[[Rollout], Awaitable[None]] | None = None
    """Awaited after a rollout is stored. While it waits its worker asks for nothing: this is the back-pressure."""
    partial: PartialLog | None = None
    outcomes: Mapping[str, bool | None] = field(default_factory=dict)
    """Verdicts of stored rollouts, for adaptive sampling; see SamplingQueue."""
    counts: SamplingCounts = field(default_factory=SamplingCounts)
    queue: SamplingQueue = field(init=False)
    """Takes each verdict (`queue.judged`) with adaptive sampling; `queue.stop` ends the job gracefully."""

    def __post_init__(self) -> None:
        spending = Spending(self.plan.budget)
        self.queue = SamplingQueue(plan=self.plan, table=self.table, spending=spending, outcomes=self.outcomes)
        if self.plan.budget.max_tokens_total is not None or self.plan.budget.max_cost is not None:
            for head in self.table.heads():
                spending.add(Usage(**head["usage"]))


async def sample(engine: Engine, jobs: Sequence[SamplingJob], *, concurrency: int) -> None:
    """Ask the engine for every rollout that the jobs' tables lack; append each as it finishes.

    At most `concurrency` attempts are under way over all jobs. A request that fails for good is counted, and the others
    continue. Raises EngineError when the engine is gone and StoreError when a table cannot be written.
    """

    async def worker() -> None:
        for job in jobs:
            while (task := await job.queue.take()) is not None:
                await _finish(engine, job, task)

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(concurrency):
                group.create_task(worker())
    except* UserError as errors:
        raise _first(errors) from None
    finally:
        for job in jobs:
            job.counts.stopped = job.queue.stopped
            job.counts.decisions = job.queue.decisions()


async def _finish(engine: Engine, job: SamplingJob, task: SamplingTask) -> None:
    stored, earlier = False, job.partial.get(task.id) if job.partial is not None else None
    if earlier is None and task.truncated:
        earlier = PartialRollout.of(Rollout.from_row(task.truncated))
    try:
        rollout = await _make(engine, job, task, earlier)
        job.table.append(rollout.to_row())
        stored = True
    except RequestError as error:
        if error.reason in _TEMPORARY and not task.is_retry and job.counts.stored:
            job.queue.retry(task)
        else:
            job.counts.failed[error.reason] += 1
            job.counts.said.setdefault(error.reason, str(error))
        return
    finally:
        job.queue.finish(task, stored=stored)
    if job.partial is not None:
        job.partial.forget(task.id)
    job.queue.spending.add(rollout.usage)
    job.counts.add(rollout, before=earlier.usage if earlier else Usage())
    if job.on_rollout is not None:
        await job.on_rollout(rollout)


async def _make(engine: Engine, job: SamplingJob, task: SamplingTask, earlier: PartialRollout | None) -> Rollout:
    """Attempt a rollout, or the rest of one; an earlier part that no room is left for becomes the rollout as it is."""
    plan, partial, before = job.plan, job.partial, earlier or PartialRollout()
    sampling = with_seed(plan.sampling, task.id)
    written = before.usage.completion_tokens
    if task.truncated and not written:  # a server that counts none: all of the smaller cap
        written = int(task.truncated["sampling"]["max_tokens"])
    left = sampling.max_tokens - written
    if earlier is not None and left < 1:
        return _as_it_is(engine, plan, task, earlier)
    request = AttemptRequest(
        engine=engine,
        problem=task.problem,
        sampling=replace(sampling, max_tokens=left),
        index=task.index,
        prior=before.messages,
        partial=None if partial is None else (lambda attempt: partial.note(task.id, before.continued(attempt))),
    )
    try:
        attempt = await plan.strategy.attempt(request)
    except RequestError as error:
        if earlier is None or error.reason != "prompt_too_long":
            raise
        # The context truncated it, not the cap: there is no room to continue.
        return _as_it_is(engine, plan, task, earlier)
    made = _rollout(engine, plan, task, before.continued(attempt), attempt.prompt)
    ids = None if earlier else attempt.token_ids
    return replace(made, finish_reason=attempt.finish_reason, token_ids=ids)


def _as_it_is(engine: Engine, plan: SamplingPlan, task: SamplingTask, part: PartialRollout) -> Rollout:
    if task.truncated:
        prompt = Rollout.from_row(task.truncated).prompt
    else:
        prompt = plan.strategy.ask(task.problem, part.annotations).messages(task.problem)
    return _rollout(engine, plan, task, part, prompt)


def _rollout(
    engine: Engine, plan: SamplingPlan, task: SamplingTask, part: PartialRollout, prompt: tuple[Message, ...]
) -> Rollout:
    return Rollout(
        id=task.id,
        problem_id=task.problem.id,
        index=task.index,
        strategy=plan.strategy.label,
        thinking=plan.strategy.thinking,
        messages=(*prompt, *part.messages),
        finish_reason=FinishReason.LENGTH,
        model=plan.model,
        engine=engine.name,
        sampling=with_seed(plan.sampling, task.id),
        prompt_hash=plan.template.hash,
        usage=part.usage,
        seconds=round(part.seconds, 3),
        tools=part.tools,
        annotations=part.annotations,
    )


def _first(errors: BaseExceptionGroup[UserError]) -> UserError:
    error = errors.exceptions[0]
    return _first(error) if isinstance(error, BaseExceptionGroup) else error
