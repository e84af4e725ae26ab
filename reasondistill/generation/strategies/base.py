"""What a strategy is: one way to make an attempt at a problem, from its prompt to the last turn that comes back.

`SamplingPlan` holds a strategy, `sample` asks it for every attempt that is missing and stores what it returns. A
strategy keeps no table and knows no rollout ids; what it is made of goes into them through `identity`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from ...engines.base import Completion, Engine
from ...records import FinishReason, Message, Problem, Row, Sampling, Usage
from ..effort import with_effort
from ..prompts import PromptTemplate

Partial = Callable[["Attempt"], None]
"""Told what an attempt holds so far, after each of its turns; what it was told last may be given back as `prior`."""

LASTING_MARKS = ("branch", "restarts")
"""What an attempt that goes on from an earlier one cannot notice again, and what still holds of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """What came of one attempt: everything of a rollout that is not known before it is made."""

    prompt: tuple[Message, ...]
    """The messages that were sent."""
    messages: tuple[Message, ...]
    """The turns that came back, assistant and tool; those of `prior` among them."""
    finish_reason: FinishReason
    usage: Usage = field(default_factory=Usage)
    """What this attempt cost; what `prior` had cost is not counted again."""
    seconds: float = 0.0
    token_ids: tuple[int, ...] | None = None
    """Ids of the completion's tokens, where it is one turn made in one piece."""
    tools: tuple[Row, ...] = ()
    """Functions that the model was told of."""
    marks: Row = field(default_factory=dict)
    """What the strategy noticed, such as the number of executed blocks; stored with the rollout."""


class Strategy(Protocol):
    """A way to attempt a problem. Close it with `aclose`: it may hold sessions of a sandbox."""

    @property
    def name(self) -> str:
        """The word for it in recipes and rollouts: cot, code, tir."""
        ...

    @property
    def template(self) -> PromptTemplate:
        """What asks the problem."""
        ...

    @property
    def thinking(self) -> str:
        """Effort asked of the model: a word of `thinking.EFFORTS`."""
        ...

    @property
    def side_by_side(self) -> int:
        """How many attempts of a problem are best made one after the other, since they share a beginning."""
        ...

    def identity(self) -> Row:
        """Return what changes the sample beside name, thinking, template and sampling: syntax, tools, limits.

        It goes into the rollout's id. Caps that only cut a sample short do not belong here.
        """
        ...

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
        """Make one attempt. `index` is its number within the problem's group.

        `prior` are the turns of an earlier attempt that was cut short: this one goes on where they end, and
        `sampling.max_tokens` is what it may still write over all its turns. Raises RequestError when the attempt
        cannot be served and EngineError when the engine is gone.
        """
        ...

    async def aclose(self) -> None:
        """Free what the attempts held."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Cot:
    """One assistant turn."""

    template: PromptTemplate
    thinking: str = "default"
    name: str = "cot"
    side_by_side: int = field(default=1, init=False)

    def identity(self) -> Row:
        """Return nothing: name, thinking and template say it all."""
        return {}

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
        """Ask once; with `prior`, go on in its last message as the engine best can."""
        prompt, extras = with_effort(self.template.messages(problem), self.thinking, engine)
        begun = prior[-1] if prior else None

        def made(completion: Completion) -> Attempt:
            return Attempt(
                prompt=prompt,
                messages=(joined(begun, completion) if begun else message_of(completion),),
                finish_reason=completion.finish_reason,
                usage=completion.usage,
                seconds=completion.seconds,
                token_ids=None if begun else completion.token_ids,
            )

        if partial is not None:
            extras = replace(extras, progress=lambda completion: partial(made(completion)))
        prefix = written(begun) if begun else ""
        [completion] = await engine.complete(prompt, sampling, prefix=prefix, extras=extras)
        return made(completion)

    async def aclose(self) -> None:
        """Hold nothing."""


def message_of(completion: Completion) -> Message:
    """Return a completion as an assistant turn."""
    return Message(
        role="assistant", content=completion.text, reasoning=completion.reasoning, tool_calls=completion.tool_calls
    )


def written(message: Message) -> str:
    """Return an assistant turn as the text that an engine continues: thinking in its tags, then the content.

    A thought without content was cut short, so its block stays open.

    >>> written(Message(role="assistant", content="4", reasoning="2 + 2"))
    '<think>2 + 2</think>4'
    >>> written(Message(role="assistant", content="", reasoning="2 +"))
    '<think>2 +'
    """
    if message.reasoning is None:
        return message.content
    return f"<think>{message.reasoning}</think>{message.content}" if message.content else f"<think>{message.reasoning}"


def joined(begun: Message, completion: Completion) -> Message:
    """Return the turn that a completion of `written(begun)` makes with it.

    >>> from ..engines.base import Completion
    >>> rest = Completion(text="4", reasoning=" 2", finish_reason=FinishReason.STOP, usage=Usage(), seconds=0)
    >>> joined(Message(role="assistant", content="", reasoning="2 +"), rest)
    Message(role='assistant', content='4', reasoning='2 + 2', tool_calls=())
    """
    reasoning = None
    if begun.reasoning is not None or completion.reasoning is not None:
        reasoning = (begun.reasoning or "") + (completion.reasoning or "")
    return Message(
        role="assistant",
        content=begun.content + completion.text,
        reasoning=reasoning,
        tool_calls=(*begun.tool_calls, *completion.tool_calls),
    )
