"""Contamination as an audit tells it: the question beside the one of the benchmark that it repeats."""

from collections.abc import Sequence
from functools import cache

from ..curation.contamination import ContaminationReport
from ..curation.steps.decontaminate import HeldOut, read_benchmarks
from .results import Contaminated, Finding


def contamination_check(benchmarks: Sequence[str]) -> tuple[Contaminated, ContaminationReport]:
    """Return a check against benchmarks named as problem sources are, and the report that it fills.

    Raises DataError or RecipeError for a benchmark that cannot be read.
    """
    report = ContaminationReport(HeldOut(read_benchmarks(benchmarks)))

    @cache  # a question has as many rows as it has completions
    def check(question: str) -> Finding | None:
        match = report.add("", question).best
        if match is None:
            return None
        detail = f"{match.benchmark} {match.problem_id}: {match.reason} {match.coverage:.2f}"
        return Finding(check="contaminated", detail=detail, text=match.question)

    return check, report
