"""One assistant turn under budget forcing. Its text is the truth: opening, thinking, closing, answer.

A strategy may take the turn back at its own stop string, and give it back with a tool's output at its end.
"""

import re
from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass, field, replace
from typing import Self

from ...engines.rendering import cut_at_stop
from ...errors import RequestError
from ...records import FinishReason, Message
from ..transcripts import pieces
from .assistant_turn import AssistantTurn
from .forcing_options import ForcingOptions, ThinkingFormat

_ESTIMATE_SLACK = 8
"""Tokens, besides a quarter of the budget, by which an estimated count may be off: only some servers count thinking."""


@dataclass(slots=True, kw_only=True)
class ForcedTurn:
    """A turn as thinking and answer."""

    turn: AssistantTurn
    options: ForcingOptions
    form: ThinkingFormat
    budget: int | None
    """Tokens of thinking that this turn may hold; those of earlier turns of the attempt are subtracted."""
    waits: int
    opening: str | None = None
    """The text before the thinking; None before the turn is opened."""
    start: int = 0
    """Characters, and below tokens, before the thinking."""
    start_tokens: int = 0
    end: int | None = None
    """Characters before the end of the thinking; None while it is open."""
    answer_at: int = 0
    part_at: int = 0
    """Characters before the assistant message under way; nothing before it is changed."""
    output_tokens: dict[bool, int] = field(default_factory=lambda: {True: 0, False: 0})
    """Tokens of tools' outputs, inside thinking (True) and after it."""
    wait_at: list[int] = field(default_factory=list)
    """Characters of the thinking before each `wait`."""
    ended: str = ""
    """What ended the thinking: the model, the budget, the turn (an end without an answer) or tokens (max_tokens)."""
    _most: int = 0
    _spent_before: int = 0

    def fork(self) -> Self:
        """Return a copy that continues independently."""
        forced = copy(self)
        forced.turn, forced.wait_at = self.turn.fork(), list(self.wait_at)
        forced.output_tokens = dict(self.output_tokens)
        return forced

    async def catch_up(self, begun: Sequence[Message]) -> None:
        """Make the turn's text that of `begun`: drop what the strategy has dropped, write what it has added."""
        fresh = self.opening is None
        if self.opening is None:
            await self.turn.write(self.form.opening)
            self.opening = self.turn.text  # empty where the chat template has opened the thinking
            self.start, self.start_tokens = len(self.turn.text), self.turn.tokens
        if self.end is not None:  # the text between thinking and answer as it was written
            answer = self.turn.text[self.answer_at :]
            closing = self.turn.text[self.end : len(self.turn.text) - len(answer.lstrip())]
        else:  # or as it will be
            forced = self.form.forced.partition(self.form.closing)
            closing = "" if self.form.in_answer else self.form.closing + forced[2]
        # A turn always begins with thinking, an empty one if need be.
        first = [replace(m, reasoning=m.reasoning or "") for m in begun[:1]]
        written = [*pieces([*first, *begun[1:]], self.opening, closing)]
        text = "".join(piece for _, piece in written) or self.opening
        pairs = enumerate(zip(self.turn.text, text, strict=False))
        shared = next((i for i, (one, other) in pairs if one != other), min(len(self.turn.text), len(text)))
        await self.turn.cut(shared)
        self.end, position = None, 0
        for kind, piece in written:
            at = min(position, len(self.turn.text))
            if kind == "closing":
                self.end, self.answer_at = at, at + len(piece)
                self.ended = self.ended or "model"
            tokens = await self.turn.write(piece[max(0, shared - position) :])
            if kind == "output":
                self.output_tokens[self.end is None] += tokens
            position += len(piece)
        last = begun[-1] if begun and begun[-1].role == "assistant" else None
        self.part_at = len(self.turn.text)
        if last is not None and (self.end is None or last.reasoning is not None):
            self.part_at = (self.part_at if self.end is None else self.end) - len(last.reasoning or "")
        elif last is not None:
            self.part_at -= len(last.content)
        if fresh and self.waits:  # those of an attempt that is resumed in its thinking
            thinking = self.turn.text[self.start : self.end]
            found = [match.start() for match in re.finditer(re.escape(self.options.wait), thinking)]
            self.wait_at = found[: self.waits]

    async def run(self, max_tokens: int, until: tuple[str, ...]) -> FinishReason:
        """Let the model write up to `max_tokens`; return why it ended, or was handed back at a stop of `until`."""
        self._most, self._spent_before = max_tokens, self.turn.usage.completion_tokens
        if self.options.control != "force":
            return await self._run_unforced(until)
        if self.end is None:
            finish = await self._think(until)
            if finish is not None:
                return finish
        return await self.turn.request(self._left, until=until) if self._left > 0 else FinishReason.LENGTH

    @property
    def message(self) -> Message:
        """The assistant message under way, from `part_at` on."""
        text = self.turn.text
        if self.end is not None and self.part_at > self.end:
            content, _ = cut_at_stop(text[self.part_at :], self.turn.sampling.stop)
            return Message(role="assistant", content=content, tool_calls=self.turn.tool_calls)
        answer = "" if self.end is None else text[self.answer_at :]
        content, _ = cut_at_stop(answer.lstrip(), self.turn.sampling.stop)
        reasoning = text[self.part_at : self.end]
        return Message(role="assistant", content=content, reasoning=reasoning, tool_calls=self.turn.tool_calls)

    async def thinking_tokens(self, end: int | None = None) -> int:
        """Return the tokens of thinking, up to `end` or its end, without the outputs of tools."""
        end = end if end is not None else self.end if self.end is not None else len(self.turn.text)
        return max(0, await self.turn.tokens_within(end) - self.start_tokens - self.output_tokens[True])

    async def answer_tokens(self) -> int:
        """Return the tokens of closing delimiter and answer, without the outputs of tools."""
        written = self.turn.tokens - self.start_tokens - sum(self.output_tokens.values())
        return written - await self.thinking_tokens()

    @property
    def _left(self) -> int:
        return self._most - (self.turn.usage.completion_tokens - self._spent_before)

    async def _think(self, until: tuple[str, ...]) -> FinishReason | None:
        """Let the model think; return why the turn ended or was handed back, None if the answer is still missing."""
        turn, closing = self.turn, self.form.closing
        while True:
            room = self._left
            if self.budget is not None:
                room = min(room, self.budget - (turn.tokens - self.start_tokens - self.output_tokens[True]))
            if room < 1:
                await self._close("budget")
                return None
            may_wait = len(self.wait_at) < self.waits
            before = len(turn.text)
            finish = await turn.request(room, closing=closing if may_wait else None, until=until)
            at = turn.text.find(closing, max(self.part_at, before - len(closing)))
            if at < 0 and finish is FinishReason.LENGTH:
                if self._left < 1:
                    self.ended = "tokens"
                    return finish
                await self._close("budget")
                return None
            if at < 0 and self._is_handed_back(finish, until):
                return finish
            if may_wait and await self._take_back(at if at >= 0 else len(turn.text)):
                continue
            if at < 0:
                await self._close("turn")
                return None
            self._close_at(at)
            return None if may_wait or finish is FinishReason.LENGTH else finish

    async def _run_unforced(self, until: tuple[str, ...]) -> FinishReason:
        thinks = self.end is None
        budget = self.budget if self.options.control == "engine" and thinks else None
        spent = await self.thinking_tokens()
        if budget is not None and budget - spent < 1:
            await self._close("budget")
            budget = None
        finish = await self.turn.request(
            self._most, until=until, engine_budget=None if budget is None else budget - spent
        )
        at = self.turn.text.find(self.form.closing, self.part_at) if self.end is None else -1
        if at >= 0:
            self._close_at(at)
        elif self.end is None and not self._is_handed_back(finish, until):
            self.ended = "tokens" if finish is FinishReason.LENGTH else "turn"
        if budget is not None:
            thought = await self.thinking_tokens()
            if thought > budget + (0 if self.turn.ids is not None else budget // 4 + _ESTIMATE_SLACK):
                who = self.turn.engine.name
                message = f"{who} ignored the thinking budget of {budget}: {thought} tokens of thinking"
                raise RequestError(message, reason="budget_breach")
        return finish

    def _is_handed_back(self, finish: FinishReason, until: tuple[str, ...]) -> bool:
        """Return whether the model asks for a tool, by a call or by a stop string of the strategy."""
        return finish is FinishReason.TOOL_CALLS or self.turn.stopped_by in until

    async def _take_back(self, at: int) -> bool:
        """Write `wait` in place of the end of thinking, if the budget has room for it and one more token."""
        turn, wait = self.turn, self.options.wait
        if self.budget is not None and await self.thinking_tokens(at) + await turn.cost(wait) >= self.budget:
            return False
        if self._left <= 0:
            return False
        await turn.cut(at)
        self.wait_at.append(len(turn.text) - self.start)
        await turn.write(wait)
        return True

    async def _close(self, why: str) -> None:
        """Close the thinking; half a delimiter that the model has begun is removed."""
        turn, form = self.turn, self.form
        self.ended = why
        sizes = range(min(len(form.closing) - 1, len(turn.text) - self.part_at), 0, -1)
        half = next((size for size in sizes if turn.text.endswith(form.closing[:size])), 0)
        await turn.cut(len(turn.text) - half)
        forced = form.forced.removeprefix("\n") if turn.text.endswith("\n") else form.forced
        self.end = len(turn.text)
        self.answer_at = self.end + forced.find(form.closing) + (0 if form.in_answer else len(form.closing))
        await turn.write(forced + form.final)

    def _close_at(self, at: int) -> None:
        self.ended, self.end = "model", at
        self.answer_at = at + (0 if self.form.in_answer else len(self.form.closing))
