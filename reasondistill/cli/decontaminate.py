"""The command `decontaminate`: a dataset against benchmarks, without a run folder and without torch."""

from argparse import Namespace
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

from ..curation.contamination import ContaminationReport, render_contamination
from ..curation.steps.decontaminate import DecontaminationOptions, HeldOut, read_benchmarks
from ..errors import DataError
from ..problems import write_problems
from ..records import Problem, Row
from ..rows.files import iter_problems
from ..rows.problem import RowRules
from ..store import write_atomic


def decontaminate_dataset(given: Namespace) -> Row:
    """Look every question up, one row at a time; write what was asked for and return the report's row.

    Raises DataError for a dataset or a benchmark that cannot be read.
    """
    options = DecontaminationOptions(**{f.name: getattr(given, f.name) for f in fields(DecontaminationOptions)})
    report = ContaminationReport(HeldOut(read_benchmarks(given.against), options))
    clean = (p for p in _problems(given) if not report.add(p.id, p.question).matches)
    if given.out:
        write_problems(given.out, clean)
    else:
        for _ in clean:
            continue
    row = report.to_row()
    if given.report:
        given.report.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(given.report, render_contamination(row))
    return row


def summary(row: Row) -> list[str]:
    """Return the lines that the command prints."""
    lines = []
    for name, counts in row["benchmarks"].items():
        reasons = ", ".join(f"{n} {reason}" for reason, n in counts["reasons"].items())
        others = ", ".join(
            f"any {n}-gram: {counts[f'any_{n}_gram']['questions']}" for n in (8, 13) if f"any_{n}_gram" in counts
        )
        lines.append(f"{name}: {counts['questions']} questions{f' ({reasons})' if reasons else ''}; {others}")
    return [*lines, f"{row['flagged']} of {row['questions']} questions repeat a benchmark's problem"]


def _files(place: Path) -> Iterator[Path]:
    """Yield the file, or the shards of a dataset folder."""
    if not place.is_dir():
        yield place
        return
    shards = sorted((place / "data").glob("train-*.parquet")) or sorted(place.glob("*.parquet"))
    if not shards:
        raise DataError(f"{place}: holds no data/train-*.parquet; name a dataset folder or a file")
    yield from shards


def _problems(given: Namespace) -> Iterator[Problem]:
    for path in _files(given.dataset):
        yield from iter_problems(
            path, RowRules(where=str(path), require_reference=False, skip_bad=given.skip_bad, user_turn=True)
        )
