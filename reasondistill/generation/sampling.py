"""Sampling problems with an engine into tables of rollouts: what is missing is asked for, what is there is kept.

Each sample is its own request with a content id, so that a kill costs the requests in flight and nothing else. Every
finished rollout is stored before it is counted; one that a smaller cap cut short is gone on with, not sampled again.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from ..engines.base import Engine
from ..errors import RequestError, UserError
from ..records import FinishReason, Message, Problem, Rollout, Row, Sampling, Usage, rollout_namer, with_seed
from ..store import Table
from .partial import Begun, PartialLog, of_attempt
from .prompts import PromptTemplate
from .sampling_queue import Agenda, Task
from .spending import Purse, SpendingOptions
from .strategies.base import Strategy

_MAY_GO_AWAY = {"timeout", "connection", "server_error", "rate_limit", "invalid_json", "no_choices", "empty_answer"}
"""Failures that are tried once more when all else is done: the server may have recovered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplingPlan:
    """What is to be sampled: every problem, `samples` times (at most, with adaptive sampling), with one strategy."""

    problems: tuple[Problem, ...]
    strategy: Strategy
    sampling: Sampling
    samples: int = 1
    model: str
    """The name recorded in the rollouts."""
    weights: str | None = None
    """What tells the model's weights from others of its name, where that does not; part of the ids."""
    budget: SpendingOptions = field(default_factory=SpendingOptions)

    @property
    def template(self) -> PromptTemplate:
        """The strategy's prompt template."""
        return self.strategy.template

    def wanted(self) -> Iterator[tuple[str, Problem, int]]:
        """Yield (rollout id, problem, index), first all problems once, then all a second time.

        Attempts that share a beginning stand together, so that it need not be kept for long.
        """
        together, name = self.strategy.side_by_side, self._namer()
        for start in range(0, self.samples, together):
            for problem in self.problems:
                for index in range(start, min(start + together, self.samples)):
                    yield name(problem, index), problem, index

    def missing(self, table: Table) -> list[tuple[str, Problem, int]]:
        """Return what `wanted` yields and the table lacks, or holds cut short by a smaller cap than the plan's."""
        cut = self.cut(table)
        return [task for task in self.wanted() if task[0] not in table or task[0] in cut]

    def there(self, table: Table) -> set[str]:
        """Return the ids of what is wanted and stored whole: all that `missing` leaves out."""
        cut = self.cut(table)
        return {identifier for identifier, _, _ in self.wanted() if identifier in table and identifier not in cut}

    def cut(self, table: Table) -> set[str]:
        """Return the ids of stored rollouts that a smaller cap than the plan's has cut, wanted or not."""
        return {head["id"] for head in table.heads() if self.was_cut(head)}

    def was_cut(self, row: Row) -> bool:
        """Return whether a stored rollout, or its head, was cut by a smaller cap than the plan's."""
        return bool(row["finish_reason"] == "length" and row["sampling"]["max_tokens"] < self.sampling.max_tokens)

    def id_of(self, problem: Problem, index: int) -> str:
        """Return a rollout's content id."""
        return self._namer()(problem, index)

    def _namer(self) -> Callable[[Problem, int], str]:
        return rollout_namer(
            strategy=self.strategy.name,
            thinking=self.strategy.thinking,
            model=self.model,
            sampling=self.sampling,
            prompt_hash=self.template.hash,
            settings=self.strategy.identity() | ({"weights": self.weights} if self.weights else {}),
        )


@dataclass(slots=True)
class SamplingCounts:
    """What a sampling run did."""

    stored: int = 0
    truncated: int = 0
    empty: int = 0
    """Rollouts without any text in their last turn: a truncated thought, a filtered answer."""
    continued: int = 0
    """Rollouts that went on from an earlier, shorter text."""
    failed: Counter[str] = field(default_factory=Counter)
    """Requests that failed for good, by reason."""
    said: dict[str, str] = field(default_factory=dict)
    """What the first failure of each reason said."""
    usage: Usage = field(default_factory=Usage)
    """Of this run alone; what a continued rollout had cost before is not in it."""
    stopped: str | None = None
    """Why it ended early: interrupted, max_tokens_total or max_cost."""
    decisions: Counter[str] = field(default_factory=Counter)
    """Adaptive sampling: problems by how they ended."""

    @property
    def failed_share(self) -> float:
        """Share of the finished requests that failed for good."""
        return self.failed.total() / max(1, self.failed.total() + self.stored)

    def add(self, rollout: Rollout, before: Usage) -> None:
        """Count a stored rollout; `before` is what it had cost in earlier runs."""
        self.stored += 1
        self.truncated += rollout.finish_reason == "length"
        self.empty += not rollout.text.strip()
        self.continued += before.completion_tokens > 0
        self.usage += Usage(
            prompt_tokens=rollout.usage.prompt_tokens - before.prompt_tokens,
            cached_tokens=rollout.usage.cached_tokens - before.cached_tokens,
            completion_tokens=rollout.usage.completion_tokens - before.completion_tokens,
        )


async def _nothing(_: Rollout) -> None:
    return None


