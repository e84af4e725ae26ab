"""The page of evaluations without a run: their metrics, what they were compared to, every rollout with its verdict."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from ..errors import DataError
from ..evaluation.comparison import Pair, System, words
from ..evaluation.read import read_measured, read_problems
from ..records import Estimate, Row
from ..store import RunFolder, Table
from ..verification.judging import read_verdicts
from .data import Bar, Comparison, Count, Figure, PageData, RolloutView
from .rollout_view import view_rollout
from .text import percent

HEADLINES = ("pass", "maj", "rm")
"""Metrics with a card of their own, each at its largest k."""


def is_evaluation(place: Path) -> bool:
    """Say whether a folder holds an evaluation that was measured."""
    return (place / "report.json").is_file() and (place / "rollouts").is_dir() and not (place / "recipe.yaml").exists()


def evaluation_page(place: Path) -> PageData:
    """Return what the page of one evaluation shows. Raises DataError for a folder that holds none."""
    if not is_evaluation(place):
        raise DataError(
            f"{place}: holds no evaluation (no report.json and rollouts/); run `reasondistill evaluate` first"
        )
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


def comparison_page(systems: Sequence[System], pairs: Sequence[Pair], *, metric: str) -> PageData:
    """Return what a comparison's page shows: each system, each pair, and the rollouts of evaluations among them."""
    places = [Path(system.name) for system in systems if is_evaluation(Path(system.name))]
    return PageData(
        title=f"reasondistill: {' and '.join(s.name for s in systems) if len(systems) == 2 else len(systems)} compared",
        summary=[words(pair) for pair in pairs],
        accuracies=[Bar(label=system.name, group=metric, estimate=system.accuracy) for system in systems],
        comparisons=[_comparison(pair) for pair in pairs],
        rollouts=[view for place in places for view in _views(place)],
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
    judged = report["rollouts"] - outcomes.get("error", 0)
    wrong = {name: n for name, n in outcomes.items() if name not in ("correct", "error")}
    return [
        Count(stage="rollouts", kept=report["rollouts"]),
        Count(stage="judged", kept=judged, dropped=report["rollouts"] - judged, reasons=_some(outcomes, "error")),
        Count(stage="correct", kept=outcomes.get("correct", 0), dropped=sum(wrong.values()), reasons=wrong),
    ]


def _some(outcomes: Mapping[str, int], name: str) -> dict[str, int]:
    return {name: outcomes[name]} if outcomes.get(name) else {}


def _views(place: Path) -> Iterator[RolloutView]:
    problems = read_problems(place)
    verdicts = read_verdicts(Table(place / "verdicts", key="rollout_id"))
    for rollout in read_measured(place):
        if rollout.id in verdicts and rollout.problem_id in problems:
            verdict = verdicts[rollout.id].to_row()
            yield view_rollout(rollout, problems[rollout.problem_id], verdict, place.name, "")


def _comparison(pair: Pair) -> Comparison:
    return Comparison(
        label_a=pair.a,
        label_b=pair.b,
        difference=pair.difference,
        low=pair.low,
        high=pair.high,
        n=pair.n,
        p_value=pair.p_holm,
        words=words(pair),
    )


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
