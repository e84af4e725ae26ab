"""The page of evaluations without a run: their metrics, what they were compared to, every rollout with its verdict."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from ..errors import DataError
from ..evaluation.comparison import Pair, System, words
from ..evaluation.read import read_measured, read_problems
from ..records import Estimate, Row
from ..store import RunFolder
from .data import Bar, Comparison, Count, Figure, PageData, RolloutView
from .rollout_view import view_rollouts
from .text import percent

HEADLINES = ("pass", "maj", "rm")
"""Metrics with a card of their own, each at its largest k."""


def is_evaluation(place: Path) -> bool:
    """Say whether a folder holds an evaluation that was measured."""
    return (place / "report.json").is_file() and (place / "rollouts").is_dir() and not (place / "recipe.yaml").exists()


def evaluation_page(place: Path) -> PageData:
    """Return what the page of one evaluation shows. Raises DataError for a folder that holds none."""
    if not is_evaluation(place):
        lacks = "holds no evaluation (no report.json and rollouts/)"
        raise DataError(f"{place}: {lacks}; run `reasondistill evaluate` first")
    report = RunFolder(place).read_json("report.json")
    metrics = {name: Estimate.from_row(row) for name, row in report["metrics"].items()}
    return PageData(
        title=f"reasondistill: {place.name}",
        summary=list(_sentences(report)),
        headline=list(_figures(metrics)),
        accuracies=[Bar(label=name, group=f"k = {name.partition('@')[2]}", estimate=e) for name, e in metrics.items()],
        waterfall=_counts(report),
        rollouts=list(_views(place)),
        provenance=_provenance(report),
    )


def comparison_page(
    systems: Sequence[System], pairs: Sequence[Pair], *, metric: str, warnings: Sequence[str] = ()
) -> PageData:
    """Return what a comparison's page shows: each system, each pair, and the rollouts of evaluations among them."""
    comparisons = [
        Comparison(
            **{name: getattr(pair, name) for name in ("difference", "low", "high", "n")},
            label_a=pair.a,
            label_b=pair.b,
            p_value=pair.p_holm,
            words=words(pair),
        )
        for pair in pairs
    ]
    return PageData(
        title=f"reasondistill: {' and '.join(s.name for s in systems) if len(systems) == 2 else len(systems)} compared",
        summary=[*(c.words for c in comparisons), *(f"{line}." for line in warnings)],
        accuracies=[Bar(label=system.name, group=metric, estimate=system.accuracy) for system in systems],
        comparisons=comparisons,
        rollouts=[view for s in systems if is_evaluation(Path(s.name)) for view in _views(Path(s.name))],
    )


def _sentences(report: Row) -> Iterator[str]:
    what = report.get("benchmark") or report.get("source") or "completions"
    yield f"{report['rollouts']:,} rollouts of {report['problems']:,} problems of {what}."
    yield from (f"{line[0].upper()}{line[1:]}." for line in report["warnings"])


def _figures(metrics: Mapping[str, Estimate]) -> Iterator[Figure]:
    for family in HEADLINES:
        ks = [int(name.partition("@")[2]) for name in metrics if name.partition("@")[0] == family]
        for k in sorted({1, max(ks, default=1)} & set(ks)) if family == "pass" else ks[-1:]:
            e = metrics[f"{family}@{k}"]
            note = f"{percent(e.low)} to {percent(e.high)}, n={e.n}"
            yield Figure(label=f"{family}@{k}", value=percent(e.value), note=note)


def _counts(report: Row) -> list[Count]:
    outcomes: Mapping[str, int] = report["outcomes"]
    lost = outcomes.get("error", 0)
    judged = report["rollouts"] - lost
    wrong = {name: n for name, n in outcomes.items() if name not in ("correct", "error")}
    return [
        Count(stage="rollouts", kept=report["rollouts"]),
        Count(stage="judged", kept=judged, dropped=lost, reasons={"error": lost} if lost else {}),
        Count(stage="correct", kept=outcomes.get("correct", 0), dropped=sum(wrong.values()), reasons=wrong),
    ]


def _views(place: Path) -> Iterator[RolloutView]:
    return view_rollouts(place, read_measured(place), read_problems(place), place.name, {}, "")


def _provenance(report: Row) -> dict[str, str]:
    details = report.get("benchmark_details") or {}
    prompt = report.get("prompt") or {}
    shown = {
        "source": report.get("source"),
        "model": report.get("model") or ", ".join(report.get("models") or ()),
        "benchmark": details.get("hash") and f"{details['name']} {details['hash']}",
        "prompt": prompt.get("hash") and f"{prompt['template']} {prompt['hash']}",
        "judged by": report.get("judged_by"),
        **report["versions"],
    }
    return {key: str(value) for key, value in shown.items() if value}
