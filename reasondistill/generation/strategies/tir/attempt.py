"""One tool-integrated attempt on its way: ask, run what was written, ask again, within its budgets."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Self

from sandbox import Status

from ....engines.base import Completion, Engine, Extras
from ....errors import RequestError
from ....records import FinishReason, Message, Row, Sampling, content_id
from ...syntax import code_of_call
from ..base import Attempt, Partial
from .dialogue import Dialogue
from .interpreters import Cell, Interpreter
from .options import NOTICES, TirOptions
from .tool_output import shown


@dataclass(slots=True, kw_only=True)
class Walk:
    """An attempt that is being made."""

    engine: Engine
    sampling: Sampling
    options: TirOptions
    extras: Extras
    dialogue: Dialogue
    interpreter: Interpreter
    partial: Partial | None = None
    finished: FinishReason | None = None
    stopped: str | None = None
    """The budget that ended it: tokens, wall or context."""
    marks: Row = field(default_factory=dict)
    began: float = field(default_factory=time.monotonic)

    async def resume(self, prior: Sequence[Message]) -> None:
        """Take up an earlier attempt that was cut; its blocks make the interpreter's state again when one is run."""
        open_calls = self.dialogue.take_up(prior)
        calls = [call for m in prior for call in m.tool_calls]
        codes = [code_of_call(call) for call in calls[: len(calls) - len(open_calls)]]
        self.interpreter.cells = [Cell(code=code) for code in codes if code is not None]
        await self._run(open_calls)

    async def go(self, *, until_code: bool = False) -> FinishReason | None:
        """Go on to the end and return why it is one; with `until_code` to the first executed block, returning None."""
        while self.finished is None:
            completion = await self._ask()
            if completion is None:
                self.finished = FinishReason.LENGTH
                break
            step = self.dialogue.take(completion)
            self.finished = step.finish
            self.save()  # the turn is paid for: what its code does may take long
            await self._run(step.calls)
            if self.dialogue.invented and self.options.hallucinated == "prune":
                self.finished = self.finished or FinishReason.STOP
            self.save()
            if until_code and self.dialogue.executed and self.finished is None:
                return None
        return self.finished

    async def branch(self, walk: "Walk", *, first: bool) -> "Walk":
        """Make of a new walk one that goes on from here, in a copy of the interpreter; the first one bears the cost."""
        mine = self.dialogue
        walk.dialogue = mine.copy() if not first else replace(mine, messages=list(mine.messages))
        [walk.interpreter] = await self.interpreter.fork(1)
        shared = content_id([m.to_row() for m in mine.messages])
        walk.marks["branch"] = {"prefix": shared, "shared_tokens": mine.spent}
        return walk

    def save(self) -> None:
        """Tell what there is so far of an attempt that goes on."""
        if self.partial is not None and self.finished is None:
            self.partial(self.attempt())

    def attempt(self) -> Attempt:
        """Return what there is so far."""
        return Attempt(
            prompt=self.dialogue.prompt,
            messages=tuple(self.dialogue.messages),
            finish_reason=self.finished or FinishReason.LENGTH,
            usage=self.dialogue.usage,
            seconds=time.monotonic() - self.began,
            tools=self.extras.tools,
            marks=self._marks(),
        )

    def close(self) -> Self:
        """End the interpreter."""
        self.interpreter.close()
        return self

    async def _ask(self) -> Completion | None:
        """Ask for the next turn; None when a budget is used up."""
        dialogue = self.dialogue
        room = self.sampling.max_tokens - dialogue.spent
        patience = self.options.wall_seconds - (time.monotonic() - self.began)
        if room < 1 or patience <= 0:
            self.stopped = "tokens" if room < 1 else "wall"
            return None
        sampling = replace(
            self.sampling,
            max_tokens=room,
            stop=(*self.sampling.stop, *dialogue.mode.stops),
            seed=self.sampling.seed + len(dialogue.messages),
        )
        messages, prefix = dialogue.request()
        extras = replace(
            self.extras,
            include_stop=bool(dialogue.mode.stops),
            progress=None if self.partial is None else self._show,
        )
        try:
            async with asyncio.timeout(patience):
                [completion] = await self.engine.complete(messages, sampling, prefix=prefix, extras=extras)
        except TimeoutError:
            self.stopped = "wall"
            return None
        except RequestError as error:
            if error.reason != "prompt_too_long" or not dialogue.messages:
                raise
            self.stopped = "context"
            return None
        return completion

    def _show(self, completion: Completion) -> None:
        """Tell what there is with a turn that is still being written."""
        assert self.partial is not None
        made, usage = self.attempt(), self.dialogue.usage + completion.usage
        self.partial(replace(made, messages=self.dialogue.so_far(completion), usage=usage))

    async def _run(self, calls: Sequence[Row]) -> None:
        """Run the blocks of a turn in order and add their outputs."""
        dialogue, options = self.dialogue, self.options
        for call in calls:
            code = code_of_call(call)
            if dialogue.closing:
                dialogue.answer(NOTICES["not_run"])
            elif code is None or (call.get("written") or {}).get("no_call"):
                dialogue.answer(NOTICES["no_tool"], ran=True, failed=True)
            else:
                execution = await self.interpreter.run(code)
                output = shown(execution, limit=options.output_chars, seconds=options.cell_seconds)
                if dialogue.executed + 1 >= options.executions:
                    output = f"{output}\n{NOTICES['closing']}"
                dialogue.answer(output, ran=True, failed=execution.status is not Status.OK)

    def _marks(self) -> Row:
        dialogue, over = self.dialogue, self.finished is FinishReason.STOP
        unexecuted_answer = over and not dialogue.executed
        noticed = {
            "failed_executions": dialogue.failed,
            "invented_outputs": dialogue.invented,
            "unexecuted_blocks": dialogue.unexecuted,
            "unexecuted_answer": unexecuted_answer,
            "stopped": self.stopped,
            "pruned": self.options.hallucinated == "prune" and (unexecuted_answer or dialogue.invented > 0),
            **self.marks,
        }
        kept = {name: value for name, value in noticed.items() if value}
        return {"syntax": dialogue.mode.name, "executions": dialogue.executed, **kept}
