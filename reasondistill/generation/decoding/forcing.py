"""The strategy `budget`: budget forcing (Muennighoff et al. 2025), thinking that is as long as we say.

Maximum: at `thinking_budget` tokens we close the thinking and have the model answer. Minimum: where it ends its
thinking early we take the end back and write "Wait", at most `waits` times, all rounds within the budget. The engine
must go on in a begun turn; each forced step is one more request whose beginning the prefix cache holds.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from ...engines.base import Engine
from ...engines.rendering import cut_at_stop
from ...errors import EngineError, RequestError
from ...records import FinishReason, Message, Problem, Row, Sampling
from ..confidence import confidence
from ..effort import spoken, with_effort
from ..prompts import PromptTemplate
from ..strategies.base import Attempt, Partial
from .assistant_turn import Turn
from .forcing_options import ForcingOptions, ThinkingFormat

_ESTIMATE_SLACK = 8
"""Tokens, beside a quarter of the budget, by which an estimated count may be off: only some servers count thinking."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """One assistant turn with a bounded thought.

    An attempt that was cut is gone on with from its text; the waits in it are known by theirs.
    """

    template: PromptTemplate
    options: ForcingOptions = field(default_factory=ForcingOptions)
    thinking: str = "default"
    name: str = field(default="budget", init=False)
    side_by_side: int = field(default=1, init=False)

    def identity(self) -> Row:
        """Return the options and the words that go with them."""
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
        """Let the model think and answer; see Strategy.attempt. `sampling.max_tokens` bounds both together."""
        if not engine.continues:
            raise EngineError(
                f"budget forcing goes on in a begun turn, and engine {engine.name} is not sure to: "
                "say --continuation prefix if the server does"
            )
        asked = self.template.messages(problem)
        asked = spoken(asked, self.options.sentence) if self.options.sentence else asked
        prompt, extras = with_effort(asked, self.thinking, engine)
        form = self.options.thinking_format(engine.chat_template)
        turn = Turn(
            engine=engine,
            messages=prompt,
            sampling=sampling,
            extras=replace(extras, logprobs=self.options.confidence),
            inline=form.closing,
        )
        thought = _Thought(turn=turn, options=self.options, form=form, most=sampling.max_tokens)
        if prior and prior[-1].content:
            await thought.answer(prior[-1])
        else:
            await thought.think(prior[-1].reasoning or "" if prior else "")
        return await thought.attempt(prompt)

    async def aclose(self) -> None:
        """Hold nothing."""


@dataclass(slots=True, kw_only=True)
class _Thought:
    """A turn as thinking and answer."""

    turn: Turn
    options: ForcingOptions
    form: ThinkingFormat
    most: int
    """Tokens that the model may still write."""
    start: int = 0
    """Characters, and below tokens, before the thinking."""
    start_tokens: int = 0
    end: int | None = None
    """Characters before the end of the thinking; None while it is open."""
    answer_at: int = 0
    """Characters before the answer."""
    wait_at: list[int] = field(default_factory=list)
    """Characters of the thinking before each `wait`."""
    inserted: int = 0
    ended: str = ""
    """What ended the thinking: the model, the budget, the turn (an end without an answer) or tokens (max_tokens)."""
    finish: FinishReason = FinishReason.STOP

    async def think(self, begun: str = "") -> None:
        """Write the whole turn, or what is left of it after a thinking that was cut."""
        await self._open(begun)
        if self.options.control != "force":
            await self._unforced()
            return
        goes_on = await self._rounds()
        if self.ended in ("budget", "turn"):
            await self._close()
            goes_on = True
        if self.end is not None and goes_on and self._left > 0:
            self.finish = await self.turn.go_on(self._left)

    async def answer(self, prior: Message) -> None:
        """Go on with an answer that was cut."""
        await self._open(prior.reasoning or "")
        self.end = self.answer_at = len(self.turn.text)
        _, closing, gap = self.form.forced.partition(self.form.closing)
        if not self.form.in_answer:
            await self.turn.write(closing + gap)
            self.answer_at += len(closing)
        await self.turn.write(prior.content)
        self.ended = "model"
        self.finish = await self.turn.go_on(self.most)

    async def attempt(self, prompt: tuple[Message, ...]) -> Attempt:
        """Return what there is."""
        turn = self.turn
        end = len(turn.text) if self.end is None else self.end
        answer = "" if self.end is None else turn.text[self.answer_at :]
        content, _ = cut_at_stop(answer.lstrip(), turn.sampling.stop)
        return Attempt(
            prompt=prompt,
            messages=(Message(role="assistant", content=content, reasoning=turn.text[self.start : end]),),
            finish_reason=self.finish,
            usage=turn.usage,
            seconds=turn.seconds,
            token_ids=None if turn.ids is None else tuple(turn.ids),
            marks=await self._marks(end),
        )

    @property
    def _left(self) -> int:
        return self.most - self.turn.usage.completion_tokens

    async def _open(self, begun: str) -> None:
        """Begin the turn, and write what of its thinking is there already."""
        turn, wait = self.turn, self.options.wait
        await turn.write(self.form.opening)
        self.start, self.start_tokens = len(turn.text), turn.tokens
        if not begun:
            return
        await turn.write(begun)
        if self.options.waits:
            found = [match.start() for match in re.finditer(re.escape(wait), begun)]
            self.wait_at = found[: self.options.waits]
            self.inserted = len(self.wait_at) * await turn.cost(wait)

    async def _rounds(self) -> bool:
        """Let the model think until something ends it; return whether its answer is still to come."""
        budget, closing = self.options.thinking_budget, self.form.closing
        while True:
            room = self._left if budget is None else min(self._left, budget - (self.turn.tokens - self.start_tokens))
            stop = closing if len(self.wait_at) < self.options.waits else None
            before = len(self.turn.text)
            self.finish = await self.turn.go_on(room, stop=stop)
            at = self.turn.text.find(closing, max(self.start, before - len(closing)))
            if at < 0 and self.finish is FinishReason.LENGTH:
                self.ended = "tokens" if self._left <= 0 else "budget"
                return False
            if stop is None or not await self._take_back(at if at >= 0 else len(self.turn.text)):
                self._ended_by_model(at)
                return stop is not None or self.finish is FinishReason.LENGTH

    @property
    def _shown(self) -> int:
        """Characters of the closing delimiter that are no part of the answer."""
        return 0 if self.form.in_answer else len(self.form.closing)

    def _ended_by_model(self, at: int) -> None:
        """Note where the model has closed its thinking; below 0 it has ended its turn without."""
        self.ended = "model" if at >= 0 else "turn"
        self.end, self.answer_at = (at, at + self._shown) if at >= 0 else (None, 0)

    async def _take_back(self, at: int) -> bool:
        """Write `wait` in the place of the end of thinking, if the budget has room for it and a token more."""
        turn, wait = self.turn, self.options.wait
        if self.options.thinking_budget is not None:
            thought = await turn.tokens_within(at) - self.start_tokens
            if thought + await turn.cost(wait) >= self.options.thinking_budget:
                return False
        if self._left <= 0:
            return False
        await turn.cut(at)
        self.wait_at.append(len(turn.text) - self.start)
        self.inserted += await turn.write(wait)
        return True

    async def _close(self) -> None:
        """Close the thinking; a delimiter that the model has begun is not left half."""
        turn, form = self.turn, self.form
        await turn.cut(_without_half(turn.text, form.closing, self.start))
        forced = form.forced.removeprefix("\n") if turn.text.endswith("\n") else form.forced
        self.end = len(turn.text)
        self.answer_at = self.end + forced.find(form.closing) + self._shown
        await turn.write(forced + form.final)

    async def _unforced(self) -> None:
        """Let the model think and answer in one go, then count."""
        budget = self.options.thinking_budget if self.options.control == "engine" else None
        self.finish = await self.turn.go_on(self.most, engine_budget=budget)
        at = self.turn.text.find(self.form.closing, self.start)
        self._ended_by_model(at)
        if at < 0 and self.finish is FinishReason.LENGTH:
            self.ended = "tokens"
        if budget is not None:
            thought = await self.turn.tokens_within(len(self.turn.text) if at < 0 else at) - self.start_tokens
            if thought > budget + (0 if self.turn.ids is not None else budget // 4 + _ESTIMATE_SLACK):
                raise RequestError(
                    f"{self.turn.engine.name} ignored the thinking budget of {budget}: {thought} tokens of thinking",
                    reason="budget_breach",
                )

    async def _marks(self, end: int) -> Row:
        """Return what is stored beside the text: thinking with our waits, answer with the delimiter, counts of both."""
        turn = self.turn
        thought = max(0, await turn.tokens_within(end) - self.start_tokens)
        row: Row = {
            "thinking_tokens": thought,
            "answer_tokens": turn.tokens - self.start_tokens - thought,
            "inserted_tokens": self.inserted,
            "waits": len(self.wait_at),
            "wait_at": self.wait_at,
            "ended": self.ended,
            "requests": turn.requests,
        }
        if turn.logprobs:
            row["confidence"] = confidence(turn.logprobs)
        return row


def _without_half(text: str, closing: str, start: int) -> int:
    """Return the length of a text without the beginning of a delimiter at its end."""
    for size in range(min(len(closing) - 1, len(text) - start), 0, -1):
        if text.endswith(closing[:size]):
            return len(text) - size
    return len(text)
