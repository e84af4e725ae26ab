"""The whole way with a real model, SmolLM2, as teacher and student: a handful of problems and two training steps. What
it learns is not measured here, only that every part works with the others."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.model, pytest.mark.timeout(600)]

MODEL = "smollm2-135m-instruct"
ENGINE = "vllm" if importlib.util.find_spec("vllm") else "transformers"
RECIPE = f"""
name: real
problems: {{source: procedural, split: train, count: 6}}
held_out:
  seen: {{source: procedural, split: seen, count: 3}}
  unseen: {{source: procedural, split: unseen, count: 3}}
teacher: {{model: {MODEL}, engine: {ENGINE}, concurrency: 16}}
student: {{model: {MODEL}, engine: transformers, concurrency: 8}}
generate: {{template: math-few-shot, samples: 2, sampling: {{temperature: 0.7, max_tokens: 64}}}}
curate: {{keep: all}}
train: {{max_steps: 2, batch_size: 2, save_steps: 1}}
evaluate: {{teacher_count: 2, sampling: {{temperature: 0.0, max_tokens: 48}}}}
"""


def reasondistill(*words: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "reasondistill", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=550, check=False)


def result(*words: object) -> dict[str, Any]:
    done = reasondistill(*words, "--json")
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 1, "only the result belongs on standard output"
    return dict(json.loads(done.stdout))


@pytest.fixture(scope="module", autouse=True)
def _model() -> None:
    done = reasondistill("models", "fetch", MODEL)
    if done.returncode != 0:
        pytest.skip(f"the model cannot be had: {done.stderr.strip()}")


@pytest.fixture
def problems(tmp_path: Path) -> Path:
    reasondistill("problems", "procedural", "--split", "seen", "--count", 4, "--out", tmp_path / "problems.jsonl")
    return tmp_path / "problems.jsonl"


def test_a_whole_run(tmp_path: Path) -> None:
    recipe, out = tmp_path / "real.yaml", tmp_path / "run"
    recipe.write_text(RECIPE)
    report = result("run", recipe, f"out={out}")
    counts = report["counts"]
    assert counts["problems"] == 6
    assert counts["rollouts"] == counts["rollouts_wanted"] == 12
    assert counts["examples"] == 12 - sum(n for reasons in counts["drops"].values() for n in reasons.values())
    assert counts["outcomes"].get("error", 0) == 0
    for who, n in (("teacher", 2), ("student_before", 3), ("student_after", 3)):
        assert report[who]["accuracy"]["n"] == report[who]["unseen"]["n"] == n
    assert report["student_before"]["few_shot"]["seen"]["n"] == 3
    assert report["paired"]["n"] == 3
    assert report["tokens"]["teacher / train"]["completion"] > 12
    training = json.loads((out / "models/student/training.json").read_text())
    assert training["steps"] == 2
    assert training["preflight"]["sample"].endswith("<|im_end|>")
    rollouts = [json.loads(line) for line in (out / "rollouts/00001.jsonl").read_text().splitlines()]
    assert {(row["model"], row["engine"]) for row in rollouts} == {(MODEL, ENGINE)}
    summary = json.loads((out / "steps" / "generate.json").read_text())["summary"]
    assert summary["described"]["licence"] == "Apache-2.0"
    assert "Apache-2.0" in (out / "dataset/README.md").read_text()
    assert MODEL in (out / "report.html").read_text()
    again = result("run", recipe, f"out={out}")
    assert [again[k] for k in ("student_after", "paired", "counts")] == [
        report[k] for k in ("student_after", "paired", "counts")
    ]


def test_the_commands_one_by_one(problems: Path, tmp_path: Path) -> None:
    engine = ("--engine", "transformers", "--max-tokens", 48)
    sampled = result("generate", "--problems", problems, "--model", MODEL, *engine, "--out", tmp_path / "teacher")
    assert (sampled["rollouts"], sampled["engine"]) == (4, "transformers")
    assert result("verify", tmp_path / "teacher", "--out", tmp_path / "verdicts")["rollouts"] == 4
    dataset = dataset_of(tmp_path)
    trained = result(
        "train", "--dataset", dataset, "--student", MODEL, "--out", tmp_path / "student", "max_steps=2", "batch_size=1"
    )
    assert trained["steps"] == 2
    measured = result(
        "evaluate", "--benchmark", problems, "--model", tmp_path / "student", *engine, "--out", tmp_path / "measured"
    )
    assert measured["metrics"]["pass@1"]["n"] == 4
    assert Path(result("models", "path", MODEL)["path"]).exists()


def dataset_of(folder: Path) -> Path:
    """Write a dataset of two rows as a user would: Parquet with prompt and completion messages."""
    import pyarrow as pa
    import pyarrow.parquet as parquet

    row = {
        "prompt": [{"role": "user", "content": "What is 1 plus 1?"}],
        "completion": [{"role": "assistant", "content": "1 + 1 = 2. The answer is \\boxed{2}."}],
    }
    (folder / "dataset" / "data").mkdir(parents=True)
    parquet.write_table(pa.Table.from_pylist([row, row]), folder / "dataset" / "data" / "train-00000-of-00001.parquet")
    return folder / "dataset"
