"""Drop truncated and empty completions: a student should not learn to stop in the middle."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Self

from ...records import FinishReason
from ..candidate_source import Candidate
from ..curation_step import Context, NoOptions

if TYPE_CHECKING:
    from ..options import CurateOptions


@dataclass(frozen=True, slots=True)
class Complete:
    """Drop truncated, empty and pruned completions, and texts that no tokenizer or Parquet file takes.

    Tool-integrated rollouts are pruned by their strategy: the answer had no executed block, or output was made up. A
    text with half of a surrogate pair has broken characters.
    """

    options: NoOptions = field(default_factory=NoOptions)
    name: ClassVar[str] = "complete"
    Options: ClassVar[type[NoOptions]] = NoOptions

    @classmethod
    def of(cls, _curate: "CurateOptions") -> Self:
        """Return the step; it is always on."""
        return cls()

    def __call__(self, candidates: Iterable[Candidate], context: Context) -> Iterator[Candidate]:
        """Run the step."""
        for candidate in candidates:
            if (fault := _fault(candidate)) is None:
                yield candidate
            else:
                context.ledger.add(candidate.drop(self.name, *fault))


def _fault(candidate: Candidate) -> tuple[str, str] | None:
    """Return reason and evidence against a completion."""
    rollout = candidate.rollout
    if not _is_encodable(candidate):
        return "broken_characters", ""
    if rollout.finish_reason is FinishReason.LENGTH:
        return "truncated", f"{rollout.usage.completion_tokens} tokens"
    if rollout.annotations.get("pruned"):
        return "hallucinated_output", ""
    return None if rollout.text.strip() else ("empty", "")


def _is_encodable(candidate: Candidate) -> bool:
    problem, messages = candidate.problem, candidate.rollout.messages
    texts = [problem.question, problem.answer or "", *(m.content + (m.reasoning or "") for m in messages)]
    try:
        "".join(texts).encode()
    except UnicodeEncodeError:
        return False
    return True
