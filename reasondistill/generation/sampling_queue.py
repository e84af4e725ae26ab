"""What is to be sampled, and what is asked for next: what the table lacks, or, adaptively, what a problem still needs.

Adaptive sampling never has more of a problem in flight than could still be needed: it waits rather than overshoots.
"""

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from ..records import Problem, Row, Sampling, rollout_namer
from ..store import Table
from .prompts import PromptTemplate
from .spending import Decision, Spending, SpendingOptions, decide
from .strategies import Strategy


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplingPlan:
    """Problems, a strategy and a model."""

    problems: tuple[Problem, ...]
    strategy: Strategy
    sampling: Sampling
    samples: int = 1
    """Number of rollouts of a problem; with adaptive sampling the maximum."""
    model: str
    weights: str | None = None
    """Suffix that distinguishes the model's weights from others with the same name; part of the ids."""
    budget: SpendingOptions = field(default_factory=SpendingOptions)

    @property
    def template(self) -> PromptTemplate:
        return self.strategy.template

    def wanted(self) -> Iterator[tuple[str, Problem, int]]:
        """Yield (rollout id, problem, index), all problems once, then again; those with a shared beginning together."""
        together, name = self.strategy.group_size, self._namer()
        for start in range(0, self.samples, together):
            for problem in self.problems:
                for index in range(start, min(start + together, self.samples)):
                    yield name(problem, index), problem, index

    def missing(self, table: Table) -> list[tuple[str, Problem, int]]:
        """Return what `wanted` yields and the table lacks, or holds truncated by a smaller cap than the plan's."""
        truncated = self.truncated(table)
        return [task for task in self.wanted() if task[0] not in table or task[0] in truncated]

    def stored_ids(self, table: Table) -> set[str]:
        """Return the ids of wanted rollouts that are stored whole: all that `missing` leaves out."""
        truncated = self.truncated(table)
        return {identifier for identifier, _, _ in self.wanted() if identifier in table and identifier not in truncated}

    def truncated(self, table: Table) -> set[str]:
        """Return the ids of stored rollouts, wanted or not, that a smaller cap than the plan's has truncated."""
        return {head["id"] for head in table.heads() if self.is_truncated(head)}

    def is_truncated(self, row: Row) -> bool:
        """Return whether a stored rollout, or its head, was truncated by a smaller cap than the plan's."""
        return bool(row["finish_reason"] == "length" and row["sampling"]["max_tokens"] < self.sampling.max_tokens)

    def id_of(self, problem: Problem, index: int) -> str:
        """Return a rollout's content id."""
        return self._namer()(problem, index)

    def _namer(self) -> Callable[[Problem, int], str]:
        return rollout_namer(
            strategy=self.strategy.identity(),
            model=self.model,
            weights=self.weights,
            sampling=self.sampling,
            prompt_hash=self.template.hash,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplingTask:
    """One rollout to ask for."""

    id: str
    problem: Problem
    index: int
    truncated: Row | None = None
    """Row of an earlier rollout of this id, truncated by a smaller cap, which is resumed."""
    is_retry: bool = False


@dataclass(slots=True)
class _ProblemState:
    problem: Problem
    next_index: int = 0
    correct: int = 0
    judged: int = 0
    pending: int = 0
    """Number of rollouts in flight or waiting for their verdict."""

    def count(self, correct: bool | None) -> None:
        """Count a verdict; None, an error of our side, says nothing about the problem."""
        if correct is not None:
            self.judged += 1
            self.correct += correct


@dataclass(slots=True, kw_only=True)
class SamplingQueue:
    """The tasks of one plan that its table lacks."""

    plan: SamplingPlan
    table: Table
    spending: Spending
    outcomes: Mapping[str, bool | None] = field(default_factory=dict)
    """Whether a stored rollout is correct, by its id; None for an error of our side. For adaptive sampling."""
    stopped: str | None = None
    """Why no further rollout is asked for: interrupted, max_tokens_total or max_cost."""
    _tasks: Iterator[SamplingTask] | None = None
    _retries: deque[SamplingTask] = field(default_factory=deque)
    _open: deque[_ProblemState] = field(default_factory=deque)
    _states: dict[str, _ProblemState] = field(default_factory=dict)
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    async def take(self) -> SamplingTask | None:
        """Return the next task, waiting for verdicts if it depends on them; None at the end."""
        while True:
            self.stopped = self.stopped or self.spending.used_up()
            if self.stopped:
                return None
            if (task := self._next()) is not None:
                self.spending.in_flight += 1
                return task
            if not any(state.pending for state in self._states.values()):
                return None
            await self._changed.wait()

    def finish(self, task: SamplingTask, *, stored: bool) -> None:
        """Note that a task is over; with adaptive sampling a stored one still waits for its verdict."""
        self.spending.in_flight -= 1
        state = self._states.get(task.problem.id)
        if state is not None and not stored:
            state.pending -= 1
            self._wake()

    def retry(self, task: SamplingTask) -> None:
        """Ask for a failed task once more, at the end."""
        self._retries.append(replace(task, is_retry=True))

    def judged(self, problem_id: str, correct: bool | None) -> None:
        state = self._states.get(problem_id)
        if state is not None:
            state.pending -= 1
            state.count(correct)
            self._wake()

    def stop(self, why: str) -> None:
        self.stopped = self.stopped or why
        self._wake()

    def decisions(self) -> Counter[str]:
        """Return how many problems ended how; those that used up their samples count as `open`."""
        return Counter(str(decide(s.correct, s.judged, self.plan.budget)) for s in self._states.values())

    def _wake(self) -> None:
        """Let waiting workers look again; later ones wait for the next change."""
        self._changed.set()
        self._changed = asyncio.Event()

    def _next(self) -> SamplingTask | None:
        if self._tasks is None:
            self._tasks = self._fixed() if self.plan.budget.until_correct is None else self._adaptive()
        task = next(self._tasks, None)
        if task is None and self._open:
            # Verdicts have come since the last round.
            self._tasks = self._rounds()
            task = next(self._tasks, None)
        if task is None and self._retries:
            task = self._retries.popleft()
            self._note_pending(task)
        return task

    def _note_pending(self, task: SamplingTask) -> None:
        if task.problem.id in self._states:
            self._states[task.problem.id].pending += 1

    def _fixed(self) -> Iterator[SamplingTask]:
        yield from self._truncated()
        for identifier, problem, index in self.plan.wanted():
            if identifier not in self.table:
                yield SamplingTask(id=identifier, problem=problem, index=index)

    def _truncated(self) -> Iterator[SamplingTask]:
        problems = {p.id: p for p in self.plan.problems}
        truncated = []
        for head in self.table.heads():
            problem = problems.get(head["problem_id"])
            if problem is not None and self.plan.is_truncated(head) and head["index"] < self.plan.samples:
                truncated += [head["id"]] if self.plan.id_of(problem, head["index"]) == head["id"] else []
        for row in self.table.rows(truncated):
            yield SamplingTask(id=row["id"], problem=problems[row["problem_id"]], index=row["index"], truncated=row)

    def _adaptive(self) -> Iterator[SamplingTask]:
        """Yield truncated rollouts, then samples of the problems that the stored verdicts leave open."""
        truncated = set()
        self._states = {problem.id: _ProblemState(problem) for problem in self.plan.problems}
        for task in self._truncated():
            truncated.add(task.id)
            self._note_pending(task)
            yield task
        for state in self._states.values():
            for index in range(self.plan.samples):
                identifier = self.plan.id_of(state.problem, index)
                if identifier in self.outcomes and identifier in self.table and identifier not in truncated:
                    state.count(self.outcomes[identifier])
            self._open.append(state)
        yield from self._rounds()

    def _rounds(self) -> Iterator[SamplingTask]:
        """Yield a sample of each open problem in turn, until all are closed or wait for verdicts."""
        while True:
            asked = False
            for _ in range(len(self._open)):
                state = self._open.popleft()
                if decide(state.correct, state.judged, self.plan.budget) is not Decision.OPEN:
                    continue
                if state.correct + state.pending >= (self.plan.budget.until_correct or 0):
                    self._open.append(state)
                elif (task := self._sample(state)) is not None:
                    self._open.append(state)
                    asked = True
                    yield task
            if not asked:
                return

    def _sample(self, state: _ProblemState) -> SamplingTask | None:
        while state.next_index < self.plan.samples:
            index, state.next_index = state.next_index, state.next_index + 1
            identifier = self.plan.id_of(state.problem, index)
            if identifier not in self.table:
                state.pending += 1
                return SamplingTask(id=identifier, problem=state.problem, index=index)
        return None
