"""Rollouts made elsewhere as a run's own, through the command: from the files to an audited dataset."""

import gzip
import json
import random
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as parquet
import pytest

from reasondistill.cli.main import main
from reasondistill.export.dataset import iter_rows
from reasondistill.store import Table

TRACES = Path(__file__).parents[3] / "shared" / "data" / "traces"
FILES = ("gsm8k_rho1.jsonl.gz", "gsm8k_openai_gpt3.jsonl.gz")
TRANSCRIPT = "I count.\n```python\nprint(2 + 3)\n```\n```output\n5\n```\nSo $\\boxed{5}$."
ROWS = [
    {"problem_id": "a", "question": "2 + 3?", "gold": "5", "completion": "It is \\boxed{5}.", "is_correct": True},
    {"problem_id": "a", "question": "2 + 3?", "gold": "5", "completion": "It is \\boxed{6}.", "is_correct": False},
    {"problem_id": "a", "question": "2 + 3?", "gold": "5", "completion": TRANSCRIPT, "model": "coder"},
    {
        "problem_id": "b",
        "question": "1,000 + 1,000?",
        "answer": "2,000",
        "messages": [{"role": "user", "content": "Sum?"}, {"role": "assistant", "content": "\\boxed{2000}"}],
    },
]


def written(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def recipe(tmp_path, *files, **more):
    lines = {"name": "imported", "until": "export", "out": str(tmp_path / "run"), **more}
    lines["generate"] = {"rollouts": [str(f) for f in files], **lines.get("generate", {})}
    path = tmp_path / "imported.yaml"
    path.write_text(json.dumps({"verify": {"strict": False}, "evaluate": {"strategy": "tir"}, **lines}))
    return path


def run(capsys, path, *words):
    status = main(["run", str(path), "--json", *words])
    said = capsys.readouterr()
    return (status, json.loads(said.out)) if status == 0 else (status, said.err)


def test_they_are_judged_curated_and_exported(tmp_path, capsys):
    path = recipe(tmp_path, written(tmp_path / "r.jsonl", ROWS))
    status, report = run(capsys, path)
    assert status == 0
    assert (report["counts"]["problems"], report["counts"]["rollouts"], report["counts"]["examples"]) == (2, 4, 3)
    rows = list(iter_rows(tmp_path / "run" / "dataset" / "data"))
    assert [(row["problem_id"], row["outcome"]) for row in rows] == [
        ("a", "correct"),
        ("a", "correct"),
        ("b", "correct"),
    ]
    assert [m["role"] for m in rows[1]["completion"]] == ["assistant", "tool", "assistant"]
    assert rows[0]["prompt"][-1]["content"].count("2 + 3?") == 1
    assert main(["audit", str(tmp_path / "run" / "dataset")]) == 0


def test_labels_and_models_are_kept(tmp_path, capsys):
    run(capsys, recipe(tmp_path, written(tmp_path / "r.jsonl", ROWS)))
    stored = list(Table(tmp_path / "run" / "rollouts", key="id"))
    assert [row["annotations"].get("label") for row in stored] == [True, False, None, None]
    assert [row["index"] for row in stored] == [0, 1, 2, 0]
    assert (stored[2]["model"], stored[2]["annotations"]["executions"]) == ("coder", 1)
    record = json.loads((tmp_path / "run" / "steps" / "generate.json").read_text())
    assert "coder" in record["summary"]["described"]["name"]


def test_nothing_is_taken_twice_and_another_file_is_another_run(tmp_path, capsys):
    one = written(tmp_path / "r.jsonl", ROWS)
    path = recipe(tmp_path, one)
    _, first = run(capsys, path)
    table = tmp_path / "run" / "rollouts"
    before = {p.name: p.read_bytes() for p in table.iterdir()}
    _, again = run(capsys, path)
    assert {p.name: p.read_bytes() for p in table.iterdir()} == before
    assert again["counts"] == first["counts"]
    two = written(tmp_path / "s.jsonl", [{**ROWS[0], "completion": "Five: \\boxed{5}."}, ROWS[0]])
    _, more = run(capsys, recipe(tmp_path, one, two))
    assert more["counts"]["rollouts"] == 5  # one of them stands in both files
    assert (tmp_path / "run" / "superseded").is_dir()


def test_a_source_of_problems_gives_references_and_questions(tmp_path, capsys):
    bare = [{"problem_id": "a", "completion": "\\boxed{5}"}, {"problem_id": "b", "completion": "\\boxed{7}"}]
    problems = written(tmp_path / "p.jsonl", [{"id": i, "question": q, "answer": a} for i, q, a in SUMS])
    path = recipe(tmp_path, written(tmp_path / "r.jsonl", bare), problems={"source": str(problems)})
    _, report = run(capsys, path)
    assert report["counts"]["outcomes"] == {"correct": 1, "incorrect": 1}
    assert next(iter_rows(tmp_path / "run" / "dataset" / "data"))["question"] == "2 + 3?"


SUMS = [("a", "2 + 3?", "5"), ("b", "4 + 4?", "8"), ("c", "0?", "0")]


@pytest.mark.parametrize(
    ("rows", "words", "said"),
    [
        ([{"completion": "5"}], [], "r.jsonl:1: no `problem_id`"),
        ([{"problem_id": "a", "completion": "5"}], [], "r.jsonl:1: no reference for the problem 'a'"),
        ([{"problem_id": "a", "answer": "5", "completion": "5"}], [], "the problem 'a' has no question"),
        ([], [], "holds no rollouts"),
        (ROWS, ["teacher.model=smollm2-135m-instruct"], "generate.rollouts replaces the teacher"),
        (ROWS, ["generate.rollouts=[none.jsonl]"], "none.jsonl: file not found"),
    ],
)
def test_what_cannot_be_used_is_said_in_one_line(tmp_path, capsys, rows, words, said):
    status, error = run(capsys, recipe(tmp_path, written(tmp_path / "r.jsonl", rows)), *words)
    assert status == 2
    assert said in error and error.strip().count("\n") == 0


def test_two_files_that_disagree_about_a_problem_are_refused(tmp_path, capsys):
    one, two = (
        written(tmp_path / name, [{**ROWS[0], "gold": gold}]) for name, gold in (("r.jsonl", "5"), ("s.jsonl", "6"))
    )
    status, error = run(capsys, recipe(tmp_path, one, two))
    assert status == 2 and "'a' has another reference" in error
    three = written(tmp_path / "t.jsonl", [{**ROWS[0], "gold": "5.0"}])
    assert run(capsys, recipe(tmp_path, one, three))[0] == 0


def test_a_dry_run_says_what_would_be_taken(tmp_path, capsys):
    path = recipe(tmp_path, written(tmp_path / "r.jsonl", ROWS))
    assert main(["run", str(path), "--dry-run"]) == 0
    assert "rollouts from" in capsys.readouterr().out
    assert not (tmp_path / "run").exists()


EDITS = {
    "answer": lambda row: row.update(answer=row["answer"] + "1"),
    "trace": lambda row: row["completion"][-1].update(content=row["completion"][-1]["content"] + " so"),
    "output": lambda row: row["completion"][1].update(content=row["completion"][1]["content"] + "7"),
    "hash": lambda row: row.update(prompt_hash=row["prompt_hash"][::-1]),
}


@pytest.mark.timeout(240)
def test_real_traces_make_a_dataset_that_an_audit_confirms_and_edits_are_found(tmp_path, capsys):
    slices = []
    for name in FILES:
        if not (TRACES / name).exists():
            pytest.skip(f"no traces at {TRACES / name}")
        with gzip.open(TRACES / name, "rt") as lines:
            drawn = random.Random(0).sample(list(lines), 200)
        slices.append(tmp_path / name.removesuffix(".gz"))
        slices[-1].write_text("".join(drawn))
    _, report = run(capsys, recipe(tmp_path, *slices))
    dataset = tmp_path / "run" / "dataset"
    assert report["counts"]["examples"] > 150
    assert main(["audit", str(dataset), "--json"]) == 0
    [path] = (dataset / "data").glob("*.parquet")
    table = parquet.read_table(path)
    rows = table.to_pylist()
    ran = [number for number, row in enumerate(rows) if row["blocks"]]
    spoilt = random.Random(1).sample(ran, 12)
    for edit, number in zip(list(EDITS.values()) * 3, spoilt, strict=True):
        edit(rows[number])
    parquet.write_table(pa.Table.from_pylist(rows, schema=table.schema), path)
    assert main(["audit", str(dataset), "--out", str(tmp_path / "audit")]) == 1
    judged = [json.loads(line) for line in (tmp_path / "audit" / "rows.jsonl").read_text().splitlines()]
    assert {row["row"] for row in judged if row["findings"]} == set(spoilt)
