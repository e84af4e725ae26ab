"""From the rollouts of a sweep's cells to the points of its curves. Nothing is measured that is not in the folder."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from verifiers import Outcome
from verifiers.math.equal_answers import group_answers
from verifiers.steps import check_steps

from ..evaluation.metrics import best_at_k, maj_at_k, pass_at_k, weighted_vote_at_k
from ..evaluation.statistics import mean_estimate
from ..records import Estimate, Rollout, Row
from ..store import Table
from ..verification.judging import read_verdicts
from .grid import Cell
from .measures import control, within_length

ORACLE = "oracle"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """What the curves need of one judged rollout."""

    rollout_id: str
    correct: bool
    answer: str | None
    tokens: int
    """That the model wrote, thinking and answer."""
    thinking: int
    waits: int
    confidence: float = 0.0
    """Mean log-probability of its weakest stretch."""
    soundness: float = 0.5
    """Share of its own arithmetic that holds; see StepCheck."""


@dataclass(frozen=True, slots=True)
class Choices:
    """What a model said of a cell's rollouts."""

    picks: dict[tuple[str, int], str | None] = field(default_factory=dict)
    """Rollout that it picked of the first k, by problem and k; None where it named none."""
    pick_tokens: dict[tuple[str, int], int] = field(default_factory=dict)
    ratings: dict[str, float] = field(default_factory=dict)
    """By rollout; one that it did not rate has the lowest."""
    rating_tokens: dict[str, int] = field(default_factory=dict)


Samples = Mapping[str, Sequence[Sample]]
"""The samples of a cell by problem, in the order of their index."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One system: a way to spend tokens, and what it gives."""

    series: str
    """Points of one series make a curve."""
    label: str
    budget: int
    waits: int = 0
    k: int = 1
    tokens: float
    """Mean tokens that a problem costs, all its rollouts together."""
    thinking: float
    """Mean tokens of thinking of one rollout."""
    control: float
    """Share of rollouts whose thinking kept to the budget."""
    used_waits: float = 0.0
    """Mean number of waits that a rollout got."""
    scores: Mapping[str, float] = field(repr=False)
    """Value of each problem, between 0 and 1."""

    @property
    def estimate(self) -> Estimate:
        """The accuracy."""
        return mean_estimate(list(self.scores.values()))

    @property
    def is_oracle(self) -> bool:
        """Whether it knows the right answer, so that no system can have it."""
        return self.series.startswith(ORACLE)

    def to_row(self) -> Row:
        """Return the JSON object, accuracy with its interval, without the single problems."""
        return {
            "series": self.series,
            "label": self.label,
            "budget": self.budget,
            "waits": self.waits,
            "k": self.k,
            "accuracy": self.estimate.to_row(),
            "tokens": round(self.tokens, 2),
            "thinking_tokens": round(self.thinking, 2),
            "used_waits": round(self.used_waits, 3),
            "control": round(self.control, 4),
        }


def read_samples(folder: Path, wanted: Sequence[str], *, checks_steps: bool = False) -> dict[str, list[Sample]]:
    """Return the samples of a cell by problem; rollouts on which our side broke are left out."""
    verdicts = read_verdicts(Table(folder / "verdicts", key="rollout_id"))
    rollouts = {row["id"]: Rollout.from_row(row) for row in Table(folder / "rollouts", key="id")}
    found: dict[str, list[tuple[int, Sample]]] = {}
    for identifier in wanted:
        rollout, verdict = rollouts.get(identifier), verdicts.get(identifier)
        if rollout is None or verdict is None or verdict.outcome is Outcome.ERROR:
            continue
        notes = rollout.annotations
        # A pruned rollout has no vote; it costs what it cost.
        pruned = bool(notes.get("pruned"))
        sample = Sample(
            rollout_id=identifier,
            correct=verdict.outcome is Outcome.CORRECT and not pruned,
            answer=None if pruned else verdict.extracted or None,
            tokens=rollout.usage.completion_tokens,
            thinking=notes.get("thinking_tokens", rollout.usage.completion_tokens),
            waits=notes.get("waits", 0),
            confidence=notes.get("confidence", {}).get("lowest", 0.0),
            soundness=check_steps(rollout.written).soundness if checks_steps else 0.5,
        )
        found.setdefault(rollout.problem_id, []).append((rollout.index, sample))
    return {problem: [s for _, s in sorted(group, key=lambda pair: pair[0])] for problem, group in found.items()}


def single_point(cell: Cell, samples: Samples) -> Point:
    """Return a cell's rollouts as one system: each problem's share right."""
    scores = {problem: sum(s.correct for s in group) / len(group) for problem, group in samples.items()}
    series = cell.part + (cell.waits_text if cell.part == "sequential" else "")
    return _point(cell, samples, series=series, label=cell.label, k=1, scores=scores)


