"""The strategy `tir`: text and code interleave, and each attempt's code runs in an interpreter of its own.

One loop serves every engine. Where an engine goes on from a prefix, a textual syntax makes one assistant turn with the
outputs inside; elsewhere an output is sent as a turn of its own. Stored are roles in both cases.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from sandbox import Limits

from ....engines.base import Engine
from ....records import FinishReason, Message, Problem, Row, Sampling
from ...effort import with_effort
from ...prompts import PromptTemplate
from ...syntax import PYTHON_TOOL, SYNTAXES
from ..base import Attempt, Partial
from .attempt import Walk
from .dialogue import Dialogue, Mode
from .interpreters import Interpreters
from .options import AUTO, INSTRUCTIONS, NATIVE, TirOptions

_MIB = 1 << 20
_TRUNKS = 1000
"""Beginnings kept for attempts that have not come yet; without a bound those of half a group would stay for ever."""
_SEEDS_APART = 1 << 16
"""Between the seeds of two tries; the turns of one take neighbouring ones."""


@dataclass(slots=True, kw_only=True)
class _Trunk:
    """The beginning that a group of attempts shares."""

    walk: Walk
    task: "asyncio.Task[FinishReason | None]"
    waiting: int
    """Attempts of the group that have not taken it up yet."""
    busy: int = 0
    """Attempts that are taking it up."""


@dataclass(slots=True, kw_only=True)
class Tir:
    """Attempts with a Python interpreter."""

    template: PromptTemplate
    options: TirOptions = field(default_factory=TirOptions)
    thinking: str = "default"
    name: str = field(default="tir", init=False)
    _interpreters: Interpreters | None = field(default=None, init=False)
    _trunks: dict[tuple[str, int], _Trunk] = field(default_factory=dict, init=False)

    @property
    def side_by_side(self) -> int:
        """Attempts of a problem that share a beginning."""
        return self.options.branch_at_code

    def identity(self) -> Row:
        """Return the options that change a sample."""
        return self.options.identity()

    async def attempt(
        self,
        engine: Engine,
        problem: Problem,
        sampling: Sampling,
        *,
        index: int,
        prior: Sequence[Message] = (),
        partial: Partial | None = None,
    ) -> Attempt:
        """Let the model write and run code until it answers; see Strategy.attempt."""
        made = await self._try(engine, problem, sampling, index, prior, partial)
        restarts, spent = 0, made
        while not prior and restarts < self.options.restarts and _has_no_code(made):
            left = sampling.max_tokens - spent.usage.completion_tokens
            if left < 1:
                break
            restarts += 1
            again = replace(sampling, max_tokens=left, seed=sampling.seed + restarts * _SEEDS_APART)
            made = await self._try(engine, problem, again, index, (), None)
            spent = replace(made, usage=spent.usage + made.usage, seconds=spent.seconds + made.seconds)
        return replace(spent, marks={**made.marks, **({"restarts": restarts} if restarts else {})})

    async def _try(
        self,
        engine: Engine,
        problem: Problem,
        sampling: Sampling,
        index: int,
        prior: Sequence[Message],
        partial: Partial | None,
    ) -> Attempt:
        walk = self._walk(engine, problem, sampling, partial)
        try:
            if prior:
                await walk.resume(prior)
            elif self.side_by_side > 1:
                walk = await self._branched(walk, problem, index)
            await walk.go()
            return walk.attempt()
        finally:
            walk.interpreter.close()

    async def aclose(self) -> None:
        """End every session."""
        tasks = [trunk.task for trunk in self._trunks.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._trunks.clear()
        if self._interpreters is not None:
            await self._interpreters.aclose()
            self._interpreters = None

    def _walk(self, engine: Engine, problem: Problem, sampling: Sampling, partial: Partial | None) -> Walk:
        mode = mode_of(self.options, engine)
        tools: tuple[Row, ...] = (PYTHON_TOOL,) if mode.native else ()
        template = self.template.filled(tools=INSTRUCTIONS[mode.name])
        prompt, extras = with_effort(template.messages(problem), self.thinking, engine, tools)
        return Walk(
            engine=engine,
            sampling=sampling,
            options=self.options,
            extras=extras,
            dialogue=Dialogue(prompt=prompt, mode=mode, executions=self.options.executions),
            interpreter=self._sessions().open(),
            partial=partial,
        )

    def _sessions(self) -> Interpreters:
        if self._interpreters is None:
            options = self.options
            limits = Limits(wall_seconds=options.cell_seconds, memory_bytes=options.memory_mb * _MIB)
            self._interpreters = Interpreters(
                limits=limits, isolation=options.isolation, live=options.live_sessions, fresh=options.fresh
            )
        return self._interpreters

    async def _branched(self, walk: Walk, problem: Problem, index: int) -> Walk:
        """Return the walk that goes on where the beginning that its group shares has ended.

        A beginning that ends without code is one finished attempt; the others of the group then go their own ways.
        """
        key = (problem.id, index // self.side_by_side)
        trunk = self._trunks.get(key)
        first = trunk is None
        if trunk is None:
            self._drop_old_trunks()
            beginning = self._walk(walk.engine, problem, walk.sampling, None)
            task = asyncio.create_task(beginning.go(until_code=True))
            trunk = self._trunks[key] = _Trunk(walk=beginning, task=task, waiting=self.side_by_side)
        trunk.busy += 1
        try:
            finish = await asyncio.shield(trunk.task)
            if finish is None or first:
                await trunk.walk.branch(walk, first=first)
                walk.finished, walk.stopped = finish, trunk.walk.stopped
                walk.save()
            return walk
        finally:
            trunk.waiting -= 1
            trunk.busy -= 1
            failed = trunk.task.done() and (trunk.task.cancelled() or trunk.task.exception() is not None)
            if trunk.waiting == 0 or failed:
                if self._trunks.get(key) is trunk:
                    del self._trunks[key]
                trunk.walk.interpreter.close()

    def _drop_old_trunks(self) -> None:
        """End the oldest beginnings that nobody waits at: an attempt that comes later makes one of its own."""
        left = [key for key, trunk in self._trunks.items() if not trunk.busy]
        for key in left[: max(0, len(self._trunks) + 1 - _TRUNKS)]:
            self._trunks.pop(key).walk.interpreter.close()


def _has_no_code(made: Attempt) -> bool:
    return made.finish_reason is FinishReason.STOP and not made.marks.get("executions")


def mode_of(options: TirOptions, engine: Engine) -> Mode:
    """Return how the engine's model is talked to."""
    name = options.syntax
    if name == AUTO:
        name = NATIVE if "tools" in (engine.chat_template or "") else "fenced"
    return Mode(
        syntax=SYNTAXES["tool-call" if name == NATIVE else name],
        native=name == NATIVE,
        continues=engine.continues,
        strips_thinking=options.earlier_thinking == "strip",
        as_stored=engine.name == "replay",
    )
