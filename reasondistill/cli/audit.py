"""The command `audit`: reads a dataset, writes rows.jsonl, audit.json and audit.html, and answers with a status."""

import json
from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..audit.receipts_audit import AuditOptions, audit_own, split_folders
from ..audit.results import CHECKS, RowResult, Tally, diff_audits
from ..curation.contamination import ContaminationReport
from ..errors import DataError, RecipeError
from ..progress import StageProgress
from ..records import SCHEMA, Row
from ..store import read_rows, write_atomic
from ..store.dataset_folder import is_own


def audit(given: Namespace) -> int:
    """Audit a dataset, or compare two audits; 1 when something disagrees or differs."""
    if given.diff is not None:
        return _diff(given)
    options = AuditOptions(share=given.share, seed=given.seed, run_code=not given.no_run, isolation=given.isolation)
    tally, lines = Tally(), list[str]()
    out: Path | None = given.out
    rows: list[Row] = []
    with StageProgress() as progress:
        total = _count(given)
        if total:
            progress.start("audit", total)
        for result in _results(given, options, lines):
            tally.add(result)
            if total:
                progress.advance("audit", by=int(result.number >= 0), note=f"{tally.disagreeing} disagree")
            if out is not None:
                rows.append(result.to_row())
    summary = {"dataset": given.dataset, "schema": SCHEMA, "verifier": _verifier(), **tally.to_row(), "notes": lines}
    if out is not None:
        _write(out, rows, summary, tally, given.dataset, lines)
    told = _lines(summary, tally, lines, out)
    print(json.dumps(summary) if given.json else "\n".join(told))
    return 1 if tally.disagreeing else 0


def _results(given: Namespace, options: AuditOptions, lines: list[str]) -> Iterator[RowResult]:
    place, is_ours = Path(given.dataset), is_own(Path(given.dataset)) and not given.foreign
    if given.split and not is_ours:
        raise RecipeError("--split: only datasets with a manifest.json have splits that an audit knows")
    if given.limit and is_ours:
        raise RecipeError("--limit is for datasets without receipts; --share judges a part of this one")
    contaminated, report = None, None
    if given.against:
        from ..audit.contamination import contamination_check

        contaminated, report = contamination_check(given.against)
    if is_ours:
        yield from audit_own(place, options, contaminated, split=given.split)
    else:
        from ..audit.dataset_audit import audit_foreign
        from ..rows.datasets import read_foreign

        yield from audit_foreign(read_foreign(given.dataset, limit=given.limit), options, contaminated)
    lines += _contamination_lines(report)


def _contamination_lines(report: ContaminationReport | None) -> Iterator[str]:
    if report is None:
        yield "Contamination was not checked; name benchmarks with --against."
        return
    from ..curation.steps.decontaminate import ANY_HIT

    told = report.to_row()
    for name, counts in told["benchmarks"].items():
        others = ", ".join(f"any shared {n}-gram {counts[f'any_{n}_gram']['questions']}" for n in ANY_HIT)
        flagged = f"{counts['questions']} of {told['questions']} questions flagged"
        yield f"{name}: {flagged}; by the rules of others: {others}."


def _count(given: Namespace) -> int:
    place = Path(given.dataset)
    if not is_own(place) or given.foreign:
        return int(given.limit or 0)
    import pyarrow.parquet as parquet

    folders = split_folders(place)
    wanted = [folders[given.split]] if given.split in folders else folders.values()
    try:
        return sum(parquet.read_metadata(p).num_rows for folder in wanted for p in folder.glob("train-*.parquet"))
    except (OSError, ValueError):
        return 0  # what cannot be read is told where the rows are read


def _write(out: Path, rows: list[Row], summary: Row, tally: Tally, name: str, lines: list[str]) -> None:
    from ..audit.page import render_audit

    write_atomic(out / "rows.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    write_atomic(out / "audit.json", json.dumps(summary, indent=1) + "\n")
    write_atomic(out / "audit.html", render_audit(name, tally, verifier=_verifier(), lines=lines))


def _lines(summary: Row, tally: Tally, notes: list[str], out: Path | None) -> list[str]:
    from ..report.text import one_line

    told = [f"{summary['rows']} rows, {summary['judged']} judged again by {summary['verifier']}"]
    for name, found in summary["checks"].items():
        share = f"{100 * found['value']:.1f} % [{100 * found['low']:.1f}, {100 * found['high']:.1f}]"
        told.append(
            f"{'NO  ' if found['disagreement'] else 'note'} {name}: {found['rows']} rows, {share}; {CHECKS[name][1]}"
        )
        for result, finding in tally.examples[name][:3]:
            told.append(one_line(f"       {result.split} {result.number}, {result.key}: {finding.detail}"))
    if out is not None:
        told.append(f"{out / 'audit.html'} shows examples")
    return [*told, *notes, f"{tally.disagreeing} rows disagree" if tally.disagreeing else "nothing disagrees"]


def _diff(given: Namespace) -> int:
    result = diff_audits(_read(given.diff), _read(Path(given.dataset)))
    if given.json:
        print(json.dumps(result))
    else:
        lines = [f"{result['rows']} rows in both, {result['changed']} judged otherwise"]
        lines += [f"{change}: {n} rows" for change, n in result["outcomes"].items()]
        lines += [
            f"{row['split']} {row['row']} {row['key']}: {_short(row['before'])} -> {_short(row['after'])}"
            for row in result["changes"][:20]
        ]
        print("\n".join(lines))
    return 1 if result["changed"] or result["only_before"] or result["only_after"] else 0


def _short(told: Row) -> str:
    return " ".join([str(told["outcome"]), *told["findings"]])


def _read(folder: Path) -> Iterator[Any]:
    file = folder / "rows.jsonl"
    if not file.is_file():
        raise DataError(f"{folder}: holds no audit (no rows.jsonl); make one with `reasondistill audit ... --out`")
    return read_rows(file)


def _verifier() -> str:
    from verifiers.math import grade

    return grade("\\boxed{0}", "0").verifier
