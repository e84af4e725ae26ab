"""The decoding rule `budget`: budget forcing (Muennighoff et al. 2025), thinking of the length that we choose.

At `thinking_budget` tokens we close the thinking; an early end is replaced by "Wait" at most `waits` times. Both hold
for an attempt as a whole, without the outputs of tools. Each forced step is one more request, its prefix in the cache.
"""

from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import dataclass, field, replace
from itertools import accumulate
from typing import ClassVar

from ...engines.base import PLAIN, Completion, Engine, Extras
from ...errors import EngineError
from ...records import Message, Row, Sampling
from ...store.options import dump_options
from ..effort import spoken
from .assistant_turn import AssistantTurn
from .base import WrittenTurn, decisive
from .forced_turn import ForcedTurn
from .forcing_options import FORMATS, ForcingOptions

_GROUP = 16
"""Tokens of a group. DeepConf takes 2,048 for traces of tens of thousands of tokens; ours are short."""
_TAIL = 0.1
"""Share of the trace that counts as its end, where the answer is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetForcing:
    """Turns whose thinking is bounded, extended or asked to be of a length."""

    Options: ClassVar[type] = ForcingOptions
    name: str = "budget"
    options: ForcingOptions = field(default_factory=ForcingOptions)

    @property
    def thinking_delimiters(self) -> tuple[str, str] | None:
        by_engine = self.options.control == "engine"
        return self.options.thinking_format(None).delimiters if by_engine else None

    def identity(self) -> Row:
        """Return the options and the texts that belong to them."""
        texts = {"sentence": self.options.sentence, "formats": dump_options(FORMATS)}
        return {"name": self.name, "options": decisive(self.options), **texts}

    def instruct(self, messages: Sequence[Message]) -> tuple[Message, ...]:
        """Return the prompt with the sentence of a prompted baseline."""
        sentence = self.options.sentence
        return spoken(messages, sentence) if sentence else tuple(messages)

    def writer(self, engine: Engine) -> "ForcedWriter":
        """Return a writer of forced turns. EngineError for an engine that may begin a new turn instead."""
        if not engine.continues:
            doubt = f"budget forcing continues a begun turn, and engine {engine.name} is not sure to"
            raise EngineError(f"{doubt}: say --continuation prefix if the server does")
        return ForcedWriter(engine=engine, options=self.options)


@dataclass(slots=True, kw_only=True)
class ForcedWriter:
    """The turns of one attempt; see TurnWriter."""

    engine: Engine
    options: ForcingOptions
    annotations: Row = field(default_factory=dict)
    _current: ForcedTurn | None = None
    _earlier: list[Row] = field(default_factory=list)
    _logprobs: list[float] = field(default_factory=list)

    async def write(
        self,
        messages: Sequence[Message],
        sampling: Sampling,
        *,
        begun: Sequence[Message] = (),
        until: tuple[str, ...] = (),
        extras: Extras = PLAIN,
        progress: Callable[[WrittenTurn], None] | None = None,
    ) -> WrittenTurn:
        """Write the turn with as many requests as its thinking needs; `progress` is not called."""
        forced = self._current
        if forced is None or forced.turn.messages != tuple(messages):
            forced = self._current = await self._begin(tuple(messages))
        turn = forced.turn
        turn.sampling = sampling
        turn.extras = replace(extras, logprobs=self.options.confidence, include_stop=bool(until), progress=None)
        await forced.catch_up(begun)
        length, usage, seconds, sampled = len(turn.text), turn.usage, turn.seconds, len(turn.logprobs)
        finish = await forced.run(sampling.max_tokens, until)
        self._logprobs += turn.logprobs[sampled:]
        await self._annotate(forced)
        completion = Completion(
            text=turn.text[length:],
            tool_calls=turn.tool_calls,
            token_ids=None if turn.ids is None else tuple(turn.ids),
            finish_reason=finish,
            usage=turn.usage - usage,
            seconds=turn.seconds - seconds,
        )
        return WrittenTurn(message=forced.message, completion=completion)

    def fork(self) -> "ForcedWriter":
        """Return a copy that continues from the same text and counts."""
        writer = copy(self)
        writer._current = self._current and self._current.fork()
        writer._earlier, writer._logprobs = list(self._earlier), list(self._logprobs)
        return writer

    async def _begin(self, messages: tuple[Message, ...]) -> ForcedTurn:
        """Return the attempt's next turn, with what earlier ones have left of the budget and the waits."""
        if self._current is not None:
            self._earlier.append(await _counts(self._current))
        budget = self.options.thinking_budget
        form = self.options.thinking_format(self.engine.chat_template)
        used = sum(row["requests"] for row in self._earlier)
        return ForcedTurn(
            turn=AssistantTurn(engine=self.engine, messages=messages, inline=form.closing, seeds_used=used),
            options=self.options,
            form=form,
            budget=None if budget is None else budget - sum(row["thinking_tokens"] for row in self._earlier),
            waits=self.options.waits - sum(len(row["wait_at"]) for row in self._earlier),
        )

    async def _annotate(self, forced: ForcedTurn) -> None:
        rows = [*self._earlier, await _counts(forced)]
        counted = ("thinking_tokens", "answer_tokens", "inserted_tokens", "requests")
        wait_at = [at for row in rows for at in row["wait_at"]]
        self.annotations = {
            **{name: sum(row[name] for row in rows) for name in counted},
            "waits": len(wait_at),
            "wait_at": wait_at,
            "ended": forced.ended,
            **({"confidence": confidence(self._logprobs)} if self._logprobs else {}),
        }


async def _counts(forced: ForcedTurn) -> Row:
    return {
        "thinking_tokens": await forced.thinking_tokens(),
        "answer_tokens": await forced.answer_tokens(),
        "inserted_tokens": len(forced.wait_at) * await forced.turn.cost(forced.options.wait) if forced.wait_at else 0,
        "wait_at": forced.wait_at,
        "requests": forced.turn.requests,
    }


def confidence(logprobs: Sequence[float], *, group: int = _GROUP) -> Row:
    """Return `{mean, lowest, tail}`: mean log-probability of the trace, of its weakest group and of its end.

    After DeepConf (Fu et al. 2025), which averages the top k log-probabilities of a position; ours takes the sampled
    token's, which every engine with log-probabilities returns.

    >>> confidence([-1.0, -1.0, -3.0, -3.0], group=2)
    {'mean': -2.0, 'lowest': -3.0, 'tail': -3.0}
    """
    sums = [0.0, *accumulate(logprobs)]
    size = min(group, len(logprobs))
    groups = [(sums[i + size] - sums[i]) / size for i in range(len(logprobs) - size + 1)]
    last = max(1, round(_TAIL * len(logprobs)))
    values = {"mean": sums[-1] / len(logprobs), "lowest": min(groups), "tail": sum(logprobs[-last:]) / last}
    return {name: round(value, 6) for name, value in values.items()}
