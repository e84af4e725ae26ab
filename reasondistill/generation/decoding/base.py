"""The interface of a decoding rule, and what a writer of assistant turns returns."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

from ...engines.base import PLAIN, Completion, Engine, Extras
from ...records import Message, Row, Sampling
from ...store.options import dump_options


def decisive(options: Any) -> Row:
    """Return the options that decide a sample, as JSON: all but those that the record names in `NOT_IN_ID`."""
    left_out = getattr(options, "NOT_IN_ID", ())
    return {name: value for name, value in dump_options(options).items() if name not in left_out}


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenTurn:
    """An assistant message, and the completion that wrote it or the rest of it."""

    message: Message
    """The whole message; where `begun` ended in an assistant message it replaces that one."""
    completion: Completion
    """Tokens, time and end of what was added, tool calls included."""


class TurnWriter(Protocol):
    """Writes the assistant turns of one attempt."""

    @property
    def annotations(self) -> Row:
        """Counts and notes of the rule, stored with the rollout."""

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
        """Write the assistant turn that follows `messages`, up to its end, the cap or one of the strings `until`.

        `begun` is the part of the turn that exists: assistant messages and the outputs of tools between them.
        `progress` is called now and then with the turn so far, if the engine streams. Raises what Engine.complete
        raises.
        """

    def fork(self) -> "TurnWriter":
        """Return a writer that continues from the same state independently."""


class Decoding(Protocol):
    """A decoding rule. A class that is called with `name` and `options`."""

    Options: ClassVar[type]

    @property
    def name(self) -> str: ...

    @property
    def thinking_delimiters(self) -> tuple[str, str] | None:
        """Delimiters that the engine must know to end thinking by itself; None where it need not."""

    def identity(self) -> Row: ...

    def instruct(self, messages: Sequence[Message]) -> tuple[Message, ...]:
        """Return the prompt with the rule's own sentences, if it has any."""

    def writer(self, engine: Engine) -> TurnWriter:
        """Return the writer of one attempt's turns. Raises EngineError for an engine that cannot follow the rule."""
