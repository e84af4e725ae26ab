"""Judged rollouts as the page lists them."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from ..generation.transcripts import render
from ..records import Problem, Rollout
from ..store import Table
from ..verification.judging import read_verdicts
from .data import RolloutView


def view_rollouts(
    place: Path,
    rollouts: Iterable[Rollout],
    problems: Mapping[str, Problem],
    label: str,
    fates: Mapping[str, str],
    otherwise: str,
) -> Iterator[RolloutView]:
    """Yield the rollouts of a folder that have a verdict and a problem; `fates` says what curation did with each."""
    verdicts = read_verdicts(Table(place / "verdicts", key="rollout_id"))
    for rollout in rollouts:
        if rollout.id not in verdicts or rollout.problem_id not in problems:
            continue
        verdict, problem = verdicts[rollout.id], problems[rollout.problem_id]
        in_turns = len(rollout.completion) > 1  # with code and outputs between: the page shows all of it as one text
        yield RolloutView(
            id=rollout.id,
            problem_id=problem.id,
            set=label,
            question=problem.question,
            reasoning="" if in_turns else rollout.messages[-1].reasoning or "",
            content=render(rollout.completion) if in_turns else rollout.text,
            expected=problem.answer or "",
            extracted=verdict.extracted or "",
            outcome=str(verdict.outcome),
            method=verdict.method,
            reason=verdict.reason,
            finish_reason=str(rollout.finish_reason),
            tokens=rollout.usage.completion_tokens,
            template=str(problem.metadata.get("template", "")),
            kept=fates.get(rollout.id, otherwise),
        )
