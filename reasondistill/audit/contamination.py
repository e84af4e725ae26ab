"""Contamination as an audit tells it: the question beside the one of the benchmark that it repeats."""

from collections.abc import Sequence
from functools import cache

from ..curation.contamination import ContaminationSearch
from ..curation.lookup.held_out import HeldOut, read_benchmarks
from .results import Contaminated, Finding


def contamination_check(benchmarks: Sequence[str]) -> tuple[Contaminated, ContaminationSearch]:
    """Return a check against benchmarks, named as problem sources are, and the search that it counts with.

    Raises DataError or RecipeError for a benchmark that cannot be read.
    """
    search = ContaminationSearch(HeldOut(read_benchmarks(benchmarks)))

    @cache  # a question has as many rows as it has completions
    def check(question: str) -> Finding | None:
        match = search.add("", question).best
        if match is None:
            return None
        detail = f"{match.benchmark} {match.problem_id}: {match.reason} {match.coverage:.2f}"
        return Finding(check="contaminated", detail=detail, text=match.question)

    return check, search
