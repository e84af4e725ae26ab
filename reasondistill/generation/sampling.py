"""Sampling problems with an engine into tables of rollouts: what is missing is asked for, what is there is kept.

Each sample is its own request with a content id, so that a kill costs the requests in flight and nothing else. Every
finished rollout is stored before it is counted.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from ..engines.base import Engine
from ..errors import RequestError, UserError
from ..records import Problem, Rollout, Row, Sampling, Usage, rollout_id, with_seed
from ..store import Table
from .prompts import PromptTemplate
from .strategy import Strategy


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplingPlan:
    """What is to be sampled: every problem, `samples` times, with one strategy."""

    problems: tuple[Problem, ...]
    strategy: Strategy
    sampling: Sampling
    samples: int = 1
    model: str
    """The name recorded in the rollouts."""

    @property
    def template(self) -> PromptTemplate:
        """The strategy's prompt template."""
        return self.strategy.template

    def wanted(self) -> Iterator[tuple[str, Problem, int]]:
        """Yield (rollout id, problem, index), first all problems once, then all a second time.

        Attempts that share a beginning stand together, so that it need not be kept for long.
        """
        together = self.strategy.side_by_side
        for start in range(0, self.samples, together):
            for problem in self.problems:
                for index in range(start, min(start + together, self.samples)):
                    yield self._id(problem, index), problem, index

    def missing(self, table: Table) -> list[tuple[str, Problem, int]]:
        """Return what `wanted` yields and the table lacks, or holds cut short by a smaller cap than the plan's."""
        cut = {row["id"] for row in table if _was_cut(row, self.sampling.max_tokens)}
        return [task for task in self.wanted() if task[0] not in table or task[0] in cut]

    def _id(self, problem: Problem, index: int) -> str:
        return rollout_id(
            problem,
            index=index,
            strategy=self.strategy.name,
            thinking=self.strategy.thinking,
            model=self.model,
            sampling=self.sampling,
            prompt_hash=self.template.hash,
            settings=self.strategy.identity(),
        )


@dataclass(slots=True)
class SamplingCounts:
    """What a sampling run did."""

    stored: int = 0
    truncated: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    """Requests that failed for good, by reason."""
    usage: Usage = field(default_factory=Usage)

    @property
    def failed_share(self) -> float:
        """Share of the finished requests that failed for good."""
        return self.failed.total() / max(1, self.failed.total() + self.stored)

    def add(self, rollout: Rollout) -> None:
        """Count a stored rollout."""
        self.stored += 1
        self.truncated += rollout.finish_reason == "length"
        self.usage += rollout.usage


@dataclass(slots=True, kw_only=True)
class SamplingJob:
    """A plan and the table that its rollouts go to."""

    plan: SamplingPlan
    table: Table
    on_rollout: Callable[[Rollout], None] = lambda _: None
    """Called in the event loop after a rollout is stored."""
    counts: SamplingCounts = field(default_factory=SamplingCounts)


async def sample(engine: Engine, jobs: Sequence[SamplingJob], *, concurrency: int) -> None:
    """Ask the engine for every rollout that the jobs' tables lack; append each as it finishes.

    At most `concurrency` requests are in flight over all jobs. A request that fails for good is counted and the rest go
    on. What finished is stored. Raises EngineError when the engine is gone, StoreError when a table cannot be written.
    """
    todo = ((job, task) for job in jobs for task in job.plan.missing(job.table))

    async def worker() -> None:
        for job, task in todo:
            try:
                rollout = await _one(engine, job.plan, *task)
            except RequestError as error:
                job.counts.failed[error.reason] += 1
                continue
            job.table.append(rollout.to_row())
            job.counts.add(rollout)
            job.on_rollout(rollout)

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(concurrency):
                group.create_task(worker())
    except* UserError as errors:
        raise _first(errors) from None


async def _one(engine: Engine, plan: SamplingPlan, identifier: str, problem: Problem, index: int) -> Rollout:
    sampling = with_seed(plan.sampling, identifier)
    attempt = await plan.strategy.attempt(engine, problem, sampling, index=index)
    return Rollout(
        id=identifier,
        problem_id=problem.id,
        index=index,
        strategy=plan.strategy.name,
        thinking=plan.strategy.thinking,
        messages=(*attempt.prompt, *attempt.messages),
        token_ids=attempt.token_ids,
        finish_reason=attempt.finish_reason,
        model=plan.model,
        engine=engine.name,
        sampling=sampling,
        prompt_hash=plan.template.hash,
        usage=attempt.usage,
        seconds=round(attempt.seconds, 3),
        tools=attempt.tools,
        marks=attempt.marks,
    )


def _was_cut(row: Row, cap: int) -> bool:
    return bool(row["finish_reason"] == "length" and row["sampling"]["max_tokens"] < cap)


def _first(errors: BaseExceptionGroup[UserError]) -> UserError:
    found = errors.exceptions[0]
    return _first(found) if isinstance(found, BaseExceptionGroup) else found
