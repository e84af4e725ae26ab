"""Measures a verifier on labelled rows: true and false accepts and rejects with intervals, by category.

A row holds a completion, a reference (an answer or tests) and a label, under the names of `keys.py`; `expected` is a
label too. With a second verifier, the rows on which the two disagree are listed.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from .dispatch import verify
from .keys import COMPLETION, LABEL, REFERENCE, TESTS, find_reference, first, label_of, lookup
from .verdict import Outcome, Verdict
from .wilson import wilson_interval

Row = dict[str, Any]
_LABEL = ("expected", *LABEL)
_CATEGORY = ("category", "cls", "kind", "benchmark")
_SHOWN = 160


def audit_file(path: Path, *, against: str | None = None, by: str | None = None) -> Row:
    """Return the report on a file of labelled rows; raises ValueError for a row without completion, reference or label.

    against names a second verifier (`math-verify`); by names the key to group by.
    """
    return audit(read_rows(path), against=against, by=by)


def audit(rows: Iterable[Row], *, against: str | None = None, by: str | None = None) -> Row:
    """Return counts, rates with intervals and the rows that went wrong, over all rows and by category."""
    counts: dict[str, Counter[str]] = {"all": Counter()}
    wrong: list[Row] = []
    disagreements: list[Row] = []
    for number, row in enumerate(rows, 1):
        label = _label(row, number)
        verdict = judge_row(row)
        found = _cell(verdict, label)
        category = next((row[key] for key in ((by,) if by else _CATEGORY) if row.get(key) is not None), "rows")
        for name in ("all", str(category)):
            counts.setdefault(name, Counter())[found] += 1
        if found in ("false_accept", "false_reject", "undecided", "error"):
            wrong.append({"row": row.get("id", number), "found": found, **_shown(row, verdict)})
        if against is not None:
            from .math.peer import grade_with_math_verify

            other = grade_with_math_verify(str(first(row, COMPLETION)), find_reference(row)[0])
            if other.correct is not verdict.correct:
                theirs = {"row": row.get("id", number), "label": label, "theirs": str(other.outcome)}
                disagreements.append(theirs | _shown(row, verdict))
    report = {name: _summary(count) for name, count in counts.items()}
    result: Row = {"all": report.pop("all"), "categories": report, "wrong": wrong}
    return {**result, "against": against, "disagreements": disagreements} if against else result


def judge_row(row: Row) -> Verdict:
    """Judge one labelled row."""
    tests = first(row, TESTS)
    kind = row.get("kind") if row.get("kind") in ("math", "code") else ("math" if tests is None else "code")
    problem = {**row, "kind": kind, "answer": find_reference(row)[0], "tests": tests}
    completion = first(row, COMPLETION)
    return verify(problem, completion if isinstance(completion, str) else "")


def read_rows(path: Path) -> Iterator[Row]:
    """Yield the rows of a JSON Lines file, .gz among them; ValueError names the line that holds none."""
    import gzip

    with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except ValueError as error:
                raise ValueError(f"{path}:{number}: not JSON ({error}); correct or remove the line") from None
            if not isinstance(row, dict):
                raise ValueError(f"{path}:{number}: not a JSON object; correct or remove the line")
            yield row


def render(report: Row) -> str:
    """Return the report as a table in plain text."""
    heads = ("", "n", "true accept", "false accept", "true reject", "false reject", "undecided", "error")
    lines = ["{:<24}{:>7}{:>13}{:>14}{:>13}{:>14}{:>11}{:>7}".format(*heads)]
    for name, summary in {"all": report["all"], **report["categories"]}.items():
        cells = [summary["counts"].get(head.replace(" ", "_"), 0) for head in heads[2:]]
        lines.append("{:<24}{:>7}{:>13}{:>14}{:>13}{:>14}{:>11}{:>7}".format(name[:23], summary["n"], *cells))
    for name in ("false_accept_rate", "false_reject_rate"):
        found = report["all"][name]
        lines.append(f"{name} {found['value']:.4f} [{found['low']:.4f}, {found['high']:.4f}] of {found['n']}")
    rows = [*report["wrong"], *report.get("disagreements", [])]
    return "\n".join([*lines, *(json.dumps(row, ensure_ascii=True) for row in rows)])


def main(argv: list[str]) -> int:
    """Run `python -m verifiers audit FILE`; return the exit status."""
    import argparse
    import sys

    about = "Measure the verifier on labelled rows."
    parser = argparse.ArgumentParser(prog="python -m verifiers audit", description=about)
    parser.add_argument("file", type=Path, help="JSON Lines with completion, reference and label")
    parser.add_argument("--against", choices=("math-verify",), help="list where this verifier says something else")
    parser.add_argument("--by", metavar="KEY", help="the key to group by (category, cls, kind or benchmark)")
    parser.add_argument("--json", action="store_true", help="print the report as one JSON object")
    options = parser.parse_args(argv)
    try:
        report = audit_file(options.file, against=options.against, by=options.by)
    except OSError as error:
        sys.stderr.write(f"audit: {options.file}: {error.strerror or error}; name a file of labelled rows\n")
        return 2
    except ValueError as error:
        sys.stderr.write(f"audit: {error}\n")
        return 2
    sys.stdout.write((json.dumps(report) if options.json else render(report)) + "\n")
    return 0


def _cell(verdict: Verdict, label: bool) -> str:
    if verdict.outcome is Outcome.UNDECIDED:
        return "undecided"
    if verdict.outcome is Outcome.ERROR:
        return "error"
    return f"{'true' if bool(verdict.correct) is label else 'false'}_{'accept' if verdict.correct else 'reject'}"


def _summary(count: Counter[str]) -> Row:
    n = count.total()
    wrong_labels = count["false_accept"] + count["true_reject"]
    right_labels = count["true_accept"] + count["false_reject"]
    return {
        "n": n,
        "counts": dict(count),
        "false_accept_rate": _rate(count["false_accept"], wrong_labels),
        "false_reject_rate": _rate(count["false_reject"], right_labels),
        "undecided_rate": _rate(count["undecided"], n),
    }


def _rate(hits: int, n: int) -> Row:
    low, high = wilson_interval(hits, n)
    return {"value": hits / n if n else 0.0, "low": low, "high": high, "n": n}


def _label(row: Row, number: int) -> bool:
    label = label_of(row, _LABEL)
    if label is None:
        names = ", ".join(_LABEL)
        raise ValueError(f"row {row.get('id', number)}: no label; it needs one of {names} that is true or false")
    for keys, what in ((COMPLETION, "completion"), ((*REFERENCE, *TESTS), "reference")):
        if all(lookup(row, key) is None for key in keys):
            raise ValueError(f"row {row.get('id', number)}: no {what}; it needs one of {', '.join(keys)}")
    return label


def _shown(row: Row, verdict: Verdict) -> Row:
    return {
        "answer": find_reference(row)[0][:_SHOWN],
        "extracted": (verdict.extracted or "")[:_SHOWN],
        "ours": str(verdict.outcome),
        "method": verdict.method,
        "reason": verdict.reason,
    }
