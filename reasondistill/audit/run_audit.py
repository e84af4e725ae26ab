"""One audit, from the dataset's name to its files: rows.jsonl, audit.json and audit.html."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..curation.contamination import NOT_CHECKED, ContaminationSearch
from ..errors import DataError, RecipeError
from ..progress import StageProgress
from ..records import SCHEMA, Row
from ..rows.completion import NotUnderstood, read_completions
from ..store import read_rows, write_atomic
from ..store.dataset_folder import is_own
from .receipts_audit import AuditOptions, audit_own, split_folders
from .results import RowResult, Tally, diff_audits


@dataclass(slots=True, kw_only=True)
class Audit:
    """An audit of one dataset; `run` reads it once and fills `tally` and `notes`."""

    dataset: str
    """Folder, file or hub id."""
    options: AuditOptions
    split: str | None = None
    """Split of one of our datasets; None is all."""
    limit: int | None = None
    """Number of rows of a dataset without receipts."""
    format: str = "auto"
    """Layout of a dataset without receipts."""
    against: Sequence[str] = ()
    """Benchmarks that questions are looked up in."""
    without_receipts: bool = False
    """Audit one of our datasets as if it had no receipts."""
    tally: Tally = field(default_factory=Tally)
    notes: list[str] = field(default_factory=list)
    skipped: NotUnderstood = field(default_factory=NotUnderstood)

    def run(self, out: Path | None = None) -> Row:
        """Audit every row, write the files into `out` if asked for, and return the summary."""
        rows: list[Row] = []
        total = self._count()
        with StageProgress() as progress:
            if total:
                progress.start("audit", total)
            for result in self._results():
                self.tally.add(result)
                if total:
                    note = f"{self.tally.disagreeing} disagree"
                    progress.advance("audit", by=int(result.number >= 0), note=note)
                if out is not None:
                    rows.append(result.to_row())
        summary = {
            "dataset": self.dataset,
            "schema": SCHEMA,
            "verifier": _verifier(),
            **self.tally.to_row(),
            "not_understood": self.skipped.to_row(),
            "notes": self.notes,
        }
        if out is not None:
            self._write(out, rows, summary)
        return summary

    @property
    def _has_receipts(self) -> bool:
        return is_own(Path(self.dataset)) and not self.without_receipts

    def _results(self) -> Iterator[RowResult]:
        if self.split and not self._has_receipts:
            raise RecipeError("--split: only datasets with a manifest.json have splits that an audit knows")
        if self.limit and self._has_receipts:
            raise RecipeError("--limit is for datasets without receipts; --share judges a part of this one")
        contaminated, search = None, None
        if self.against:
            from .contamination import contamination_check

            contaminated, search = contamination_check(self.against)
        if self._has_receipts:
            yield from audit_own(Path(self.dataset), self.options, contaminated, split=self.split)
        else:
            from .dataset_audit import audit_rows

            rows = read_completions(self.dataset, limit=self.limit, format=self.format, skipped=self.skipped)
            yield from audit_rows(rows, self.options, contaminated)
            self.notes += [self.skipped.line()] if self.skipped.rows else []
        self.notes += _contamination_lines(search)

    def _count(self) -> int:
        """Return the number of rows for the progress bar; 0 where it is unknown."""
        if not self._has_receipts:
            return self.limit or 0
        import pyarrow.parquet as parquet

        folders = split_folders(Path(self.dataset))
        wanted = [folders[self.split]] if self.split in folders else folders.values()
        try:
            return sum(parquet.read_metadata(p).num_rows for folder in wanted for p in folder.glob("train-*.parquet"))
        except (OSError, ValueError):
            return 0  # reading the rows reports what is unreadable

    def _write(self, out: Path, rows: list[Row], summary: Row) -> None:
        from .page import render_audit

        page = render_audit(self.dataset, self.tally, verifier=summary["verifier"], lines=self.notes)
        write_atomic(out / "rows.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
        write_atomic(out / "audit.json", json.dumps(summary, indent=1) + "\n")
        write_atomic(out / "audit.html", page)


def diff_folders(before: Path, after: Path) -> Row:
    """Compare the folders that two audits wrote. DataError for a folder that holds no audit."""
    return diff_audits(_read(before), _read(after))


def _read(folder: Path) -> Iterator[Any]:
    file = folder / "rows.jsonl"
    if not file.is_file():
        raise DataError(f"{folder}: holds no audit (no rows.jsonl); make one with `reasondistill audit ... --out`")
    return read_rows(file)


def _contamination_lines(search: ContaminationSearch | None) -> list[str]:
    return search.report().lines() if search else [f"{NOT_CHECKED}; name some with --against"]


def _verifier() -> str:
    from verifiers.math import grade

    return grade("\\boxed{0}", "0").verifier
