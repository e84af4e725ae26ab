"""A file or dataset folder against benchmarks, without a run."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from ..errors import DataError
from ..problems import write_problems
from ..records import Problem, Row
from ..rows.files import iter_problems
from ..rows.problem import RowRules
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
    clean = (p for p in _problems(dataset, skip_bad) if not report.add(p.id, p.question).matches)
    if out:
        write_problems(out, clean)
    else:
        for _ in clean:
            continue
    return report.to_row()


def _problems(dataset: Path, skip_bad: bool) -> Iterator[Problem]:
    for path in _files(dataset):
        rules = RowRules(where=str(path), require_reference=False, skip_bad=skip_bad, user_turn=True)
        yield from iter_problems(path, rules)


def _files(place: Path) -> Iterator[Path]:
    """Yield the file, or the shards of a dataset folder."""
    if not place.is_dir():
        yield place
        return
    shards = sorted((place / "data").glob("train-*.parquet")) or sorted(place.glob("*.parquet"))
    if not shards:
        raise DataError(f"{place}: holds no data/train-*.parquet; name a dataset folder or a file")
    yield from shards
