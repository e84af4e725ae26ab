"""The whole way from problems to the report with a recorded teacher and a tiny student: what a run leaves behind, what
doing it again does, and what a changed knob does again."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from reasondistill.export.dataset import iter_rows

ESTIMATE = {"value", "low", "high", "n"}
STEPS = ("problems", "generate", "verify", "curate", "export", "train/student", "evaluate/before", "report")


@pytest.fixture
def copied(undisturbed: Path, tmp_path: Path) -> Path:
    """A finished run that a test may change."""
    return Path(shutil.copytree(undisturbed, tmp_path / "run"))


def report_of(folder: Path) -> dict[str, Any]:
    return dict(json.loads((folder / "report.json").read_text()))


def test_report_json_has_what_outside_tools_read(undisturbed: Path) -> None:
    report = report_of(undisturbed)
    for who in ("teacher", "student_before", "student_after"):
        assert set(report[who]["accuracy"]) == ESTIMATE
        assert set(report[who]["unseen"]) == ESTIMATE
        assert report[who]["accuracy"]["n"] == 6
    assert set(report["paired"]) == {"difference", "low", "high", "n", "p_value"}
    assert report["paired_by_set"]["all"]["n"] == 12
    taught = report["students"]["student"]
    assert set(taught["accuracy"]) == set(taught["unseen"]) == ESTIMATE
    assert {"method", "data", "start", "seconds", "trained_tokens"} <= taught.keys()
    assert report["tokens"]["teacher / train"]["completion"] > 1000
    assert report["seconds"].keys() >= set(STEPS) - {"report"}


def test_the_counts_of_all_stages_add_up(undisturbed: Path) -> None:
    counts = report_of(undisturbed)["counts"]
    assert counts["problems"] == 150
    assert counts["rollouts"] == counts["rollouts_wanted"] == sum(counts["outcomes"].values()) == 300
    dropped = sum(n for reasons in counts["drops"].values() for n in reasons.values())
    assert counts["examples"] == 300 - dropped
    assert counts["drops"]["outcome"].keys() == {"incorrect", "no_answer"}
    assert counts["drops"]["complete"]["truncated"] > 0
    assert counts["drops"]["duplicates"]["same_trace"] > 0


def test_the_dataset_opens_with_receipts(undisturbed: Path, tmp_path: Path) -> None:
    from datasets import load_dataset

    rows = load_dataset(str(undisturbed / "dataset"), split="train", cache_dir=str(tmp_path))
    assert len(rows) == report_of(undisturbed)["counts"]["examples"]
    assert set(rows["outcome"]) == {"correct"}
    assert rows[0]["completion"][0]["role"] == "assistant"
    assert rows[0]["completion"][0]["content"].endswith(f"\\boxed{{{rows[0]['answer']}}}.")
    assert rows[0]["teacher"] == "recorded"


def test_the_run_folder_is_laid_out_as_documented(undisturbed: Path) -> None:
    names = {p.name for p in undisturbed.iterdir()}
    assert names >= {"recipe.yaml", "manifest.json", "problems", "rollouts", "verdicts", "drops", "dataset", "models"}
    assert names >= {"evaluations", "report.json", "report.html", "log.jsonl"}
    manifest = json.loads((undisturbed / "manifest.json").read_text())
    assert manifest["run"] == "tiny"
    assert manifest["versions"]["python"]
    assert (undisturbed / "models" / "student" / "model.safetensors").is_file()
    assert not list(undisturbed.rglob("*.tmp"))
    assert not (undisturbed / "superseded").exists()


def test_the_same_command_again_does_nothing(lab: Any, copied: Path) -> None:
    before, finished = lab.files(copied), report_of(copied)
    report = lab.finish(copied)
    assert lab.files(copied) == before
    assert not (copied / "superseded").exists()
    assert report["student_after"]["accuracy"] == finished["student_after"]["accuracy"]
    events = [json.loads(line)["event"] for line in (copied / "log.jsonl").read_text().splitlines()]
    assert events[-2:] == ["start", "end"]


def test_keeping_everything_redoes_curation_and_nothing_before(lab: Any, copied: Path) -> None:
    before, counts = lab.files(copied), report_of(copied)["counts"]
    after = lab.finish(copied, "curate.keep=all", "until=export")["counts"]
    assert "outcome" not in after["drops"]
    assert after["examples"] > counts["examples"]
    assert changed(before, lab.files(copied)) == {"drops", "dataset"}
    superseded = {p.name for p in (copied / "superseded").iterdir()}
    assert {"drops-1", "dataset-1"} <= superseded
    assert not any(name.startswith(("rollouts", "verdicts", "models", "evaluations")) for name in superseded)


def test_thinking_before_the_box_rewrites_the_examples_and_nothing_before(lab: Any, copied: Path) -> None:
    before, plain = lab.files(copied), list(iter_rows(copied / "dataset" / "data"))
    lab.finish(copied, "export.thinking=before_box", "until=export")
    assert changed(before, lab.files(copied)) == {"dataset"}
    parted = [row["completion"][0] for row in list(iter_rows(copied / "dataset" / "data"))]
    assert [f"{m['reasoning']}\n{m['content']}" for m in parted] == [row["completion"][0]["content"] for row in plain]
    assert all(m["content"].startswith("The answer is \\boxed{") for m in parted)


def test_another_learning_rate_redoes_training_and_nothing_before(lab: Any, copied: Path) -> None:
    before = lab.files(copied)
    lab.finish(copied, "train.learning_rate=0.005")
    student = {"models/student", "evaluations/student-seen", "evaluations/student-unseen"}
    assert changed(before, lab.files(copied)) == student
    superseded = {p.name for p in (copied / "superseded").iterdir()}
    assert superseded == {f"{name.replace('/', '.')}-1" for name in student}
    assert (copied / "superseded" / "models.student-1" / "model.safetensors").is_file()


def test_another_temperature_redoes_all_that_the_teacher_made(lab: Any, copied: Path) -> None:
    before = lab.files(copied)
    earlier = {row["id"] for row in rows(copied / "rollouts")}
    lab.finish(copied, "generate.sampling.temperature=0.9")
    # The recordings give the same answers again: other rollouts and other receipts, but nothing else to train on.
    teacher = {"evaluations/teacher-seen", "evaluations/teacher-unseen"}
    assert changed(before, lab.files(copied)) == {"rollouts", "verdicts", "drops", "dataset"} | teacher
    assert not earlier & {row["id"] for row in rows(copied / "rollouts")}
    assert earlier == {row["id"] for row in rows(copied / "superseded" / "rollouts-1")}


def test_more_samples_keep_those_that_are_there(lab: Any, copied: Path) -> None:
    before = rows(copied / "rollouts")
    lab.finish(copied, "generate.samples=3", "until=generate")
    after = rows(copied / "rollouts")
    assert after[: len(before)] == before
    assert len({row["id"] for row in after}) == len(after) == 450


def test_until_export_needs_no_student(lab: Any, tmp_path: Path) -> None:
    report = lab.finish(tmp_path / "run", "until=export", "student.model=''")
    assert (tmp_path / "run" / "dataset" / "README.md").is_file()
    assert "student_before" not in report
    assert report["teacher"]["accuracy"]["n"] == 6
    assert (tmp_path / "run" / "report.html").is_file()


def test_the_folder_of_another_recipe_is_refused_untouched(lab: Any, copied: Path) -> None:
    before = lab.files(copied)
    done = lab.run(copied, "name=other")
    assert done.returncode == 2
    assert "holds the run 'tiny', not 'other'; choose another folder" in done.stderr
    assert lab.files(copied) == before


def test_a_dry_run_tells_the_work_and_writes_nothing(lab: Any, tmp_path: Path) -> None:
    done = lab.run(tmp_path / "run", "--dry-run")
    assert done.returncode == 0, done.stderr
    assert "generate: teacher / train: 0 of 300 rollouts stored, 300 to sample with recorded" in done.stdout
    assert "train/student on main rollouts: to do" in done.stdout
    assert not (tmp_path / "run").exists()


def test_a_dry_run_tells_what_a_changed_knob_will_redo(lab: Any, copied: Path) -> None:
    result = json.loads(lab.run(copied, "--dry-run", "--json", "curate.keep=all").stdout)
    assert trained(result) == [False]
    assert {row["set"]: row["stored"] for row in sampled(result) if row["stored"] < row["wanted"]} == {
        "student / seen": 0,
        "student / unseen": 0,
    }


def test_a_dry_run_of_a_finished_run_finds_nothing_to_do(lab: Any, copied: Path) -> None:
    before = {p: p.stat().st_mtime_ns for p in copied.rglob("*")}
    result = json.loads(lab.run(copied, "--dry-run", "--json").stdout)
    assert [row["wanted"] - row["stored"] for row in sampled(result)] == [0] * 7
    assert trained(result) == [True]
    assert all(step["current"] for step in result["steps"])
    assert {p: p.stat().st_mtime_ns for p in copied.rglob("*")} == before


def sampled(result: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the sets that a dry run lists."""
    return [part for step in result["steps"] for part in step["parts"] if "set" in part]


def trained(result: dict[str, Any]) -> list[bool]:
    """Return whether each student of a dry run is trained."""
    return [part["stored"] for step in result["steps"] for part in step["parts"] if "student" in part]


def rows(folder: Path) -> list[dict[str, Any]]:
    lines = [line for path in sorted(folder.glob("*.jsonl")) for line in path.read_text().splitlines()]
    return [json.loads(line) for line in lines]


def changed(before: dict[str, int], after: dict[str, int]) -> set[str]:
    """Return the parts of the run folder whose files differ."""
    differing = {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)}
    deep = ("models", "evaluations")
    return {"/".join(Path(path).parts[: 2 if path.split("/")[0] in deep else 1]) for path in differing}
