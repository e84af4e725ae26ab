"""Contamination as an audit tells it: the question beside the one of the benchmark that it repeats."""

from collections.abc import Callable, Sequence

from ..curation.contamination import ContaminationReport
from ..curation.decontamination import HeldOut, read_benchmarks
from .results import Finding


def contamination_check(benchmarks: Sequence[str]) -> tuple[Callable[[str], Finding | None], ContaminationReport]:
    """Return a check against benchmarks named as problem sources are, and the report that it fills.

    Raises DataError or RecipeError for a benchmark that cannot be read.
    """
    report = ContaminationReport(HeldOut(read_benchmarks(benchmarks)))

    def check(question: str) -> Finding | None:
        match = report.add("", question).best
        if match is None:
            return None
        detail = f"{match.benchmark} {match.problem_id}: {match.reason} {match.coverage:.2f}"
        return Finding(check="contaminated", detail=detail, text=match.question)

    return check, report
