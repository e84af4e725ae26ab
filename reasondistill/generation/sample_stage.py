"""Sample several sets of problems with one engine, and judge each rollout as it arrives."""

import asyncio
import math
import signal
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from verifiers import Outcome

from ..engines import EngineOptions, open_engine
from ..progress import StageProgress, say
from ..records import Problem, Rollout, Row, Sampling
from ..rows.problem_file import load_problems
from ..store import Table
from ..store.rollout_table import open_rollouts
from ..verification.judging import OutcomeCounts, VerdictStream, VerifyOptions, verify_stored
from .load_strategy import StrategyChoice
from .partial import PartialLog
from .prompts import load_template
from .sampling import SamplingJob, sample
from .sampling_queue import SamplingPlan
from .spending import SpendingOptions

INTERRUPTED = "interrupted"


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleSet:
    """One set of problems to sample, and the folder for its rollouts and verdicts."""

    label: str
    problems: Path
    folder: Path
    template: str
    sampling: Sampling
    samples: int = 1
    budget: SpendingOptions = field(default_factory=SpendingOptions)
    count: int | None = None
    """Number of problems, the first of the file. None: all."""
    strategy: StrategyChoice = field(default_factory=StrategyChoice)
    weights: str | None = None
    """Suffix that distinguishes the model's weights from others with the same name; see ModelFiles.weights."""
    beside: Path | None = None
    require_reference: bool = True
    """Whether problems need a reference. If not, nothing is judged."""

    def plan(self, model: str, problems: tuple[Problem, ...] | None = None) -> SamplingPlan:
        """Read the problems, unless they are handed in, and the template. Raises DataError or RecipeError."""
        if problems is None:
            problems = tuple(load_problems(self.problems, limit=self.count, require_reference=self.require_reference))
        return SamplingPlan(
            problems=problems,
            strategy=self.strategy.make(load_template(self.template, beside=self.beside)),
            sampling=self.sampling,
            samples=self.samples,
            model=model,
            weights=self.weights,
            budget=self.budget,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleStage:
    """Sample several sets with one engine."""

    engine: EngineOptions
    model: str
    sets: tuple[SampleSet, ...]
    verify: VerifyOptions = field(default_factory=VerifyOptions)
    wait_if_down: bool = False
    """Wait for a server that is down: it has answered before."""

    @property
    def thinking_delimiters(self) -> tuple[str, str] | None:
        """Delimiters of thinking, for an engine that caps thinking itself."""
        found = (each.strategy.decoding_rule().thinking_delimiters for each in self.sets)
        return next((delimiters for delimiters in found if delimiters is not None), None)

    @property
    def loads_model(self) -> bool:
        """Whether the engine loads a model into its process, rather than asking a server or replaying."""
        remote = self.engine.engine == "auto" and bool(self.engine.base_url or self.engine.replay)
        return self.engine.engine in ("auto", "vllm", "transformers", "llamacpp") and not remote

    def run(self) -> Row:
        """Sample what is missing; return `{engine, seconds, load_seconds, sets: {label: counts}}`."""
        return asyncio.run(_sample(self))


async def _sample(stage: SampleStage) -> Row:
    plans = {s.label: s.plan(stage.model) for s in stage.sets}
    result: Row = {"engine": None, "load_seconds": 0.0, "seconds": 0.0, "sets": {}}
    with StageProgress() as progress:
        async with AsyncExitStack() as stack:
            missing: dict[str, int] = {}
            jobs = {s.label: await _job(s, plans[s.label], stage, progress, stack, missing) for s in stage.sets}
            if not any(missing.values()):
                return result
            began = time.monotonic()
            engine = await open_engine(
                stage.engine, say=say, wait_if_down=stage.wait_if_down, thinking_delimiters=stage.thinking_delimiters
            )
            stack.push_async_callback(engine.aclose)
            for plan in plans.values():
                stack.push_async_callback(plan.strategy.aclose)
            loaded = time.monotonic()
            with _first_interrupt_finishes(list(jobs.values()), engine.name):
                # While some attempts wait for their code, others keep the engine busy.
                at_once = stage.engine.concurrency * max(s.strategy.member.in_flight for s in stage.sets)
                await sample(engine, list(jobs.values()), concurrency=math.ceil(at_once))
            seconds = time.monotonic() - loaded
    if any(job.queue.stopped == INTERRUPTED for job in jobs.values()):
        raise KeyboardInterrupt
    return {
        "engine": engine.name,
        "load_seconds": round(loaded - began, 3),
        "seconds": round(seconds, 3),
        "requests": engine.traffic.requests,
        "retries": dict(+engine.traffic.retries),
        "wasted_tokens": engine.traffic.wasted_tokens,
        "sets": {label: _counts_row(job) for label, job in jobs.items()},
    }


@contextmanager
def _first_interrupt_finishes(jobs: Sequence[SamplingJob], engine: str) -> Iterator[None]:
    """Let the first Ctrl-C wait for the requests that a server is paid for; a second one ends at once."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    in_main = threading.current_thread() is threading.main_thread()
    if engine != "openai" or not in_main or sys.platform == "win32":
        yield
        return

    def interrupted() -> None:
        if any(job.queue.stopped == INTERRUPTED for job in jobs) and task is not None:
            task.cancel()
            return
        under_way = sum(job.queue.spending.in_flight for job in jobs)
        say(f"finishing {under_way} rollouts under way; press Ctrl-C again to stop at once")
        for job in jobs:
            job.queue.stop(INTERRUPTED)

    earlier = signal.getsignal(signal.SIGINT)
    loop.add_signal_handler(signal.SIGINT, interrupted)
    try:
        yield
    except asyncio.CancelledError:
        if any(job.queue.stopped == INTERRUPTED for job in jobs):
            raise KeyboardInterrupt from None
        raise
    finally:
        loop.remove_signal_handler(signal.SIGINT)
        signal.signal(signal.SIGINT, earlier)


async def _job(
    sample_set: SampleSet,
    plan: SamplingPlan,
    stage: SampleStage,
    progress: StageProgress,
    stack: AsyncExitStack,
    missing: dict[str, int],
) -> SamplingJob:
    """Open a set's tables and stream of verdicts; note in `missing` how many rollouts the table lacks."""
    rollouts = stack.enter_context(open_rollouts(sample_set.folder, writable=True, warn=say))
    partial = stack.enter_context(PartialLog(sample_set.folder / "partial"))
    stored = plan.stored_ids(rollouts)
    truncated = plan.truncated(rollouts) if partial.ids() else set()
    for identifier in partial.ids():
        if identifier in rollouts and identifier not in truncated:
            # It was stored just before the process died.
            partial.forget(identifier)
    total = len(plan.problems) * plan.samples
    missing[sample_set.label] = total - len(stored)
    progress.start(sample_set.label, total, done=len(stored))
    tokens = [0]
    if not sample_set.require_reference:

        async def count(rollout: Rollout) -> None:
            tokens[0] += rollout.usage.completion_tokens
            progress.advance(sample_set.label, note=f"{tokens[0]} tokens")

        return SamplingJob(plan=plan, table=rollouts, partial=partial, on_rollout=count)
    verdicts = stack.enter_context(Table(sample_set.folder / "verdicts", key="rollout_id", writable=True, warn=say))
    outcomes = OutcomeCounts()

    def show(rollout: Rollout, outcome: Any) -> None:
        outcomes.add(outcome)
        tokens[0] += rollout.usage.completion_tokens
        progress.advance(sample_set.label, note=f"{100 * outcomes.accuracy:.0f} % correct, {tokens[0]} tokens")
        job.queue.judged(rollout.problem_id, _is_correct(outcome))

    problems = {p.id: p for p in plan.problems}
    # An earlier process may have stored rollouts and died before it judged them.
    verify_stored(rollouts, problems, verdicts, stage.verify, only=stored)
    adaptive = sample_set.budget.until_correct is not None
    known = {row["rollout_id"]: _is_correct(row["outcome"]) for row in verdicts} if adaptive else {}
    stream = await stack.enter_async_context(VerdictStream(problems, verdicts, stage.verify, show))
    job = SamplingJob(plan=plan, table=rollouts, partial=partial, on_rollout=stream.put, outcomes=known)
    return job


def _is_correct(outcome: str) -> bool | None:
    """Return whether an outcome is correct; None for an error of our side."""
    return None if outcome == Outcome.ERROR else outcome == Outcome.CORRECT


def failures(counts: Row) -> str:
    """Return the failures of a set, from its row in a stage's result.

    >>> failures({"failed": {"timeout": 1, "bad_request": 2}, "said": {"timeout": "late", "bad_request": "HTTP 400"}})
    'timeout 1, bad_request 2; the first bad_request said: HTTP 400'
    """
    reasons = ", ".join(f"{reason} {n}" for reason, n in counts["failed"].items())
    commonest = max(counts["failed"], key=counts["failed"].__getitem__)
    return f"{reasons}; the first {commonest} said: {counts['said'][commonest]}"


def _counts_row(job: SamplingJob) -> Row:
    row, stored = asdict(job.counts), max(1, job.counts.stored)
    shares = {f"{name}_share": round(row[name] / stored, 4) for name in ("truncated", "empty")}
    cost = round(job.plan.budget.cost(job.counts.usage), 6)
    row |= {
        "failed": dict(job.counts.failed),
        "decisions": dict(job.counts.decisions),
    }  # asdict counts a Counter's pairs
    return {**row, **shares, "failed_share": job.counts.failed_share, "cost": cost}
