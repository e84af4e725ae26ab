"""One assistant turn that the model and we write alternately, as text and as tokens.

With an engine that takes tokens the counts are exact; with one that takes only text, our part is estimated.
"""

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass, field, replace
from typing import Self

from ...engines.base import PLAIN, Completion, Engine, Extras, TokenEngine
from ...errors import RequestError
from ...records import FinishReason, Message, Row, Sampling, Usage


@dataclass(slots=True, kw_only=True)
class AssistantTurn:
    """A turn under way."""

    engine: Engine
    messages: Sequence[Message]
    sampling: Sampling = field(default_factory=Sampling)
    """Sampling of the next requests; each has its own seed, and its cap as an argument."""
    extras: Extras = PLAIN
    seeds_used: int = 0
    """Number of requests that the attempt's earlier turns made."""
    inline: str = ""
    """Delimiter between thinking and answer, for engines that return the two apart."""
    text: str = ""
    ids: list[int] | None = field(init=False)
    """Token ids of the text; None with an engine that takes only text."""
    tokens: int = 0
    borders: list[tuple[int, int]] = field(default_factory=lambda: [(0, 0)])
    """(characters, tokens) after each piece, the places where a text engine's counts are known."""
    requests: int = 0
    usage: Usage = field(default_factory=Usage)
    seconds: float = 0.0
    logprobs: list[float] = field(default_factory=list)
    """Log-probabilities of the model's own tokens, if asked."""
    stopped_by: str | None = None
    tool_calls: tuple[Row, ...] = ()

    def __post_init__(self) -> None:
        self.ids = [] if isinstance(self.engine, TokenEngine) and self.engine.abilities.token_ids else None

    def fork(self) -> Self:
        """Return a copy that continues independently."""
        turn = copy(self)
        turn.ids = None if self.ids is None else list(self.ids)
        turn.borders, turn.logprobs = list(self.borders), list(self.logprobs)
        return turn

    async def write(self, text: str) -> int:
        """Append a text of ours; return its number of tokens."""
        if text and self.ids is not None and isinstance(self.engine, TokenEngine):
            added = await self.engine.encode(text, begins=not self.text)
            self.ids += added
            self.text, self.tokens = await self._decoded(len(self.ids)), len(self.ids)
            return len(added)
        estimate = -(-len(text) // 4)
        if text:
            self._append(text, estimate)
        return estimate

    async def cost(self, text: str) -> int:
        """Return the number of tokens that `write` would add."""
        if self.ids is not None and isinstance(self.engine, TokenEngine):
            return len(await self.engine.encode(text))
        return -(-len(text) // 4)

    async def request(
        self,
        max_tokens: int,
        *,
        closing: str | None = None,
        until: Sequence[str] = (),
        engine_budget: int | None = None,
    ) -> FinishReason:
        """Let the model write up to `max_tokens`, or up to and including a stop string; return why it stopped.

        Stop strings are `closing`, the end of thinking, and those of `until`.

        Raises RequestError with reason `budget_breach` if it wrote more: some servers ignore caps silently.
        """
        sampling = replace(
            self.sampling,
            max_tokens=max_tokens,
            stop=(*self.sampling.stop, *([closing] if closing else ()), *until),
            seed=self.sampling.seed + self.seeds_used + self.requests,
        )
        extras = replace(self.extras, prefix_ids=tuple(self.ids or ()), thinking_budget=engine_budget)
        [made] = await self.engine.complete(self.messages, sampling, prefix=self.text, extras=extras)
        self.requests += 1
        self.usage += made.usage
        self.seconds += made.seconds
        self.logprobs += made.logprobs or ()
        self.tool_calls = made.tool_calls
        if made.usage.completion_tokens > max_tokens:
            written = made.usage.completion_tokens
            message = f"{self.engine.name} wrote {written} tokens where {max_tokens} were allowed"
            raise RequestError(message, reason="budget_breach")
        if self.ids is None or not isinstance(self.engine, TokenEngine):
            text, self.stopped_by = _raw(made, self.inline, closing, until)
            self._append(text, made.usage.completion_tokens)
            return made.finish_reason
        if made.token_ids is None and made.usage.completion_tokens:
            raise RequestError(f"{self.engine.name} returned no token ids", reason="no_token_ids")
        self.ids += made.token_ids or ()
        if made.finish_reason is FinishReason.STOP:
            # The end-of-turn token is dropped, since the turn may continue.
            while self.ids and not await self.engine.decode(self.ids[-1:]):
                self.ids.pop()
        self.text, self.tokens = await self._decoded(len(self.ids)), len(self.ids)
        self.stopped_by = made.stop
        return made.finish_reason

    async def cut(self, length: int) -> None:
        """Drop the text after so many characters."""
        if length >= len(self.text):
            return
        if self.ids is not None and isinstance(self.engine, TokenEngine):
            kept = await self.tokens_within(length)
            rest = self.text[len(await self._decoded(kept)) : length]
            self.ids = self.ids[:kept] + list(await self.engine.encode(rest) if rest else ())
            self.tokens = len(self.ids)
        else:
            self.tokens = await self.tokens_within(length)
            self.borders = [*(b for b in self.borders if b[0] < length), (length, self.tokens)]
        self.text = self.text[:length]

    async def tokens_within(self, length: int) -> int:
        """Return how many of the turn's tokens lie entirely within so many characters."""
        if self.ids is None:
            # Known at the borders, spread evenly between them.
            before = max((b for b in self.borders if b[0] <= length), default=(0, 0))
            after = min((b for b in self.borders if b[0] > length), default=before)
            share = (length - before[0]) / (after[0] - before[0]) if after is not before else 0
            return before[1] + round(share * (after[1] - before[1]))
        low, high = 0, len(self.ids)
        while low < high:
            middle = (low + high + 1) // 2
            fits = len(await self._decoded(middle)) <= length
            low, high = (middle, high) if fits else (low, middle - 1)
        return low

    def _append(self, text: str, tokens: int) -> None:
        self.text += text
        self.tokens += tokens
        self.borders.append((len(self.text), self.tokens))

    async def _decoded(self, count: int) -> str:
        assert self.ids is not None and isinstance(self.engine, TokenEngine)
        return await self.engine.decode(self.ids[:count]) if count else ""


def _raw(made: Completion, inline: str, closing: str | None, until: Sequence[str]) -> tuple[str, str | None]:
    """Return a completion as one text with the stop string that ended it; unnamed, it is `closing` if that is alone."""
    text = made.text if made.reasoning is None else made.reasoning + (inline + made.text if made.text else "")
    stops = [*([closing] if closing else ()), *until]
    if not stops or made.finish_reason is not FinishReason.STOP:
        return text, made.stop
    stop = made.stop or next((s for s in stops if text.endswith(s)), None if until else closing)
    return (text + stop if stop and stop in stops and not text.endswith(stop) else text), stop
