"""Training examples from rollouts: the student's prompt, the teacher's completion, and the receipt."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from ..curation.candidate_source import Candidate, Source
from ..generation.prompts import PromptTemplate
from ..generation.strategies.registry import StrategyOptions, asking
from ..records import Example
from .options import ExportOptions
from .receipts import RECEIPT, Judged, make_receipt, receipt_of
from .split_thinking_at_box import thinking_before_box


def to_example(
    candidate: Candidate,
    template: PromptTemplate,
    strategy: StrategyOptions | None = None,
    judged: Judged | None = None,
) -> Example:
    """Turn a rollout into a training example.

    `strategy` is how the student will be asked, by default in one turn; calls stay as the teacher wrote them. `judged`
    records how the verdict was obtained.
    """
    problem, rollout, asked = candidate.problem, candidate.rollout, strategy or StrategyOptions()
    prompt = asking(asked, template, problem, rollout.marks.get("syntax")).messages(problem)
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


def example_maker(
    template: PromptTemplate, strategy: StrategyOptions, judged: Judged, thinking: str = ExportOptions().thinking
) -> Callable[[Candidate], Example]:
    """Return the function that makes an example of a candidate; `thinking` as in `ExportOptions`."""

    def make(candidate: Candidate) -> Example:
        if thinking == "before_box":
            candidate = replace(candidate, rollout=thinking_before_box(candidate.rollout))
        return to_example(candidate, template, strategy, judged)

    return make
