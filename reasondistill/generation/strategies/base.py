"""What a strategy is: one way to attempt a problem, from its prompt to the last turn that comes back.

It keeps no table and knows no rollout ids; what decides a sample goes into them through `identity`.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, ClassVar

from ...engines.base import Engine, Extras
from ...records import FinishReason, Message, Problem, Rollout, Row, Sampling, Usage
from ...store.options import NoOptions
from ..decoding.base import Decoding, decisive
from ..decoding.plain import Plain
from ..effort import with_effort
from ..prompts import PromptTemplate

_PLAIN = Plain()
LASTING_ANNOTATIONS = ("branch", "restarts")
"""Annotations that a resumed attempt cannot make again and that still hold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """The result of an attempt: everything of a rollout that is not known before it is made."""

    prompt: tuple[Message, ...]
    messages: tuple[Message, ...]
    """Turns that came back, assistant and tool; those of `AttemptRequest.prior` included."""
    finish_reason: FinishReason
    usage: Usage = field(default_factory=Usage)
    """Cost of this attempt, without that of `prior`."""
    seconds: float = 0.0
    token_ids: tuple[int, ...] | None = None
    """Ids of the completion's tokens, where it is one turn made in one piece."""
    tools: tuple[Row, ...] = ()
    annotations: Row = field(default_factory=dict)
    """Counts and notes of strategy and decoding, such as the number of executed blocks; stored with the rollout."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptRequest:
    """One attempt to make."""

    engine: Engine
    problem: Problem
    sampling: Sampling
    """`max_tokens` bounds what the model may still write over all turns."""
    index: int = 0
    prior: tuple[Message, ...] = ()
    """Turns of an earlier, truncated attempt, which this one continues."""
    partial: Callable[[Attempt], None] | None = None
    """Called with the attempt so far as it grows; its messages may come back as `prior` of another request."""


@dataclass(slots=True, kw_only=True)
class Strategy(ABC):
    """A way to attempt a problem. Close it with `aclose`: it may hold sessions of a sandbox."""

    Options: ClassVar[type] = NoOptions
    TEMPLATE: ClassVar[str] = "math-zero-shot"
    """Prompt template where the recipe names none."""
    FIELDS: ClassVar[tuple[str, ...]] = ()
    """Fields of a template that the strategy fills, besides `question`."""
    in_flight: ClassVar[float] = 1.0
    """Attempts under way per request that the engine serves at once; above 1 where attempts wait for tools."""

    name: str = ""
    template: PromptTemplate
    options: Any = None
    thinking: str = "default"
    """Effort asked of the model: a word of `effort.EFFORTS`."""
    decoding: Decoding = field(default_factory=Plain)

    def __post_init__(self) -> None:
        self.options = self.Options() if self.options is None else self.options

    @property
    def label(self) -> str:
        """The `strategy` of rollouts: the name, and that of a decoding other than plain behind a `+`."""
        return self.name if self.decoding == _PLAIN else f"{self.name}+{self.decoding.name}"

    @property
    def group_size(self) -> int:
        """Attempts of a problem that are best made one after the other, since they share a beginning."""
        return 1

    def identity(self) -> Row:
        """Return everything that decides a sample besides template and sampling, for the rollout's id; no caps."""
        named = {"name": self.name, "thinking": self.thinking}
        return {**named, "options": decisive(self.options), "decoding": self.decoding.identity()}

    def ask(self, problem: Problem, annotations: Row | None = None) -> PromptTemplate:
        """Return the template with its fields filled, to fit the rollout that has these annotations, if any."""
        return self.template

    @abstractmethod
    async def attempt(self, request: AttemptRequest) -> Attempt:
        """Make one attempt. Raises RequestError if it cannot be served and EngineError if the engine is gone."""

    @classmethod
    def measure(cls, rollouts: Iterable[Rollout]) -> Row:
        """Return what a report says of this strategy's rollouts; empty where it has nothing to add."""
        return {}

    async def aclose(self) -> None:  # noqa: B027 - most strategies hold nothing
        """Free what the attempts held."""

    def prompt(
        self, request: AttemptRequest, template: PromptTemplate, tools: tuple[Row, ...] = ()
    ) -> tuple[tuple[Message, ...], Extras]:
        """Return the messages of a filled template, with the sentences of decoding and effort, and their extras."""
        messages = self.decoding.instruct(template.messages(request.problem))
        return with_effort(messages, self.thinking, request.engine, tools)
