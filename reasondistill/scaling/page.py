"""What the report page shows of a sweep."""

from collections.abc import Iterator, Mapping

from ..generation.sample_stage import SampleSet
from ..problems import load_problems
from ..records import Row
from ..report.data import (
    Change,
    Comparison,
    Curve,
    CurvePoint,
    Figure,
    PageData,
    RolloutView,
    ScalingView,
    TransitionView,
)
from ..report.rollout_view import view_rollouts
from ..report.text import percent
from ..store.rollout_table import read_rollouts
from .curves import Curves
from .grid import Cell
from .recipe import ScalingRecipe
from .transitions import KINDS

_LINKS = 12
"""Changed problems of a step and kind that are linked; the list of rollouts has all."""


def scaling_page(recipe: ScalingRecipe, report: Row, curves: Curves, sets: Mapping[Cell, SampleSet]) -> PageData:
    """Return the page of a sweep."""
    return PageData(
        title=f"reasondistill: {recipe.name}",
        summary=[f"{report['model']} on {recipe.benchmark.source}.", *report["summary"]],
        headline=list(_figures(curves)),
        scaling=ScalingView(curves=list(_curves(curves)), transitions=list(_transitions(curves))),
        comparisons=[
            Comparison(
                label_a=c.before.label,
                label_b=c.after.label,
                difference=c.result.difference,
                low=c.result.low,
                high=c.result.high,
                n=c.result.n,
                p_value=c.corrected,
                words=c.words,
            )
            for c in curves.contrasts
        ],
        rollouts=list(_rollouts(sets)),
        provenance={
            "command": report["command"],
            "seed": str(recipe.seed),
            **{k: str(v) for k, v in report["versions"].items()},
            **{f"input {k}": str(v) for k, v in report["inputs"].items()},
        },
    )


def _figures(curves: Curves) -> Iterator[Figure]:
    if curves.best:
        point = curves.points[curves.best[-1]]
        e = point.estimate
        note = f"{percent(e.low)} to {percent(e.high)}, n={e.n}, {point.tokens:,.0f} tokens of a problem"
        yield Figure(label=f"Best: {point.label}", value=percent(e.value), note=note)
    if slope := curves.slopes.get("sequential"):
        note = f"points for 1,000 tokens of thinking, {slope.low:+.1f} to {slope.high:+.1f}"
        yield Figure(label="Slope", value=f"{slope.value:+.1f}", note=note)


def _curves(curves: Curves) -> Iterator[Curve]:
    best = {id(curves.points[i]) for i in curves.best}
    for name, own in curves.series.items():
        yield Curve(
            name=name,
            dotted=own[0].is_oracle,
            slope=curves.slopes.get(name),
            pair_slope=curves.pair_slopes.get(name),
            points=[
                CurvePoint(
                    label=point.label,
                    tokens=point.tokens,
                    thinking=point.thinking,
                    estimate=point.estimate,
                    control=point.control,
                    optimal=id(point) in best,
                )
                for point in own
            ],
        )


def _transitions(curves: Curves) -> Iterator[TransitionView]:
    steps = dict.fromkeys((t.budget, t.before_waits, t.after_waits) for t in curves.transitions)
    for budget, before, after in steps:
        own = [t for t in curves.transitions if (t.budget, t.before_waits, t.after_waits) == (budget, before, after)]
        yield TransitionView(
            label=f"{budget} tokens, {before} to {after} waits",
            counts={kind: sum(t.kind == kind for t in own) for kind in KINDS},
            changes={
                kind: [Change(problem_id=t.problem_id, before=t.before, after=t.after) for t in own if t.kind == kind][
                    :_LINKS
                ]
                for kind in ("right to wrong", "wrong to right")
            },
        )


def _rollouts(sets: Mapping[Cell, SampleSet]) -> Iterator[RolloutView]:
    for given in sets.values():
        problems = {p.id: p for p in load_problems(given.problems)}
        yield from view_rollouts(given.folder, read_rollouts(given.folder), problems, given.label, {}, "")
