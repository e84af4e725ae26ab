"""Drop truncated and empty completions: a student should not learn to stop in the middle."""

from ...records import FinishReason
from ..candidate_source import Candidate
from ..curation_step import Context, CurationStep, Reason


class Complete(CurationStep):
    """Drop truncated, empty and pruned completions, and texts that no tokenizer or Parquet file takes.

    Tool-integrated rollouts are pruned by their strategy: the answer had no executed block, or output was made up. A
    text with half of a surrogate pair has broken characters.
    """

    name = "complete"

    def fault(self, candidate: Candidate, _context: Context) -> Reason | None:
        """Return what is wrong with the completion."""
        problem, rollout = candidate.problem, candidate.rollout
        texts = [problem.question, problem.answer or "", *(m.content + (m.reasoning or "") for m in rollout.messages)]
        try:
            "".join(texts).encode()
        except UnicodeEncodeError:
            return "broken_characters", ""
        if rollout.finish_reason is FinishReason.LENGTH:
            return "truncated", f"{rollout.usage.completion_tokens} tokens"
        if rollout.annotations.get("pruned"):
            return "hallucinated_output", ""
        return None if rollout.text.strip() else ("empty", "")
