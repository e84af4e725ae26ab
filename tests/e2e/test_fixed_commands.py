"""The command lines and output files that other programs rely on, run as a user runs them. These tests use nothing else
of the package."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

pytestmark = pytest.mark.timeout(300)  # a busy machine is no fault of the commands

ESTIMATE = {"value", "low", "high", "n"}


def command(folder: Path, *words: object, status: int = 0) -> Any:
    """Run a command with --json in a folder; return the object on standard output."""
    arguments = [sys.executable, "-m", "reasondistill", *map(str, words), "--json"]
    done = subprocess.run(arguments, cwd=folder, capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == status, done.stderr
    return json.loads(done.stdout)


def rows_of(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for path in sorted(folder.glob("*.jsonl")) for line in path.read_text().splitlines()]


def write_rows(path: Path, rows: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def answer(conversation: list[dict[str, Any]]) -> dict[str, Any]:
    """Answer "What is N plus 1?", wrongly for 5."""
    number = int(conversation[-1]["content"].split("What is ")[1].split()[0])
    return {"content": f"It is \\boxed{{{number + (number != 5)}}}."}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a problem file."""
    rows = [{"id": f"p{n}", "question": f"What is {n} plus 1?", "answer": str(n + 1)} for n in range(6)]
    write_rows(tmp_path / "problems.jsonl", rows)
    return tmp_path


@pytest.fixture
def model(chat_server: Callable[..., Any]) -> tuple[str, ...]:
    """The words that name a served model."""
    return ("--engine", "openai", "--base-url", chat_server(answer).url, "--model", "served")


def test_generate_samples_resumes_and_verify_judges(folder: Path, model: tuple[str, ...]) -> None:
    sampling = ("--strategy", "cot", "--samples", 2, "--max-tokens", 64, "--temperature", 0.7, "--concurrency", 4)
    words = ("generate", "--problems", "problems.jsonl", *model, *sampling, "--out", "out")
    command(folder, *words)
    rollouts = rows_of(folder / "out/rollouts")
    assert sorted(row["problem_id"] for row in rollouts) == sorted(f"p{n}" for n in range(6) for _ in range(2))
    command(folder, *words)
    assert rows_of(folder / "out/rollouts") == rollouts

    write_rows(folder / "rollouts.jsonl", rollouts)
    command(folder, "verify", "rollouts.jsonl", "--problems", "problems.jsonl", "--strict", "--out", "judged")
    verdicts = rows_of(folder / "judged/verdicts")
    assert [row["outcome"] for row in verdicts].count("correct") == 10
    assert {row["outcome"] for row in verdicts} == {"correct", "incorrect"}


def test_evaluate_measures_and_compare_and_report_read_it(folder: Path, model: tuple[str, ...]) -> None:
    words = ("evaluate", *model, "--benchmark", "problems.jsonl", "--limit", 6)
    command(folder, *words, "--decode", "greedy", "--out", "greedy")
    command(folder, *words, "--decode", "sample", "--samples", 2, "--out", "sampled")
    for place, names in (("greedy", {"pass@1"}), ("sampled", {"pass@1", "avg@2", "maj@2", "pass@2"})):
        metrics = json.loads((folder / place / "report.json").read_text())["metrics"]
        assert metrics.keys() >= names
        assert all(metrics[name].keys() >= ESTIMATE for name in names)
        assert metrics["pass@1"]["value"] == pytest.approx(5 / 6)
    assert command(folder, "compare", "greedy", "sampled")
    assert command(folder, "report", "greedy")
    assert (folder / "greedy/report.html").is_file()


def test_evaluate_scores_completions_made_elsewhere(folder: Path) -> None:
    texts = ["It is \\boxed{1}.", "It is \\boxed{1}.", "It is \\boxed{9}."]
    rows = [{"problem_id": "p0", "question": "What is 0 plus 1?", "answer": "1", "completion": text} for text in texts]
    write_rows(folder / "given.jsonl", rows)
    command(folder, "evaluate", "--rollouts", "given.jsonl", "--k", "1,3", "--out", "scored")
    metrics = json.loads((folder / "scored/report.json").read_text())["metrics"]
    assert all(metrics[name].keys() >= ESTIMATE for name in ("pass@1", "pass@3", "avg@3", "maj@3"))
    assert (metrics["pass@1"]["value"], metrics["maj@3"]["value"]) == (pytest.approx(2 / 3), 1.0)


def test_audit_stats_and_decontaminate_read_a_dataset(folder: Path) -> None:
    rows = [
        {"problem": f"What is {n} plus {n}?", "answer": str(2 * n), "solution": f"It is \\boxed{{{2 * n}}}."}
        for n in range(10, 16)
    ]
    write_rows(folder / "good.jsonl", rows)
    write_rows(folder / "bad.jsonl", [*rows, {**rows[0], "problem": "What is 1 plus 2?", "solution": "\\boxed{4}"}])
    command(folder, "audit", "good.jsonl", "--share", 1.0)
    command(folder, "audit", "bad.jsonl", status=1)
    assert command(folder, "stats", "good.jsonl")
    dirty = {"question": "What is the sum of all even numbers that are greater than 10 and less than 20?"}
    write_rows(
        folder / "questions.jsonl", [{**dirty, "answer": "60"}, {"question": "What is 2 plus 3?", "answer": "5"}]
    )
    write_rows(folder / "benchmark.jsonl", [{**dirty, "answer": "60"}])
    command(folder, "decontaminate", "questions.jsonl", "--against", "benchmark.jsonl", "--out", "clean.jsonl")
    assert len((folder / "clean.jsonl").read_text().splitlines()) == 1


def test_train_writes_a_model_folder(folder: Path, student: Path) -> None:
    conversations = [(f"What is {n} plus 1?", f"It is \\boxed{{{n + 1}}}.") for n in range(8)]
    columns = {
        "prompt": [[{"role": "user", "content": question}] for question, _ in conversations],
        "completion": [[{"role": "assistant", "content": text}] for _, text in conversations],
    }
    (folder / "dataset/data").mkdir(parents=True)
    pq.write_table(pa.table(columns), folder / "dataset/data/train-00000-of-00001.parquet")
    options = ("epochs=1", "batch_size=4", "dtype=float32")
    command(folder, "train", "--dataset", "dataset", "--student", student, "--out", "taught", *options)
    training = json.loads((folder / "taught/training.json").read_text())
    assert training.keys() >= {"steps", "trained_tokens", "seconds", "log"}
    assert training["steps"] == 2 and training["trained_tokens"] > 0 and len(training["log"]) >= 1
    assert (folder / "taught/model.safetensors").is_file()


def test_models_and_doctor_answer_by_the_installed_script() -> None:
    script = str(Path(sys.executable).with_name("reasondistill"))
    for words, key in ((("models", "list"), "models"), (("doctor",), "findings")):
        done = subprocess.run([script, *words, "--json"], capture_output=True, text=True, timeout=280, check=False)
        assert done.returncode == 0 or (words == ("doctor",) and done.returncode == 1), done.stderr
        assert json.loads(done.stdout)[key]
