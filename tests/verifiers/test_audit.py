"""The audit: counts, intervals, categories, disagreements, and what it says about rows it cannot use."""

import gzip
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from verifiers.audit import audit, audit_file, main, render
from verifiers.wilson import wilson_interval

ROOT = Path(__file__).parents[2]


def row(completion: str, answer: str, label: bool, **more: Any) -> dict[str, Any]:
    return {"completion": completion, "answer": answer, "expected": label, **more}


ROWS = [
    row("\\boxed{5}", "5", True, category="number"),
    row("\\boxed{6}", "5", False, category="number"),
    row("\\boxed{6}", "5", True, category="number"),
    row("\\boxed{x}", "x", False, category="symbol"),
    row("\\boxed{5}", "", True, category="symbol"),
]


def test_the_counts_by_category() -> None:
    report = audit(ROWS)
    assert report["all"]["counts"] == {
        "true_accept": 1, "true_reject": 1, "false_reject": 1, "false_accept": 1, "error": 1,
    }  # fmt: skip
    assert report["categories"]["symbol"]["counts"] == {"false_accept": 1, "error": 1}
    assert [w["found"] for w in report["wrong"]] == ["false_reject", "false_accept", "error"]
    assert report["all"]["false_accept_rate"]["n"] == 2
    assert "false_accept_rate 0.5000" in render(report)


def test_the_interval_is_wilsons() -> None:
    assert [round(end, 4) for end in wilson_interval(5, 50)] == [0.0435, 0.2136]


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"completion": "5", "answer": "5"}, "no label"),
        ({"completion": "5", "expected": True}, "no reference"),
        ({"answer": "5", "expected": True}, "no completion"),
        ({"completion": "5", "answer": "5", "expected": "yes"}, "no label"),
    ],
)
def test_a_row_that_cannot_be_used_is_named(bad: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        audit([bad])


def test_the_command(tmp_path: Path) -> None:
    file = tmp_path / "labelled.jsonl.gz"
    with gzip.open(file, "wt") as out:
        out.writelines(json.dumps(r) + "\n" for r in ROWS)
    assert audit_file(file)["all"]["n"] == 5
    command = [sys.executable, "-m", "verifiers", "audit"]
    done = subprocess.run([*command, str(file), "--json"], capture_output=True, text=True, check=True, cwd=ROOT)
    assert json.loads(done.stdout)["all"]["n"] == 5
    failed = subprocess.run([*command, str(tmp_path / "none")], capture_output=True, text=True, check=False, cwd=ROOT)
    assert (failed.returncode, failed.stdout) == (2, "")
    assert failed.stderr.startswith("audit: ")


def test_math_verify_beside_ours() -> None:
    pytest.importorskip("math_verify")
    rows = [row("\\boxed{\\frac{1}{2006!}}", "$\\frac{1}{2004!}$", False), row("\\boxed{5}", "$5$", True)]
    report = audit(rows, against="math-verify")
    assert [(d["ours"], d["theirs"]) for d in report["disagreements"]] == [("incorrect", "correct")]


def test_math_verify_names_its_version() -> None:
    pytest.importorskip("math_verify")
    from verifiers.math.peer import grade_with_math_verify

    assert grade_with_math_verify("\\boxed{7}", "7").verifier.startswith("math-verify 0.")


def test_a_file_that_is_not_there_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path / "none.jsonl")]) == 2
    said = capsys.readouterr().err
    assert said == f"audit: {tmp_path / 'none.jsonl'}: No such file or directory; name a file of labelled rows\n"
