"""All metrics of judged rollouts, with intervals over problems.

pass@k, avg@k and cov@k always; maj@k and maj_first@k over mathematics problems; rm@k and weighted_maj@k over problems
whose rollouts all have a score. A metric at k covers the problems with at least k judged rollouts; n is their number.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from verifiers import Outcome
from verifiers.math.equal_answers import group_answers

from ..errors import RecipeError
from ..records import Estimate, Kind, Row
from .metrics import avg_at_k, best_at_k, cov_at_k, maj_at_k, maj_first_seen, pass_at_k, weighted_vote_at_k
from .statistics import bootstrap_mean, clustered_error, mean_estimate, wilson

MAX_TRUNCATED_SHARE = 0.05
"""Share of truncated completions above which accuracy says more about the cap than about the model."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """One judged rollout, as metrics need it."""

    outcome: Outcome
    answer: str | None = None
    """Extracted answer of a mathematics problem."""
    score: float | None = None
    """Score by a reward model or another judge."""
    tokens: int = 0
    """Tokens of the completion; 0 if unknown."""
    truncated: bool = False
    bad_gold: bool = False
    """Whether the reference is unusable: no answer can equal it, so the rollout counts as wrong, as elsewhere."""


@dataclass(slots=True, kw_only=True)
class Group:
    """Judged rollouts of one problem, in order of their index."""

    kind: Kind = Kind.MATH
    rollouts: list[Judged] = field(default_factory=list)

    @property
    def counted(self) -> list[Judged]:
        """Rollouts without an error of our side."""
        return [r for r in self.rollouts if r.outcome is not Outcome.ERROR or r.bad_gold]

    @property
    def correct(self) -> list[bool]:
        """Whether each counted rollout is right."""
        return [r.outcome is Outcome.CORRECT for r in self.counted]


def scorecard(groups: Iterable[Group], ks: Sequence[int] | None = None) -> Row:
    """Return `{metrics, outcomes, problems, rollouts, samples, accuracy_error, truncated_share, tokens, warnings}`.

    `ks` defaults to 1 and the size of the smallest group.
    """
    sampled = [group for group in groups if group.rollouts]
    judged = [group for group in sampled if group.counted]
    sizes = [len(group.counted) for group in judged]
    ks = sorted(set(ks or default_ks(sizes)))
    rollouts = [r for group in sampled for r in group.rollouts]
    return {
        "metrics": {name: estimate.to_row() for name, estimate in _metrics(judged, ks).items()},
        "outcomes": dict(sorted(Counter(str(r.outcome) for r in rollouts).items())),
        "problems": len(sampled),
        "rollouts": len(rollouts),
        "samples": {"least": min(sizes, default=0), "most": max(sizes, default=0)},
        "accuracy_error": _accuracy_error(judged),
        "truncated_share": wilson(sum(r.truncated for r in rollouts), len(rollouts)).to_row(),
        "tokens": _tokens(sampled),
        "warnings": list(_warnings(sampled, sizes, ks)),
    }


def truncation_lines(truncated: int, rollouts: int) -> list[str]:
    """Return the warning about truncated completions where they are many, else nothing.

    >>> truncation_lines(1, 30)
    []
    >>> truncation_lines(24, 30)
    ['24 of 30 completions were cut at the token cap and may be wrong for that alone; raise --max-tokens']
    """
    if truncated <= MAX_TRUNCATED_SHARE * rollouts:
        return []
    why = "were cut at the token cap and may be wrong for that alone; raise --max-tokens"
    return [f"{truncated} of {rollouts} completions {why}"]


def default_ks(sizes: Sequence[int]) -> list[int]:
    """Return 1 and the largest k that every group has."""
    return sorted({1, min(sizes, default=1)})


def problem_values(groups: Mapping[str, Group], metric: str) -> dict[str, float]:
    """Return one metric, such as maj@8, of each problem that has it. Raises RecipeError for an unknown one."""
    name, _, k = metric.partition("@")
    if name not in _METRICS or not k.isdecimal() or int(k) < 1:
        raise RecipeError(f"metric {metric!r} is not known; it is one of {', '.join(_METRICS)}, with @ and a number")
    applies, value = _METRICS[name]
    return {
        identifier: value(group, group_answers([r.answer for r in group.counted]), int(k))
        for identifier, group in groups.items()
        if len(group.counted) >= int(k) and applies(group)
    }


def _metrics(groups: Sequence[Group], ks: Sequence[int]) -> dict[str, Estimate]:
    ready = [(group, group_answers([r.answer for r in group.counted])) for group in groups]
    metrics: dict[str, Estimate] = {}
    for k in ks:
        enough = [(group, answers) for group, answers in ready if len(group.counted) >= k]
        for name, (applies, value) in _METRICS.items():
            chosen = [(group, answers) for group, answers in enough if applies(group)]
            if chosen or name in ("pass", "avg"):
                metrics[f"{name}@{k}"] = mean_estimate([value(group, answers, k) for group, answers in chosen])
    return metrics


Answers = list[int | None]


def _is_math(group: Group) -> bool:
    return group.kind is Kind.MATH


def _has_scores(group: Group) -> bool:
    return all(r.score is not None for r in group.counted)


def _scores(group: Group) -> list[float]:
    return [r.score for r in group.counted if r.score is not None]


_METRICS: dict[str, tuple[Callable[[Group], bool], Callable[[Group, Answers, int], float]]] = {
    "pass": (lambda g: True, lambda g, _, k: pass_at_k(len(g.correct), sum(g.correct), k)),
    "avg": (lambda g: True, lambda g, _, k: avg_at_k(g.correct, k)),
    "cov": (lambda g: True, lambda g, _, k: cov_at_k(g.correct, k)),
    "maj": (_is_math, lambda g, answers, k: maj_at_k(g.correct, answers, k)),
    "maj_first": (_is_math, lambda g, answers, k: maj_first_seen(g.correct, answers, k)),
    "rm": (_has_scores, lambda g, _, k: best_at_k(g.correct, _scores(g), k)),
    "weighted_maj": (
        lambda g: _is_math(g) and _has_scores(g),
        lambda g, answers, k: weighted_vote_at_k(g.correct, answers, _scores(g), k),
    ),
}
"""Condition on a problem, and value for one problem, by metric."""


def _accuracy_error(groups: Sequence[Group]) -> float | None:
    """Return the standard error of the share of right rollouts, clustered by problem."""
    pairs = [(float(c), i) for i, group in enumerate(groups) for c in group.correct]
    return round(clustered_error([c for c, _ in pairs], [i for _, i in pairs]), 6) if pairs else None


def _tokens(groups: Sequence[Group]) -> Row | None:
    """Return the completions' tokens in total and per problem; None if unknown."""
    by_problem = [float(sum(r.tokens for r in group.rollouts)) for group in groups]
    if not any(by_problem):
        return None
    return {"completion": int(sum(by_problem)), "per_problem": bootstrap_mean(by_problem).to_row()}


def _warnings(groups: Sequence[Group], sizes: Sequence[int], ks: Sequence[int]) -> Iterable[str]:
    rollouts = [r for group in groups for r in group.rollouts]
    yield from truncation_lines(sum(r.truncated for r in rollouts), len(rollouts))
    for k in ks:
        short = sum(size < k for size in sizes)
        if short:
            yield f"@{k}: {short} of {len(sizes)} problems have fewer than {k} judged rollouts and are left out there"
    bad = sum(any(r.bad_gold for r in group.rollouts) for group in groups)
    if bad:
        yield f"{bad} of {len(groups)} problems have a reference that no answer can equal, and count as unsolved"
    lost = len(groups) - len(sizes)
    if lost:
        yield f"{lost} of {len(groups)} problems are left out: no rollout of theirs could be judged (see `outcomes`)"
