"""Reading an evaluation's folder and measuring it: one accuracy with its interval, and the results behind it."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from verifiers import BAD_GOLD, Outcome, Verdict

from ..records import Estimate, Rollout
from ..store import Table
from ..verification import read_verdicts
from .statistics import PairedResult, bootstrap_mean, paired, wilson


@dataclass(frozen=True, slots=True, kw_only=True)
class SetResult:
    """What one model did on one set of problems."""

    scores: dict[str, float]
    """Share of right rollouts by problem id; problems whose every verdict is an error of our side are left out."""
    outcomes: dict[str, int]
    prompt_tokens: int
    cached_tokens: int
    completion_tokens: int
    truncated: int
    rollouts: int

    @property
    def accuracy(self) -> Estimate:
        """Mean over problems: Wilson's interval for one rollout a problem, a bootstrap over problems otherwise."""
        scores = list(self.scores.values())
        if not scores or all(score in (0, 1) for score in scores):
            return wilson(round(sum(scores)), len(scores))
        return bootstrap_mean(scores)


def read_rollouts(folder: Path) -> Iterator[Rollout]:
    """Yield the rollouts of a folder that holds the table `rollouts`."""
    return (Rollout.from_row(row) for row in Table(folder / "rollouts", key="id"))


def measure(folder: Path, *, only: Sequence[str] | None = None) -> SetResult | None:
    """Measure the rollouts of a folder, or None where there are none; `only` names the rollouts that count."""
    verdicts = read_verdicts(Table(folder / "verdicts", key="rollout_id"))
    wanted = None if only is None else set(only)
    rollouts = [r for r in read_rollouts(folder) if r.id in verdicts and (wanted is None or r.id in wanted)]
    if not rollouts:
        return None
    outcomes = Counter(str(verdicts[rollout.id].outcome) for rollout in rollouts)
    return SetResult(
        scores=_scores(rollouts, verdicts),
        outcomes=dict(outcomes),
        prompt_tokens=sum(r.usage.prompt_tokens for r in rollouts),
        cached_tokens=sum(r.usage.cached_tokens for r in rollouts),
        completion_tokens=sum(r.usage.completion_tokens for r in rollouts),
        truncated=sum(r.finish_reason == "length" for r in rollouts),
        rollouts=len(rollouts),
    )


def pass_rates(folder: Path) -> dict[str, float]:
    """Return the share of right rollouts of each problem in a folder."""
    result = measure(folder)
    return result.scores if result else {}


def compare(before: Sequence[SetResult], after: Sequence[SetResult]) -> PairedResult | None:
    """Compare two systems over the problems that both were judged on; one result for each set, in the same order."""
    pairs = [
        (b.scores[problem], a.scores[problem])
        for b, a in zip(before, after, strict=True)
        for problem in b.scores
        if problem in a.scores
    ]
    return paired([b for b, _ in pairs], [a for _, a in pairs]) if pairs else None


def pool(results: Sequence[SetResult]) -> SetResult:
    """Average the seeds of an arm problem by problem: its accuracy is then a bootstrap over problems."""
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


def _scores(rollouts: Sequence[Rollout], verdicts: dict[str, Verdict]) -> dict[str, float]:
    by_problem: dict[str, list[float]] = defaultdict(list)
    for rollout in rollouts:
        verdict = verdicts[rollout.id]
        if verdict.outcome is not Outcome.ERROR or verdict.reason.startswith(BAD_GOLD):
            by_problem[rollout.problem_id].append(float(verdict.outcome is Outcome.CORRECT))
    return {problem: sum(scores) / len(scores) for problem, scores in by_problem.items()}
