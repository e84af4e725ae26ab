"""Training examples from rollouts: the student's prompt, the teacher's completion, and the receipt."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from ..curation.candidate_source import Candidate, Source
from ..generation.prompts import PromptTemplate
from ..generation.strategies import Cot, Strategy
from ..records import Example, Message, Rollout
from .options import ExportOptions
from .receipts import RECEIPT, Judged, make_receipt, receipt_of


def to_example(
    candidate: Candidate,
    strategy: PromptTemplate | Strategy,
    judged: Judged | None = None,
) -> Example:
    """Turn a rollout into a training example.

    `strategy` is how the student will be asked, a template alone for one turn; calls stay as the teacher wrote them.
    `judged` records how the verdict was obtained.
    """
    problem, rollout = candidate.problem, candidate.rollout
    asked = Cot(template=strategy) if isinstance(strategy, PromptTemplate) else strategy
    prompt = asked.ask(problem, rollout.annotations).messages(problem)
    receipt = make_receipt(problem, rollout, candidate.verdict, prompt, judged or Judged())
    tools = {"tools": list(rollout.tools)} if rollout.tools else {}
    receipt[RECEIPT] = receipt_of({**receipt, **tools}, prompt, rollout.completion)
    return Example(prompt=prompt, completion=rollout.completion, tools=rollout.tools, provenance=receipt)


@dataclass(frozen=True, slots=True, kw_only=True)
class Examples:
    """The examples of a source; each iteration makes them anew, and memory holds one."""

    kept: Source
    make: Callable[[Candidate], Example]

    def __len__(self) -> int:
        return len(self.kept)

    def __iter__(self) -> Iterator[Example]:
        return map(self.make, self.kept)


def thinking_before_box(rollout: Rollout) -> Rollout:
    r"""Return the rollout with the text before the line of its last box as reasoning.

    A turn stays as written when it has reasoning already, no box, or no text before the box's line.

    >>> split_at_box(Message(role="assistant", content="2 + 2 = 4.\n\\boxed{4}"))
    Message(role='assistant', content='\\boxed{4}', reasoning='2 + 2 = 4.', tool_calls=())
    """
    *before, last = rollout.messages
    return replace(rollout, messages=(*before, split_at_box(last)))


def split_at_box(message: Message) -> Message:
    """Split one turn into reasoning and answer; see thinking_before_box."""
    text = message.content
    line = text.rfind("\n", 0, max(0, text.rfind("\\boxed"))) + 1
    if message.role != "assistant" or message.reasoning is not None or "\\boxed" not in text or not text[:line].strip():
        return message
    return replace(message, reasoning=text[:line].strip(), content=text[line:])


def example_maker(
    strategy: Strategy, judged: Judged, thinking: str = ExportOptions().thinking
) -> Callable[[Candidate], Example]:
    """Return the function that makes an example of a candidate; `thinking` as in `ExportOptions`."""

    def make(candidate: Candidate) -> Example:
        if thinking == "before_box":
            candidate = replace(candidate, rollout=thinking_before_box(candidate.rollout))
        return to_example(candidate, strategy, judged)

    return make
