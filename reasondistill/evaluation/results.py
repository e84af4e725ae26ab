"""Measure an evaluation's folder: accuracy with its interval, and the results behind it."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from verifiers import BAD_GOLD, Outcome, Verdict

from ..records import Estimate, Usage
from ..store import Table
from ..store.rollout_table import open_rollouts
from .statistics import PairedResult, bootstrap_mean, paired, wilson


@dataclass(frozen=True, slots=True, kw_only=True)
class SetResult:
    """Results of one model on one set of problems."""

    scores: dict[str, float]
    """Share of right rollouts by problem id, without problems whose every verdict is an error of our side."""
    outcomes: dict[str, int]
    prompt_tokens: int
    cached_tokens: int
    completion_tokens: int
    truncated: int
    rollouts: int

    @property
    def accuracy(self) -> Estimate:
        """Mean over problems: Wilson's interval for one rollout a problem, else a bootstrap over problems."""
        scores = list(self.scores.values())
        if not scores or all(score in (0, 1) for score in scores):
            return wilson(round(sum(scores)), len(scores))
        return bootstrap_mean(scores)


def measure(folder: Path, *, only: Sequence[str] | None = None) -> SetResult | None:
    """Measure the judged rollouts of a folder, or those whose ids `only` lists; None if there are none."""
    wanted = None if only is None else set(only)
    outcome_of: dict[str, tuple[str, float | None]] = {
        row["rollout_id"]: _outcome(Verdict.from_row(row))
        for row in Table(folder / "verdicts", key="rollout_id")
        if wanted is None or row["rollout_id"] in wanted
    }
    outcomes: Counter[str] = Counter()
    scores: dict[str, list[float]] = defaultdict(list)
    usage, truncated = Usage(), 0
    for head in open_rollouts(folder).heads():
        if head["id"] not in outcome_of:
            continue
        outcome, score = outcome_of[head["id"]]
        outcomes[outcome] += 1
        if score is not None:
            scores[head["problem_id"]].append(score)
        usage += Usage(**head["usage"])
        truncated += head["finish_reason"] == "length"
    if not outcomes:
        return None
    return SetResult(
        scores={problem: sum(s) / len(s) for problem, s in scores.items()},
        outcomes=dict(outcomes),
        prompt_tokens=usage.prompt_tokens,
        cached_tokens=usage.cached_tokens,
        completion_tokens=usage.completion_tokens,
        truncated=truncated,
        rollouts=outcomes.total(),
    )


def pass_rates(folder: Path) -> dict[str, float]:
    """Return the share of right rollouts of each problem in a folder."""
    result = measure(folder)
    return result.scores if result else {}


def compare(before: Sequence[SetResult], after: Sequence[SetResult]) -> PairedResult | None:
    """Compare two systems on the problems that both were judged on, with one result per set in the same order."""
    pairs = [
        (b.scores[problem], a.scores[problem])
        for b, a in zip(before, after, strict=True)
        for problem in b.scores
        if problem in a.scores
    ]
    return paired([b for b, _ in pairs], [a for _, a in pairs]) if pairs else None


def pool(results: Sequence[SetResult]) -> SetResult:
    """Average the seeds of a student problem by problem; its accuracy is then a bootstrap over problems."""
    by_problem: dict[str, list[float]] = defaultdict(list)
    for result in results:
        for problem, score in result.scores.items():
            by_problem[problem].append(score)
    outcomes = sum((Counter(result.outcomes) for result in results), Counter[str]())
    return SetResult(
        scores={problem: sum(s) / len(s) for problem, s in by_problem.items()},
        outcomes=dict(outcomes),
        prompt_tokens=sum(r.prompt_tokens for r in results),
        cached_tokens=sum(r.cached_tokens for r in results),
        completion_tokens=sum(r.completion_tokens for r in results),
        truncated=sum(r.truncated for r in results),
        rollouts=sum(r.rollouts for r in results),
    )


def _outcome(verdict: Verdict) -> tuple[str, float | None]:
    """Return the outcome and the score: None for an error of our side, 0 for an unusable reference."""
    scored = verdict.outcome is not Outcome.ERROR or verdict.reason.startswith(BAD_GOLD)
    return _scored(str(verdict.outcome), scored)


@cache
def _scored(outcome: str, scored: bool) -> tuple[str, float | None]:
    """Return the same tuple for all rollouts of an outcome, to save memory."""
    return outcome, float(outcome == Outcome.CORRECT) if scored else None
