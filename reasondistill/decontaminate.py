"""The command `decontaminate`: a dataset against benchmarks, without a run folder and without torch."""

from argparse import Namespace
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

from .curation.contamination import ContaminationReport, render_contamination
from .curation.decontamination import DecontaminationOptions, HeldOut, read_benchmarks
from .errors import DataError
from .problems import load_problems, write_problems
from .records import Problem, Row
from .store import write_atomic


def decontaminate_dataset(given: Namespace) -> Row:
    """Look every question up; write what was asked for and return the report's row.

    Raises DataError for a dataset or a benchmark that cannot be read.
    """
    options = DecontaminationOptions(**{f.name: getattr(given, f.name) for f in fields(DecontaminationOptions)})
    report = ContaminationReport(HeldOut(read_benchmarks(given.against), options))
    problems = [p for path in _files(given.dataset) for p in _read(path, skip_bad=given.skip_bad)]
    clean = [problem for problem in problems if not report.add(problem.id, problem.question).matches]
    row = report.to_row()
    if given.report:
        given.report.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(given.report, render_contamination(row))
    if given.out:
        write_problems(given.out, clean)
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


def _read(path: Path, *, skip_bad: bool) -> list[Problem]:
    return load_problems(path, require_reference=False, skip_bad=skip_bad)
