"""A file, a folder or a hub dataset against benchmarks, without a run."""

from collections.abc import Sequence
from pathlib import Path

from ..problems import write_problems
from ..rows.problem import RowRules
from ..rows.problem_file import iter_problems
from .contamination import ContaminationReport, ContaminationSearch
from .lookup.held_out import DecontaminationOptions, HeldOut, read_benchmarks


def decontaminate_file(
    dataset: Path,
    against: Sequence[str],
    options: DecontaminationOptions | None = None,
    *,
    skip_bad: bool = False,
    out: Path | None = None,
) -> ContaminationReport:
    """Look up every question, one row at a time, and return the report; `out` gets the problems without match.

    Raises DataError for a dataset or a benchmark that cannot be read.
    """
    search = ContaminationSearch(HeldOut(read_benchmarks(against), options))
    rules = RowRules(where=str(dataset), require_reference=False, skip_bad=skip_bad)
    clean = (p for p in iter_problems(dataset, rules) if not search.add(p.id, p.question).matches)
    if out:
        write_problems(out, clean)
    else:
        for _ in clean:
            continue
    return search.report()
