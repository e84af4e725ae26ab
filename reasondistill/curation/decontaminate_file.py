"""A file, a folder or a hub dataset against benchmarks, without a run."""

from collections.abc import Sequence
from pathlib import Path

from ..problems import write_problems
from ..records import Row
from ..rows.problem import RowRules
from ..rows.problem_file import iter_problems
from .contamination import ContaminationReport
from .steps.decontaminate import DecontaminationOptions, HeldOut, read_benchmarks


def decontaminate_file(
    dataset: Path,
    against: Sequence[str],
    options: DecontaminationOptions | None = None,
    *,
    skip_bad: bool = False,
    out: Path | None = None,
) -> Row:
    """Look up every question, one row at a time, and return the report's row; `out` gets the problems without match.

    Raises DataError for a dataset or a benchmark that cannot be read.
    """
    report = ContaminationReport(HeldOut(read_benchmarks(against), options))
    rules = RowRules(where=str(dataset), require_reference=False, skip_bad=skip_bad)
    clean = (p for p in iter_problems(dataset, rules) if not report.add(p.id, p.question).matches)
    if out:
        write_problems(out, clean)
    else:
        for _ in clean:
            continue
    return report.to_row()
