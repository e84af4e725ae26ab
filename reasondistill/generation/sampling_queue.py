"""Which rollout is asked for next: what the table lacks, or with adaptive sampling what a problem still needs.

An agenda belongs to one event loop. Adaptive sampling never has more of a problem in flight than could still be needed,
so a problem waits for its verdicts rather than overshoot; the engine takes another problem meanwhile.
"""

import asyncio
from collections import Counter, deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from ..records import Problem, Row
from ..store import Table
from .spending import Decision, Purse, SpendingOptions, decide


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One rollout to ask for."""

    id: str
    problem: Problem
    index: int
    cut: Row | None = None
    """The row of an earlier rollout of this id that a smaller cap cut short: it is gone on with."""
    again: bool = False
    """It failed before, in this run."""


class Plan(Protocol):
    """What an agenda needs of a sampling plan."""

    @property
    def problems(self) -> tuple[Problem, ...]:
        """The problems, in order."""
        ...

    @property
    def samples(self) -> int:
        """Rollouts of a problem at most."""
        ...

    def wanted(self) -> Iterator[tuple[str, Problem, int]]:
        """Yield (rollout id, problem, index) in the order in which they are asked for."""
        ...

    def id_of(self, problem: Problem, index: int) -> str:
        """Return a rollout's id."""
        ...

    def was_cut(self, row: Row) -> bool:
        """Return whether a stored rollout is to be gone on with."""
        ...


@dataclass(slots=True)
class _State:
    """What is known of one problem in adaptive sampling."""

    problem: Problem
    next_index: int = 0
    correct: int = 0
    judged: int = 0
    pending: int = 0


@dataclass(slots=True, kw_only=True)
class Agenda:
    """What one plan still wants of one table."""

    plan: Plan
    table: Table
    options: SpendingOptions
    purse: Purse
    outcomes: Mapping[str, bool | None] = field(default_factory=dict)
    """Whether a stored rollout is right, by its id; None where our side could not tell. Adaptive sampling only."""
    stopped: str | None = None
    """Why no further rollout is asked for: interrupted, max_tokens_total or max_cost."""
    _tasks: Iterator[Task] | None = None
    _again: deque[Task] = field(default_factory=deque)
    _open: deque[_State] = field(default_factory=deque)
    _states: dict[str, _State] = field(default_factory=dict)
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def adaptive(self) -> bool:
        """Whether problems end when they have had enough."""
        return self.options.until_correct is not None

    async def take(self) -> Task | None:
        """Return the next task, waiting for verdicts if it depends on them; None at the end."""
        while True:
            self.stopped = self.stopped or self.purse.empty()
            if self.stopped:
                return None
            task = self._next()
            if task is not None:
                self.purse.in_flight += 1
                return task
            if not self._waits():
                return None
            await self._changed.wait()

    def back(self, task: Task, *, stored: bool) -> None:
        """Note that a task is over; a stored one of an adaptive agenda waits for its verdict."""
        self.purse.in_flight -= 1
        state = self._states.get(task.problem.id)
        if state is not None and not stored:
            state.pending -= 1
            self._wake()

    def retry(self, task: Task) -> None:
        """Ask for a failed task once more, at the end."""
        self._again.append(Task(id=task.id, problem=task.problem, index=task.index, cut=task.cut, again=True))

    def judged(self, problem_id: str, correct: bool | None) -> None:
        """Note the verdict of a stored rollout."""
        state = self._states.get(problem_id)
        if state is not None:
            state.pending -= 1
            _count(state, correct)
            self._wake()

    def stop(self, why: str) -> None:
        """Hand out no further task."""
        self.stopped = self.stopped or why
        self._wake()

    def decisions(self) -> Counter[str]:
        """Return how many problems ended how; those that used up their samples count as `open`."""
        return Counter(str(decide(s.correct, s.judged, self.options)) for s in self._states.values())

    def _wake(self) -> None:
        """Let those who wait look again; who waits next waits for a further change."""
        self._changed.set()
        self._changed = asyncio.Event()

    def _waits(self) -> bool:
        return any(state.pending for state in self._states.values())

    def _next(self) -> Task | None:
        if self._tasks is None:
            self._tasks = self._adaptive() if self.adaptive else self._fixed()
        task = next(self._tasks, None)
        if task is None and self.adaptive and self._open:
            self._tasks = self._rounds()
            task = next(self._tasks, None)
        if task is None and self._again:
            task = self._again.popleft()
            self._pend(task)
        return task

    def _pend(self, task: Task) -> None:
        if task.problem.id in self._states:
            self._states[task.problem.id].pending += 1

    def _fixed(self) -> Iterator[Task]:
        """Yield what was cut, then what is wanted and not there."""
        yield from self._cut()
        for identifier, problem, index in self.plan.wanted():
            if identifier not in self.table:
                yield Task(id=identifier, problem=problem, index=index)

    def _cut(self) -> Iterator[Task]:
        problems = {p.id: p for p in self.plan.problems}
        cut = []
        for head in self.table.heads():
            problem = problems.get(head["problem_id"])
            if problem is None or not self.plan.was_cut(head) or head["index"] >= self.plan.samples:
                continue
            if self.plan.id_of(problem, head["index"]) == head["id"]:
                cut.append(head["id"])
        for row in self.table.rows(cut):
            yield Task(id=row["id"], problem=problems[row["problem_id"]], index=row["index"], cut=row)

    def _adaptive(self) -> Iterator[Task]:
        cut = set()
        for problem in self.plan.problems:
            self._states[problem.id] = _State(problem)
        for task in self._cut():
            cut.add(task.id)
            self._pend(task)
            yield task
        for state in self._states.values():
            for index in range(self.plan.samples):
                identifier = self.plan.id_of(state.problem, index)
                if identifier in self.outcomes and identifier in self.table and identifier not in cut:
                    _count(state, self.outcomes[identifier])
            self._open.append(state)
        yield from self._rounds()

    def _rounds(self) -> Iterator[Task]:
        """Yield a sample of each open problem in turn, until all are closed or wait for verdicts."""
        while True:
            asked = False
            for _ in range(len(self._open)):
                state = self._open.popleft()
                if decide(state.correct, state.judged, self.options) is not Decision.OPEN:
                    continue
                if state.correct + state.pending >= (self.options.until_correct or 0):
                    self._open.append(state)
                    continue
                task = self._sample(state)
                if task is None:
                    continue
                self._open.append(state)
                asked = True
                yield task
            if not asked:
                return

    def _sample(self, state: _State) -> Task | None:
        while state.next_index < self.plan.samples:
            index, state.next_index = state.next_index, state.next_index + 1
            identifier = self.plan.id_of(state.problem, index)
            if identifier not in self.table:
                state.pending += 1
                return Task(id=identifier, problem=state.problem, index=index)
        return None


def _count(state: _State, correct: bool | None) -> None:
    """Count a verdict; what our side could not judge says nothing of the problem."""
    if correct is not None:
        state.judged += 1
        state.correct += correct
