"""Stages that load a model, each in a process of its own, so that its memory is free again when it ends.

A job is a JSON object on the child's standard input, the result one on its standard output; progress goes to standard
error. The child dies with its parent, and holds the run folder's lock as long as it lives.
"""

import asyncio
import ctypes
import json
import math
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Self

from verifiers import Outcome

from .. import errors
from ..curation.ifd_scores import IfdStage
from ..engines import EngineOptions, open_engine
from ..engines.auto import calm_threads
from ..errors import EngineError, UserError
from ..generation.partial import PartialLog
from ..generation.prompts import load_template
from ..generation.sampling import SamplingJob, SamplingPlan, sample
from ..generation.spending import BudgetOptions
from ..generation.strategies.registry import StrategyOptions, make_strategy
from ..problems import load_problems
from ..progress import StageProgress, say
from ..records import Rollout, Row, Sampling
from ..store import Table
from ..store.rollout_table import open_rollouts
from ..training.options import TrainOptions
from ..verification.judging import OutcomeCounts, VerdictStream, VerifyOptions, verify_stored

INTERRUPTED = "interrupted"
LOCAL_ENGINES = ("auto", "vllm", "transformers", "llamacpp")
"""Engines that load a model into the process that opens them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleSet:
    """One set of problems to sample: where it is read from and where its rollouts and verdicts go."""

    label: str
    problems: Path
    folder: Path
    """Holds the tables `rollouts` and, unless `verify` is off, `verdicts`."""
    template: str
    sampling: Sampling
    samples: int = 1
    budget: BudgetOptions = field(default_factory=BudgetOptions)
    count: int | None = None
    """First problems only."""
    strategy: StrategyOptions = field(default_factory=StrategyOptions)
    weights: str | None = None
    """What tells the model's weights from others of its name: see ModelFiles.weights."""
    beside: Path | None = None
    """Folder that a template file's relative path starts from."""
    require_reference: bool = True
    """Off: problems without a reference are sampled too, and nothing is judged."""

    def plan(self, model: str) -> SamplingPlan:
        """Read problems and template. Raises DataError or RecipeError."""
        problems = load_problems(self.problems, limit=self.count, require_reference=self.require_reference)
        return SamplingPlan(
            problems=tuple(problems),
            strategy=make_strategy(self.strategy, load_template(self.template, beside=self.beside)),
            sampling=self.sampling,
            samples=self.samples,
            model=model,
            weights=self.weights,
            budget=self.budget,
        )

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Self:
        """Rebuild from the JSON form of `asdict`."""
        paths = {k: Path(row[k]) for k in ("problems", "folder")}
        beside = Path(row["beside"]) if row["beside"] else None
        rebuilt = {
            "sampling": Sampling.from_row(row["sampling"]),
            "strategy": StrategyOptions.from_row(row["strategy"]),
            "budget": BudgetOptions.from_row(row["budget"]),
        }
        return cls(**{**row, **paths, **rebuilt, "beside": beside})


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleStage:
    """Sample several sets with one engine."""

    engine: EngineOptions
    model: str
    """The name recorded in the rollouts."""
    sets: tuple[SampleSet, ...]
    verify: VerifyOptions = field(default_factory=VerifyOptions)
    known: bool = False
    """The server has answered before: one that is down is waited for."""

    @property
    def engine_options(self) -> EngineOptions:
        """How the engine is opened: told of the delimiters where it is to cap thinking by itself."""
        capped = [s.strategy.forcing for s in self.sets if s.strategy.by_engine]
        if not capped:
            return self.engine
        return replace(self.engine, thinking_delimiters=capped[0].thinking_format(None).delimiters)

    def run(self) -> Row:
        """Sample what is missing; return `{engine, seconds, load_seconds, sets: {label: counts}}`."""
        return asyncio.run(_sample(self))

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Self:
        """Rebuild from the JSON form of `asdict`."""
        return cls(
            engine=EngineOptions(**row["engine"]),
            model=row["model"],
            sets=tuple(SampleSet.from_row(s) for s in row["sets"]),
            verify=VerifyOptions(**row["verify"]),
            known=row["known"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainStage:
    """Train one student."""

    label: str
    student: str
    dataset: Path
    out: Path
    options: TrainOptions

    def run(self) -> Row:
        """Train, going on from a checkpoint if there is one; return the result's row."""
        from ..training.methods.sft import train_sft

        with StageProgress() as progress:
            started: list[int] = []

            def show(update: Mapping[str, Any]) -> None:
                if not started:
                    progress.start(self.label, int(update["total"]), done=int(update["step"]) - 1)
                progress.advance(
                    self.label, by=int(update["step"]) - sum(started) if started else 1, note=_loss_note(update)
                )
                started[:] = [int(update["step"])]

            result = train_sft(
                student=self.student, dataset=self.dataset, out=self.out, options=self.options, progress=show
            )
        return result.to_row()

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Self:
        """Rebuild from the JSON form of `asdict`."""
        paths = {k: Path(row[k]) for k in ("dataset", "out")}
        return cls(**{**row, **paths, "options": TrainOptions.from_row(row["options"])})


Stage = SampleStage | TrainStage | IfdStage
_STAGES: Mapping[str, type[Stage]] = {each.__name__: each for each in (SampleStage, TrainStage, IfdStage)}


def run_stage(stage: Stage, *, lock_fd: int | None = None) -> Row:
    """Run a stage: in a child process if it loads a model, here if it only talks to a server or replays.

    Raises what the stage raised; EngineError when the child died without a word (out of memory, say).
    """
    if isinstance(stage, SampleStage) and stage.engine.engine not in LOCAL_ENGINES:
        return stage.run()
    if (
        isinstance(stage, SampleStage)
        and stage.engine.engine == "auto"
        and (stage.engine.base_url or stage.engine.replay)
    ):
        return stage.run()
    job = json.dumps({"stage": type(stage).__name__, "job": asdict(stage)}, default=str)
    command = [sys.executable, "-m", "reasondistill.run.child_process", str(os.getpid())]
    fds = () if lock_fd is None else (lock_fd,)
    with _interrupts_held():
        child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, pass_fds=fds, text=True)
    with child:
        try:
            answer, _ = child.communicate(job)
        except KeyboardInterrupt:
            _end(child)
            raise
    return _read_answer(answer, child.returncode, type(stage).__name__)


def main() -> None:
    """Run the job on standard input; called in the child."""
    _die_with_parent(int(sys.argv[1]))
    calm_threads()
    answer = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # libraries print to standard output; the answer must stand alone there
    try:
        _take_interrupts()
        given = json.loads(sys.stdin.read())
        result: Row = {"result": _STAGES[given["stage"]].from_row(given["job"]).run()}
    except UserError as error:
        result = {"error": type(error).__name__, "message": str(error)}
    except KeyboardInterrupt:
        sys.exit(130)
    answer.write(json.dumps(result))
    answer.close()
    # Libraries with threads of their own can hang or crash while the interpreter is torn down; all is stored.
    sys.stderr.flush()
    os._exit(0)


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """Hold Ctrl-C back for a moment; a child made in it starts so, and takes it when its imports are done."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    earlier = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, earlier)


def _take_interrupts() -> None:
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})


def _end(child: subprocess.Popen[str]) -> None:
    """Let an interrupted child close its tables. A terminal has sent it the signal too, but `kill -INT` has not."""
    for number, patience in ((None, 10.0), (signal.SIGINT, 60.0), (signal.SIGKILL, None)):
        if number is not None:
            child.send_signal(number)
        try:
            child.wait(patience)
            return
        except subprocess.TimeoutExpired:
            continue


def _read_answer(answer: str, status: int, name: str) -> Row:
    if status == 130 or status == -signal.SIGINT:
        raise KeyboardInterrupt
    try:
        given = json.loads(answer)
    except ValueError:
        how = f"signal {-status}" if status < 0 else f"status {status}"
        hint = "; out of memory? lower concurrency or batch_size" if status == -signal.SIGKILL else ""
        raise EngineError(
            f"{name}: the process ended with {how}{hint}; the same command goes on where it was"
        ) from None
    if "error" in given:
        raise getattr(errors, given["error"], EngineError)(given["message"])
    return dict(given["result"])


def _die_with_parent(parent: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
    if os.getppid() != parent:
        os._exit(1)


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
            engine = await open_engine(stage.engine_options, say=say, known=stage.known)
            stack.push_async_callback(engine.aclose)
            for plan in plans.values():
                stack.push_async_callback(plan.strategy.aclose)
            loaded = time.monotonic()
            with _first_interrupt_finishes(list(jobs.values()), engine.name):
                await sample(engine, list(jobs.values()), concurrency=_under_way(stage))
            seconds = time.monotonic() - loaded
    if any(job.agenda.stopped == INTERRUPTED for job in jobs.values()):
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


def _under_way(stage: SampleStage) -> int:
    """Return how many rollouts are made at once: while some wait for their code, others keep the engine busy."""
    most = stage.engine.concurrency
    return math.ceil(1.25 * most) if any(s.strategy.name == "tir" for s in stage.sets) else most


@contextmanager
def _first_interrupt_finishes(jobs: Sequence[SamplingJob], engine: str) -> Iterator[None]:
    """Let the first Ctrl-C wait for the requests that a server is paid for; a second one leaves at once."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    in_main = threading.current_thread() is threading.main_thread()
    if engine != "openai" or not in_main or sys.platform == "win32":
        yield
        return

    def interrupted() -> None:
        if any(job.agenda.stopped == INTERRUPTED for job in jobs) and task is not None:
            task.cancel()
            return
        under_way = sum(job.agenda.purse.in_flight for job in jobs)
        say(f"finishing {under_way} rollouts that are under way; press Ctrl-C again to leave at once")
        for job in jobs:
            job.agenda.stop(INTERRUPTED)

    earlier = signal.getsignal(signal.SIGINT)
    loop.add_signal_handler(signal.SIGINT, interrupted)
    try:
        yield
    except asyncio.CancelledError:
        if any(job.agenda.stopped == INTERRUPTED for job in jobs):
            raise KeyboardInterrupt from None
        raise
    finally:
        loop.remove_signal_handler(signal.SIGINT)
        signal.signal(signal.SIGINT, earlier)


async def _job(
    given: SampleSet,
    plan: SamplingPlan,
    stage: SampleStage,
    progress: StageProgress,
    stack: AsyncExitStack,
    missing: dict[str, int],
) -> SamplingJob:
    """Open a set's tables and its stream of verdicts; a row counts as done when it is judged.

    What its table lacks is counted in `missing`.
    """
    rollouts = stack.enter_context(open_rollouts(given.folder, writable=True, warn=say))
    partial = stack.enter_context(PartialLog(given.folder / "partial"))
    there = plan.there(rollouts)
    cut = plan.cut(rollouts) if partial.ids() else set()
    for identifier in partial.ids():
        if identifier in rollouts and identifier not in cut:
            # It was stored just before the process died.
            partial.forget(identifier)
    total = len(plan.problems) * plan.samples
    missing[given.label] = total - len(there)
    progress.start(given.label, total, done=len(there))
    tokens = [0]
    if not given.require_reference:

        async def count(rollout: Rollout) -> None:
            tokens[0] += rollout.usage.completion_tokens
            progress.advance(given.label, note=f"{tokens[0]} tokens")

        return SamplingJob(plan=plan, table=rollouts, partial=partial, on_rollout=count)
    verdicts = stack.enter_context(Table(given.folder / "verdicts", key="rollout_id", writable=True, warn=say))
    outcomes = OutcomeCounts()

    def show(rollout: Rollout, outcome: Any) -> None:
        outcomes.add(outcome)
        tokens[0] += rollout.usage.completion_tokens
        progress.advance(given.label, note=f"{100 * outcomes.accuracy:.0f} % right, {tokens[0]} tokens")
        job.agenda.judged(rollout.problem_id, _is_right(outcome))

    problems = {p.id: p for p in plan.problems}
    # An earlier process may have stored rollouts and died before it judged them.
    verify_stored(rollouts, problems, verdicts, stage.verify, only=there)
    known = {row["rollout_id"]: _is_right(row["outcome"]) for row in verdicts} if given.budget.until_correct else {}
    stream = await stack.enter_async_context(VerdictStream(problems, verdicts, stage.verify, show))
    job = SamplingJob(plan=plan, table=rollouts, partial=partial, on_rollout=stream.put, outcomes=known)
    return job


def _is_right(outcome: str) -> bool | None:
    """Return whether an outcome counts as right; None where our side could not tell."""
    return None if outcome == Outcome.ERROR else outcome == Outcome.CORRECT


def failures(counts: Row) -> str:
    """Return what went wrong, from a set's row in a stage's result.

    >>> failures({"failed": {"timeout": 1, "bad_request": 2}, "said": {"timeout": "late", "bad_request": "HTTP 400"}})
    'timeout 1, bad_request 2; the first bad_request said: HTTP 400'
    """
    reasons = ", ".join(f"{reason} {n}" for reason, n in counts["failed"].items())
    commonest = max(counts["failed"], key=counts["failed"].__getitem__)
    return f"{reasons}; the first {commonest} said: {counts['said'][commonest]}"


def _counts_row(job: SamplingJob) -> Row:
    counts = job.counts
    return {
        "stored": counts.stored,
        "truncated": counts.truncated,
        "truncated_share": round(counts.truncated / max(1, counts.stored), 4),
        "empty": counts.empty,
        "empty_share": round(counts.empty / max(1, counts.stored), 4),
        "continued": counts.continued,
        "failed": dict(counts.failed),
        "said": counts.said,
        "failed_share": counts.failed_share,
        "usage": asdict(counts.usage),
        "cost": round(job.plan.budget.cost(counts.usage), 6),
        "stopped": counts.stopped,
        "decisions": dict(counts.decisions),
    }


def _loss_note(update: Mapping[str, Any]) -> str:
    loss = update.get("loss")
    return f"loss {loss:.3f}" if isinstance(loss, float) else ""


if __name__ == "__main__":
    main()
