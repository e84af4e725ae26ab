"""One tool-integrated attempt under way: ask, run the code that was written, ask again, within its budgets."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from sandbox import Status

from ....engines.base import Extras
from ....errors import RequestError
from ....records import FinishReason, Message, Row, Sampling, content_id
from ...decoding import TurnWriter, WrittenTurn
from ...syntax import code_of_call
from ..base import Attempt
from .dialogue import Dialogue
from .interpreters import Cell, Interpreter
from .options import NOTICES, TirOptions, shown


@dataclass(slots=True, kw_only=True)
class TirAttempt:
    """An attempt under way. Whoever creates it closes it."""

    writer: TurnWriter
    sampling: Sampling
    options: TirOptions
    extras: Extras
    dialogue: Dialogue
    interpreter: Interpreter
    partial: Callable[[Attempt], None] | None = None
    finished: FinishReason | None = None
    stopped: str | None = None
    """The budget that ended it: tokens, wall or context."""
    annotations: Row = field(default_factory=dict)
    """Annotations besides those that are counted."""
    began: float = field(default_factory=time.monotonic)

    async def resume(self, prior: Sequence[Message]) -> None:
        """Continue an earlier, truncated attempt; its blocks are run again before the next one."""
        open_calls = self.dialogue.resume(prior)
        calls = [call for m in prior for call in m.tool_calls]
        codes = [code_of_call(call) for call in calls[: len(calls) - len(open_calls)]]
        self.interpreter.cells = [Cell(code=code) for code in codes if code is not None]
        await self._run_calls(open_calls)

    async def run(self, *, until_code: bool = False) -> FinishReason | None:
        """Continue to the end and return its reason; with `until_code` return None after the first executed block."""
        while self.finished is None:
            written = await self._write_turn()
            if written is None:
                self.finished = FinishReason.LENGTH
                break
            step = self.dialogue.take(written)
            self.finished = step.finish
            self.save()  # before its code runs: the turn is paid for
            await self._run_calls(step.calls)
            if self.dialogue.invented and self.options.hallucinated == "prune":
                self.finished = self.finished or FinishReason.STOP
            self.save()
            if until_code and self.dialogue.executed and self.finished is None:
                return None
        return self.finished

    async def branch_from(self, beginning: "TirAttempt", *, pays: bool) -> None:
        """Continue from a shared beginning, in a copy of its interpreter; one attempt of the group `pays` for it."""
        self.interpreter.close()
        [self.interpreter] = await beginning.interpreter.fork(1)
        self.dialogue, self.writer = beginning.dialogue.copy(with_cost=pays), beginning.writer.fork()
        shared = content_id([m.to_row() for m in self.dialogue.messages])
        self.annotations["branch"] = {"prefix": shared, "shared_tokens": self.dialogue.spent}
        self.finished, self.stopped = beginning.finished, beginning.stopped
        self.save()

    def save(self) -> None:
        if self.partial is not None and self.finished is None:
            self.partial(self.attempt())

    def attempt(self) -> Attempt:
        return Attempt(
            prompt=self.dialogue.prompt,
            messages=tuple(self.dialogue.messages),
            finish_reason=self.finished or FinishReason.LENGTH,
            usage=self.dialogue.usage,
            seconds=time.monotonic() - self.began,
            tools=self.extras.tools,
            annotations=self._annotations(),
        )

    async def _write_turn(self) -> WrittenTurn | None:
        """Return the next turn, or the rest of one; None if a budget is used up."""
        dialogue = self.dialogue
        room = self.sampling.max_tokens - dialogue.spent
        patience = self.options.wall_seconds - (time.monotonic() - self.began)
        if room < 1 or patience <= 0:
            self.stopped = "tokens" if room < 1 else "wall"
            return None
        sampling = replace(self.sampling, max_tokens=room, seed=self.sampling.seed + len(dialogue.messages))
        messages, begun = dialogue.request()

        def show(turn: WrittenTurn) -> None:
            assert self.partial is not None
            usage = dialogue.usage + turn.completion.usage
            self.partial(replace(self.attempt(), messages=dialogue.so_far(turn), usage=usage))

        progress = None if self.partial is None else show
        try:
            async with asyncio.timeout(patience):
                return await self.writer.write(
                    messages, sampling, begun=begun, until=dialogue.mode.stops, extras=self.extras, progress=progress
                )
        except TimeoutError:
            self.stopped = "wall"
        except RequestError as error:
            if error.reason != "prompt_too_long" or not dialogue.messages:
                raise
            self.stopped = "context"
        return None

    async def _run_calls(self, calls: Sequence[Row]) -> None:
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

    def _annotations(self) -> Row:
        dialogue, over = self.dialogue, self.finished is FinishReason.STOP
        unexecuted_answer = over and not dialogue.executed
        notes = {
            "failed_executions": dialogue.failed,
            "invented_outputs": dialogue.invented,
            "unexecuted_blocks": dialogue.unexecuted,
            "unexecuted_answer": unexecuted_answer,
            "stopped": self.stopped,
            "pruned": self.options.hallucinated == "prune" and (unexecuted_answer or dialogue.invented > 0),
            **self.annotations,
        }
        kept = {name: value for name, value in notes.items() if value}
        return {"syntax": dialogue.mode.name, "executions": dialogue.executed, **kept, **self.writer.annotations}
