"""One judged rollout as the page lists it."""

from ..generation.transcripts import render
from ..records import Problem, Rollout, Row
from .data import RolloutView


def view_rollout(rollout: Rollout, problem: Problem, verdict: Row, label: str, fate: str = "") -> RolloutView:
    """Return a judged rollout as the page lists it; `fate` says what curation did with it."""
    in_turns = len(rollout.completion) > 1  # with code and outputs between: the page shows all of it as one text
    return RolloutView(
        id=rollout.id,
        problem_id=problem.id,
        set=label,
        question=problem.question,
        reasoning="" if in_turns else rollout.messages[-1].reasoning or "",
        content=render(rollout.completion) if in_turns else rollout.text,
        expected=problem.answer or "",
        extracted=verdict["extracted"] or "",
        outcome=str(verdict["outcome"]),
        method=verdict["method"],
        reason=verdict["reason"],
        finish_reason=str(rollout.finish_reason),
        tokens=rollout.usage.completion_tokens,
        template=str(problem.metadata.get("template", "")),
        kept=fate,
    )
