"""The decoding rule `plain`: the engine writes each turn in one request."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar

from ...engines.base import PLAIN, Completion, Engine, Extras
from ...records import Message, Row, Sampling
from ...store.options import NoOptions
from ..transcripts import render
from .base import WrittenTurn


@dataclass(frozen=True, slots=True, kw_only=True)
class Plain:
    """No rule beyond the sampling."""

    Options: ClassVar[type] = NoOptions
    name: str = "plain"
    options: NoOptions = field(default_factory=NoOptions)

    @property
    def thinking_delimiters(self) -> tuple[str, str] | None:
        """None: the engine ends no thinking."""
        return None

    def identity(self) -> Row:
        return {"name": self.name}

    def instruct(self, messages: Sequence[Message]) -> tuple[Message, ...]:
        return tuple(messages)

    def writer(self, engine: Engine) -> "PlainWriter":
        """Return a writer that passes requests on."""
        return PlainWriter(engine=engine)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlainWriter:
    """One request a turn; see TurnWriter."""

    engine: Engine
    annotations: Row = field(default_factory=dict)

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
        """Ask once; with `begun`, the engine continues in it as best it can."""
        last = begun[-1] if begun and begun[-1].role == "assistant" else None

        def written(completion: Completion) -> WrittenTurn:
            return WrittenTurn(message=joined(last, completion), completion=completion)

        if until:
            sampling, extras = replace(sampling, stop=(*sampling.stop, *until)), replace(extras, include_stop=True)
        if progress is not None:
            extras = replace(extras, progress=lambda completion: progress(written(completion)))
        [completion] = await self.engine.complete(messages, sampling, prefix=render(begun), extras=extras)
        return written(completion)

    def fork(self) -> "PlainWriter":
        """Return itself: it holds no state."""
        return self


def joined(begun: Message | None, completion: Completion) -> Message:
    """Return the assistant message that a completion makes, continuing `begun` if given.

    >>> from ...records import FinishReason, Usage
    >>> rest = Completion(text="4", reasoning=" 2", finish_reason=FinishReason.STOP, usage=Usage(), seconds=0)
    >>> joined(Message(role="assistant", content="", reasoning="2 +"), rest)
    Message(role='assistant', content='4', reasoning='2 + 2', tool_calls=())
    """
    begun = begun or Message(role="assistant", content="")
    thoughts = [part.reasoning for part in (begun, completion) if part.reasoning is not None]
    content, calls = begun.content + completion.text, (*begun.tool_calls, *completion.tool_calls)
    reasoning = "".join(thoughts) if thoughts else None
    return Message(role="assistant", content=content, reasoning=reasoning, tool_calls=calls)