@dataclass(slots=True, kw_only=True)
class SamplingJob:
    """A plan and the table that its rollouts go to."""

    plan: SamplingPlan
    table: Table
    on_rollout: Callable[[Rollout], Awaitable[None]] = _nothing
    """Awaited after a rollout is stored; while it waits, its worker asks for nothing: this is the back-pressure."""
    partial: PartialLog | None = None
    """Keeps long rollouts that are under way."""
    outcomes: Mapping[str, bool | None] = field(default_factory=dict)
    """Verdicts that are there, for adaptive sampling: see Agenda."""
    counts: SamplingCounts = field(default_factory=SamplingCounts)
    agenda: Agenda = field(init=False)
    """Tell it of each verdict (`agenda.judged`) with adaptive sampling; `agenda.stop` ends the job gracefully."""

    def __post_init__(self) -> None:
        purse = Purse(self.plan.budget)
        self.agenda = Agenda(
            plan=self.plan, table=self.table, options=self.plan.budget, purse=purse, outcomes=self.outcomes
        )
        if self.plan.budget.max_tokens_total is not None or self.plan.budget.max_cost is not None:
            for head in self.table.heads():
                purse.add(Usage(**head["usage"]))


async def sample(engine: Engine, jobs: Sequence[SamplingJob], *, concurrency: int) -> None:
    """Ask the engine for every rollout that the jobs' tables lack; append each as it finishes.

    At most `concurrency` requests are in flight over all jobs. A request that fails for good is counted and the rest go
    on. What finished is stored. Raises EngineError when the engine is gone, StoreError when a table cannot be written.
    """

    async def worker() -> None:
        for job in jobs:
            while (task := await job.agenda.take()) is not None:
                await _finish(engine, job, task)

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(concurrency):
                group.create_task(worker())
    except* UserError as errors:
        raise _first(errors) from None
    finally:
        for job in jobs:
            job.counts.stopped = job.agenda.stopped
            job.counts.decisions = job.agenda.decisions()


async def _finish(engine: Engine, job: SamplingJob, task: Task) -> None:
    """Make one rollout, store it and hand it on; or count why there is none."""
    stored = False
    try:
        rollout, before = await _one(engine, job, task)
        job.table.append(rollout.to_row())
        stored = True
    except RequestError as error:
        if error.reason in _MAY_GO_AWAY and not task.again and job.counts.stored:
            job.agenda.retry(task)
        else:
            job.counts.failed[error.reason] += 1
            job.counts.said.setdefault(error.reason, str(error))
        return
    finally:
        job.agenda.back(task, stored=stored)
    if job.partial is not None:
        job.partial.forget(task.id)
    job.agenda.purse.add(rollout.usage)
    job.counts.add(rollout, before)
    await job.on_rollout(rollout)


async def _one(engine: Engine, job: SamplingJob, task: Task) -> tuple[Rollout, Usage]:
    """Return the rollout, and what it had cost in earlier runs."""
    plan, begun = job.plan, _begun(job, task)
    whole = with_seed(plan.sampling, task.id)
    # A server that counts no tokens has used up the earlier cap when that cut the text.
    used = begun.usage.completion_tokens if begun else 0
    if begun and not used and task.cut:
        used = task.cut["sampling"]["max_tokens"]
    if begun and used >= whole.max_tokens:
        return _rollout(engine, plan, task, begun, FinishReason.LENGTH), begun.usage
    partial = job.partial
    try:
        attempt = await plan.strategy.attempt(
            engine,
            task.problem,
            replace(whole, max_tokens=whole.max_tokens - used),
            index=task.index,
            prior=begun.messages if begun else (),
            partial=None if partial is None else (lambda made: partial.note(task.id, of_attempt(made, begun))),
        )
    except RequestError as error:
        if begun is None or error.reason != "prompt_too_long":
            raise
        # The context, not the cap, is what cut it: there is no room to go on.
        return _rollout(engine, plan, task, begun, FinishReason.LENGTH), begun.usage
    made = _rollout(engine, plan, task, of_attempt(attempt, begun), attempt.finish_reason, prompt=attempt.prompt)
    ids = None if begun else attempt.token_ids
    before = begun.usage if begun else Usage()
    return replace(made, token_ids=ids), before


def _begun(job: SamplingJob, task: Task) -> Begun | None:
    """Return what there is of a rollout: what was saved under way, or what a smaller cap left."""
    if job.partial is not None and (begun := job.partial.begun(task.id)) is not None:
        return begun
    if task.cut is None:
        return None
    rollout = Rollout.from_row(task.cut)
    return Begun(
        messages=rollout.completion,
        usage=rollout.usage,
        seconds=rollout.seconds,
        tools=rollout.tools,
        marks=rollout.marks,
    )


def _rollout(
    engine: Engine,
    plan: SamplingPlan,
    task: Task,
    begun: Begun,
    finish: FinishReason,
    *,
    prompt: tuple[Message, ...] | None = None,
) -> Rollout:
    if prompt is None:
        prompt = Rollout.from_row(task.cut).prompt if task.cut else plan.template.messages(task.problem)
    return Rollout(
        id=task.id,
        problem_id=task.problem.id,
        index=task.index,
        strategy=plan.strategy.name,
        thinking=plan.strategy.thinking,
        messages=(*prompt, *begun.messages),
        finish_reason=finish,
        model=plan.model,
        engine=engine.name,
        sampling=with_seed(plan.sampling, task.id),
        prompt_hash=plan.template.hash,
        usage=begun.usage,
        seconds=round(begun.seconds, 3),
        tools=begun.tools,
        marks=begun.marks,
    )


def _first(errors: BaseExceptionGroup[UserError]) -> UserError:
    found = errors.exceptions[0]
    return _first(found) if isinstance(found, BaseExceptionGroup) else found
