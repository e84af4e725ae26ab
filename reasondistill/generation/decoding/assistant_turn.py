"""One assistant turn that the model and we write in turns: what stands there so far, as text and as tokens.

With an engine that takes tokens nothing is tokenized twice: the model goes on from the very ids that it wrote, and
counts are exact. With one that takes text only, what we write is counted by an estimate.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from ...engines.base import Completion, Engine, Extras, TokenEngine
from ...errors import RequestError
from ...records import FinishReason, Message, Sampling, Usage


@dataclass(slots=True, kw_only=True)
class Turn:
    """A turn under way."""

    engine: Engine
    messages: Sequence[Message]
    sampling: Sampling
    """Its seed is moved on with every request; the cap is given with each."""
    extras: Extras
    inline: str = ""
    """What stands between a thought and its answer in the text of an engine that returns the two apart."""
    text: str = ""
    ids: list[int] | None = field(init=False)
    tokens: int = 0
    """Tokens of the turn, ours among them."""
    borders: list[tuple[int, int]] = field(default_factory=lambda: [(0, 0)])
    """(characters, tokens) after each piece: where the counts of an engine without token ids are known."""
    requests: int = 0
    usage: Usage = field(default_factory=Usage)
    seconds: float = 0.0
    logprobs: list[float] = field(default_factory=list)
    """Of the model's own tokens, if asked."""

    def __post_init__(self) -> None:
        self.ids = [] if isinstance(self.engine, TokenEngine) and self.engine.abilities.token_ids else None

    async def write(self, text: str) -> int:
        """Write a text of our own; return its tokens."""
        if not text:
            return 0
        if self.ids is not None and isinstance(self.engine, TokenEngine):
            added = await self.engine.encode(text, begins=not self.text)
            self.ids += added
            self.text = await self._decoded(len(self.ids))
            self.tokens = len(self.ids)
            return len(added)
        estimate = -(-len(text) // 4)
        self._grow(text, estimate)
        return estimate

    async def cost(self, text: str) -> int:
        """Return how many tokens `write` would add."""
        if self.ids is not None and isinstance(self.engine, TokenEngine):
            return len(await self.engine.encode(text))
        return -(-len(text) // 4)

    async def go_on(self, most: int, *, stop: str | None = None, engine_budget: int | None = None) -> FinishReason:
        """Let the model write `most` tokens at most, or up to and with a stop string; return why it stopped.

        Raises RequestError with reason `budget_breach` where it wrote more: some servers ignore caps silently.
        """
        stops = (*self.sampling.stop, *([stop] if stop else []))
        sampling = replace(self.sampling, max_tokens=most, stop=stops, seed=self.sampling.seed + self.requests)
        extras = replace(self.extras, prefix_ids=tuple(self.ids or ()), thinking_budget=engine_budget)
        [made] = await self.engine.complete(self.messages, sampling, prefix=self.text, extras=extras)
        self.requests += 1
        self.usage += made.usage
        self.seconds += made.seconds
        self.logprobs += made.logprobs or ()
        if made.usage.completion_tokens > most:
            raise RequestError(
                f"{self.engine.name} wrote {made.usage.completion_tokens} tokens where {most} were allowed",
                reason="budget_breach",
            )
        await self._take(made, stop)
        return made.finish_reason

    async def cut(self, length: int) -> None:
        """Drop what stands after so many characters."""
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
        """Return how many of the turn's tokens stand whole within so many characters."""
        if self.ids is None:
            return self._between(length)
        low, high = 0, len(self.ids)
        while low < high:
            middle = (low + high + 1) // 2
            if len(await self._decoded(middle)) <= length:
                low = middle
            else:
                high = middle - 1
        return low

    async def _take(self, made: Completion, stop: str | None) -> None:
        if self.ids is None or not isinstance(self.engine, TokenEngine):
            self._grow(_raw(made, self.inline, stop), made.usage.completion_tokens)
            return
        if made.token_ids is None and made.usage.completion_tokens:
            raise RequestError(f"{self.engine.name} returned no token ids", reason="no_token_ids")
        self.ids += made.token_ids or ()
        if made.finish_reason is FinishReason.STOP:
            # The end token is no part of the turn where it goes on.
            while self.ids and not await self.engine.decode(self.ids[-1:]):
                self.ids.pop()
        self.text = await self._decoded(len(self.ids))
        self.tokens = len(self.ids)

    def _grow(self, text: str, tokens: int) -> None:
        self.text += text
        self.tokens += tokens
        self.borders.append((len(self.text), self.tokens))

    def _between(self, length: int) -> int:
        """Return the tokens within so many characters: counted at the borders, evenly spread between them."""
        before = max((b for b in self.borders if b[0] <= length), default=(0, 0))
        after = min((b for b in self.borders if b[0] > length), default=None)
        if after is None:
            return before[1]
        return before[1] + round((length - before[0]) / (after[0] - before[0]) * (after[1] - before[1]))

    async def _decoded(self, count: int) -> str:
        assert self.ids is not None and isinstance(self.engine, TokenEngine)
        return await self.engine.decode(self.ids[:count]) if count else ""


def _raw(made: Completion, inline: str, stop: str | None) -> str:
    """Return a completion as one text, its stop string written where the engine says that it ended it."""
    ended = stop if stop and made.finish_reason is FinishReason.STOP and made.stop in (stop, None) else ""
    text = made.text if made.reasoning is None else made.reasoning + (inline + made.text if made.text else "")
    return text if not ended or text.endswith(ended) else text + ended
