"""`evaluate --benchmark`: which strategy and prompt a benchmark is asked with."""

import json
from pathlib import Path

import pytest

from reasondistill.cli.main import main
from reasondistill.generation.prompts import load_template
from reasondistill.records import Problem
from reasondistill.store import Table

BENCHMARK = """
title: Doubles
kind: code
file: doubles.jsonl
prompts: [evalplus-instruct, code-zero-shot]
"""
TESTS = {"style": "assert", "code": "assert double(2) == 4", "entry_point": "double"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a code benchmark of one problem and a recorded answer to its usual prompt."""
    problem = Problem(id="double", kind="code", question="Write double(n).", tests=TESTS)
    answer = {"role": "assistant", "content": "```python\ndef double(n):\n    return 2 * n\n```"}
    messages = [*(m.to_row() for m in load_template("evalplus-instruct").messages(problem)), answer]
    (tmp_path / "doubles.yaml").write_text(BENCHMARK)
    (tmp_path / "doubles.jsonl").write_text(json.dumps(problem.to_row()) + "\n")
    (tmp_path / "teacher.jsonl").write_text(json.dumps({"messages": messages}) + "\n")
    return tmp_path


@pytest.mark.parametrize(("words", "strategy"), [((), "code"), (("--strategy", "cot"), "cot")])
def test_a_code_benchmark_is_asked_for_code_unless_a_strategy_is_named(
    folder: Path, words: tuple[str, ...], strategy: str, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["evaluate", "--benchmark", str(folder / "doubles.yaml"), "--benchmarks-dir", str(folder), *words]
    recorded = ["--model", "recorded", "--replay", str(folder / "teacher.jsonl"), "--out", str(folder / "out")]
    assert main([*command, *recorded, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["metrics"]["pass@1"]["value"] == 1.0
    assert [row["strategy"] for row in Table(folder / "out/rollouts", key="id")] == [strategy]
