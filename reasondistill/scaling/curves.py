"""The curves of a sweep and what can be concluded from them: points, frontier, s1's measures, paired tests, words."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations, pairwise
from typing import Self

from ..evaluation.statistics import PairedResult, holm, paired
from ..records import Estimate, Row
from ..report.text import p_words, percent, points
from .grid import SC_TIR, Cell
from .measures import Slope, fitted_slope, frontier, performance, slope, slope_estimate
from .points import Choices, Point, Samples, parallel_points, rejection_points, single_point
from .recipe import REJECTION, ScalingRecipe
from .transitions import Transition, counted, transitions

_COVERED = 0.9
"""Share of the problems that a point must have, to be compared with the others without pairing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contrast:
    """A paired comparison of two points of the sweep."""

    before: Point
    after: Point
    result: PairedResult
    corrected: float
    """p-value for as many comparisons as there are (Holm 1979)."""

    @property
    def words(self) -> str:
        """The same as one sentence."""
        r = self.result
        clear = self.corrected < 0.05
        verdict = ("better" if r.difference > 0 else "worse") if clear else "no difference can be concluded"
        p = p_words(self.corrected)
        return (
            f"{self.after.label} against {self.before.label}: {points(r.difference)} [{points(r.low)}, "
            f"{points(r.high)}], n={r.n}, p {p if p.startswith('<') else f'= {p}'} for "
            f"{'all' if clear else 'so many'} comparisons: {verdict}."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Curves:
    """Everything that is computed of a sweep."""

    points: tuple[Point, ...]
    best: tuple[int, ...]
    """Places of the compute-optimal points; the oracle's are none, nor those of cells that are hardly begun."""
    slopes: Mapping[str, Estimate]
    """By series, in points for 1,000 tokens of thinking: of the line through the points."""
    pair_slopes: Mapping[str, Estimate]
    """The same as s1's mean over pairs of points."""
    contrasts: tuple[Contrast, ...]
    transitions: tuple[Transition, ...]

    @classmethod
    def of(
        cls, recipe: ScalingRecipe, samples: Mapping[Cell, Samples], choices: Mapping[Cell, Choices] | None = None
    ) -> Self:
        """Compute everything from the samples that are there, and from what a selecting model said of them."""
        found = list(_points(recipe, samples, choices or {}))
        most = max((len(point.scores) for point in found), default=0)
        real = [i for i, p in enumerate(found) if not p.is_oracle and len(p.scores) >= _COVERED * most]
        optimal = frontier([(found[i].tokens, found[i].estimate.value) for i in real])
        return cls(
            points=tuple(found),
            best=tuple(real[i] for i in optimal),
            slopes=dict(_slopes(found, fitted_slope)),
            pair_slopes=dict(_slopes(found, slope)),
            contrasts=tuple(_contrasts(found)),
            transitions=tuple(transitions(samples)),
        )

    @property
    def series(self) -> dict[str, list[Point]]:
        """The points by series, in the order of their tokens."""
        found: dict[str, list[Point]] = {}
        for point in self.points:
            found.setdefault(point.series, []).append(point)
        return {name: sorted(own, key=lambda p: p.tokens) for name, own in found.items()}

    def to_row(self) -> Row:
        """Return the part of report.json that is the sweep's."""
        curves = {name: [(p.thinking, p.estimate.value) for p in own] for name, own in self.series.items()}
        return {
            "points": [{**p.to_row(), "frontier": i in self.best} for i, p in enumerate(self.points)],
            "measures": {
                name: {
                    "control": round(min(p.control for p in self.series[name]), 4),
                    "scaling": self.pair_slopes[name].to_row() if name in self.pair_slopes else None,
                    "slope": self.slopes[name].to_row() if name in self.slopes else None,
                    "performance": performance(curve),
                }
                for name, curve in curves.items()
            },
            "comparisons": [
                {"before": c.before.label, "after": c.after.label, **c.result.to_row(), "holm": c.corrected}
                for c in self.contrasts
            ],
            "transitions": counted(self.transitions),
            "summary": list(self.sentences()),
        }

    def sentences(self) -> Iterator[str]:
        """Say what can and cannot be concluded."""
        plain = self.series.get("sequential", [])
        if len(plain) > 1:
            low, high = plain[0], plain[-1]
            yield (
                f"With {low.thinking:.0f} tokens of thinking {percent(low.estimate.value)} are solved, with "
                f"{high.thinking:.0f} tokens {percent(high.estimate.value)} (n={high.estimate.n})."
            )
        if line := self.slopes.get("sequential"):
            clear = line.low > 0 or line.high < 0
            yield (
                f"Slope: {line.value:+.1f} points for 1,000 tokens of thinking [{line.low:+.1f}, {line.high:+.1f}]: "
                f"{'it is not flat' if clear else 'it may be flat'}."
            )
        waits = [c for c in self.contrasts if c.before.budget == c.after.budget]
        better, worse = (sum(c.corrected < 0.05 and sign * c.result.difference > 0 for c in waits) for sign in (1, -1))
        if waits:
            yield (
                f"Of {len(waits)} comparisons of waits with none at the same budget {better} show a gain and {worse} a "
                f"loss; in the other {len(waits) - better - worse} no difference can be concluded."
            )
        changed = [t.kind for t in self.transitions if t.waited]
        if self.transitions:
            yield (
                f"A further wait turned {changed.count('right to wrong')} right answers wrong and "
                f"{changed.count('wrong to right')} wrong ones right, of {len(changed)} rollouts that got one."
            )
        if self.best:
            words = ", ".join(f"{self.points[i].label} ({self.points[i].tokens:.0f})" for i in self.best)
            yield f"Compute-optimal, by tokens of a problem: {words}."


def _points(recipe: ScalingRecipe, samples: Mapping[Cell, Samples], choices: Mapping[Cell, Choices]) -> Iterator[Point]:
    for cell, own in samples.items():
        if cell.part == SC_TIR:
            yield from parallel_points(cell, own, recipe.sc_tir.k, ["majority"])
        elif cell.part == "parallel":
            yield from parallel_points(cell, own, recipe.parallel.k, recipe.parallel.votes, choices.get(cell))
        else:
            yield single_point(cell, own)
    longest = [c for c in samples if c.part == "parallel" and c.waits == min(recipe.parallel.waits)]
    if REJECTION in recipe.baselines and longest:
        cell = max(longest, key=lambda c: c.budget)
        budgets = sorted({*recipe.sequential.budgets, *recipe.parallel.budgets})
        yield from rejection_points(cell, samples[cell], [b for b in budgets if b <= cell.budget])


def _slopes(found: list[Point], measure: Slope) -> Iterator[tuple[str, Estimate]]:
    for name in dict.fromkeys(p.series for p in found):
        own = [p for p in found if p.series == name and p.k == 1]
        shared = set.intersection(*(set(p.scores) for p in own)) if len(own) > 1 else set()
        if not shared:
            continue
        scores = [[p.scores[i] for i in sorted(shared)] for p in own]
        if (estimate := slope_estimate([p.thinking for p in own], scores, measure)) is not None:
            yield name, estimate


def _contrasts(found: list[Point]) -> list[Contrast]:
    """Compare waits with none at each budget, and each neighbouring pair of budgets without waits."""
    single = [p for p in found if p.series.startswith("sequential")]
    pairs = [(a, b) for a, b in combinations(single, 2) if a.budget == b.budget and a.waits == 0 < b.waits]
    plain = sorted((p for p in single if p.waits == 0), key=lambda p: p.budget)
    pairs += list(pairwise(plain))
    results = list[tuple[Point, Point, PairedResult]]()
    for a, b in pairs:
        if shared := [i for i in a.scores if i in b.scores]:
            results.append((a, b, paired([a.scores[i] for i in shared], [b.scores[i] for i in shared])))
    corrected = holm([r.p_value for _, _, r in results])
    return [Contrast(before=a, after=b, result=r, corrected=p) for (a, b, r), p in zip(results, corrected, strict=True)]