def parallel_points(
    cell: Cell, samples: Samples, ks: Iterable[int], votes: Iterable[str], choices: Choices | None = None
) -> Iterator[Point]:
    """Yield a point for each k and vote, and the oracle's. Problems with fewer than k rollouts are left out there."""
    answers = {problem: group_answers([s.answer for s in group]) for problem, group in samples.items()}
    votes = list(votes)
    for k in ks:
        enough = {problem: group for problem, group in samples.items() if len(group) >= k}
        if not enough:
            continue
        for vote in votes:
            scores, extra = _vote(vote, enough, answers, k, choices or Choices())
            label = f"{_NAMES[vote]}@{k}, {cell.where}"
            yield _point(cell, enough, series=f"{vote}, {cell.where}", label=label, k=k, scores=scores, extra=extra)
        scores = {p: pass_at_k(len(g), sum(s.correct for s in g), k) for p, g in enough.items()}
        series, label = f"{ORACLE}, {cell.where}", f"pass@{k}, {cell.where}"
        yield _point(cell, enough, series=series, label=label, k=k, scores=scores)


def rejection_points(cell: Cell, samples: Samples, budgets: Iterable[int]) -> Iterator[Point]:
    """Yield rejection sampling by length at each budget; a problem without a sample that fits counts as wrong, and all
    its samples are paid."""
    for budget in budgets:
        scores: dict[str, float] = {}
        paid: list[float] = []
        for problem, group in samples.items():
            found = within_length([s.thinking for s in group], [float(s.correct) for s in group], budget)
            # Answers are paid too, in proportion to what was drawn.
            overhead = sum(s.tokens - s.thinking for s in group) / len(group)
            drawn = (len(group) + 1) / (sum(s.thinking <= budget for s in group) + 1) if found else len(group)
            scores[problem] = found[0] if found else 0.0
            paid.append((found[1] if found else sum(s.thinking for s in group)) + overhead * drawn)
        fit = [s.thinking for group in samples.values() for s in group if s.thinking <= budget]
        yield Point(
            series="rejection",
            label=f"rejection: {budget} tokens",
            budget=budget,
            waits=cell.waits,
            tokens=sum(paid) / len(paid),
            thinking=sum(fit) / max(1, len(fit)),
            control=1.0 if fit else 0.0,
            scores=scores,
        )


_NAMES = {
    "majority": "maj", "confidence": "weighted", "surest": "surest", "steps": "steps", "judge": "judge",
    "select": "select",
}  # fmt: skip


def _vote(
    vote: str, samples: Samples, answers: Mapping[str, Sequence[int | None]], k: int, choices: Choices
) -> tuple[dict[str, float], float]:
    """Return each problem's value, and the tokens of a problem that the vote itself cost."""
    if vote == "select" and k > 1:
        scores = {
            p: float(any(s.correct and s.rollout_id == choices.picks.get((p, k)) for s in group[:k]))
            for p, group in samples.items()
        }
        return scores, sum(choices.pick_tokens.get((p, k), 0) for p in samples) / len(samples)
    extra = 0.0
    if vote == "judge":
        spent = [choices.rating_tokens.get(s.rollout_id, 0) for group in samples.values() for s in group]
        extra = k * sum(spent) / len(spent)
    scores = {}
    for problem, group in samples.items():
        correct, sure = [float(s.correct) for s in group], [s.confidence for s in group]
        if vote == "majority":
            scores[problem] = maj_at_k(correct, answers[problem], k)
        elif vote == "confidence":
            scores[problem] = weighted_vote_at_k(correct, answers[problem], [math.exp(c) for c in sure], k)
        elif vote == "judge":
            scores[problem] = best_at_k(correct, [choices.ratings.get(s.rollout_id, -1.0) for s in group], k)
        else:
            ranked = [s.soundness for s in group] if vote == "steps" else sure
            scores[problem] = best_at_k(correct, ranked, k)
    return scores, extra


def _point(
    cell: Cell, samples: Samples, *, series: str, label: str, k: int, scores: Mapping[str, float], extra: float = 0.0
) -> Point:
    flat = [s for group in samples.values() for s in group]
    by_problem = [sum(s.tokens for s in group) / len(group) for group in samples.values()]
    return Point(
        series=series,
        label=label,
        budget=cell.budget,
        waits=cell.waits,
        k=k,
        tokens=k * sum(by_problem) / len(by_problem) + extra,
        thinking=sum(s.thinking for s in flat) / len(flat),
        control=control([s.thinking for s in flat], 0, cell.budget),
        used_waits=sum(s.waits for s in flat) / len(flat),
        scores=dict(scores),
    )
