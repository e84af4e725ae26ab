"""The command `decontaminate`, as a user types it: what repeats a benchmark is named, shown and left out."""

import gzip
import json
import subprocess
import sys

import pytest

from reasondistill.cli.main import main

HELD = "A train leaves the station at noon and travels north at 60 miles per hour for 3 hours. How far does it get?"


@pytest.fixture
def files(tmp_path):
    """Return a training file of three questions, one of them held out, and a benchmark."""
    train = tmp_path / "train.jsonl"
    rows = [
        {"id": "a", "question": HELD.upper()},
        {"id": "b", "question": "What is 1 + 1?"},
        {"id": "c", "problem": "2?"},
    ]
    train.write_text("".join(json.dumps(row) + "\n" for row in rows))
    bench = tmp_path / "bench.jsonl.gz"
    bench.write_bytes(gzip.compress(json.dumps({"id": "h", "question": HELD}).encode()))
    return train, bench


def test_the_report_and_the_clean_rows(files, tmp_path, capsys):
    train, bench = files
    out, report = tmp_path / "clean.jsonl", tmp_path / "new" / "report.md"
    assert main(["decontaminate", str(train), "--against", str(bench), "--out", str(out), "--report", str(report)]) == 0
    printed = capsys.readouterr().out.splitlines()
    others = "by the rules of others: any shared 8-gram 1, any shared 13-gram 1"
    assert printed[0] == f"bench: 1 of 3 questions flagged (1 same_question); {others}"
    assert printed[-1] == "1 of 3 questions repeat a benchmark's problem"
    assert [json.loads(line)["id"] for line in out.read_text().splitlines()] == ["b", "c"]
    assert HELD in report.read_text() and HELD.upper() in report.read_text()


def test_of_a_conversation_the_users_turn_is_the_question(files, tmp_path, capsys):
    rows = [
        {"id": "m", "messages": [{"role": "user", "content": HELD}, {"role": "assistant", "content": "180"}]},
        {"id": "s", "conversations": [{"from": "human", "value": "What is 2 + 2?"}, {"from": "gpt", "value": "4"}]},
        {"id": "p", "prompt": [{"role": "system", "content": HELD}, {"role": "user", "content": "And 3 + 3?"}]},
        {"id": "q", "question": "Own?", "messages": [{"role": "user", "content": HELD}]},
    ]
    train, out = tmp_path / "chat.jsonl", tmp_path / "clean.jsonl"
    train.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert main(["decontaminate", str(train), "--against", str(files[1]), "--out", str(out), "--json"]) == 0
    assert [m["id"] for m in json.loads(capsys.readouterr().out)["matches"]] == ["m"]
    kept = [json.loads(line) for line in out.read_text().splitlines()]
    assert [(row["id"], row["question"]) for row in kept] == [
        ("s", "What is 2 + 2?"),
        ("p", "And 3 + 3?"),
        ("q", "Own?"),
    ]
    assert kept[0]["metadata"]["conversations"] == rows[1]["conversations"]


def test_a_conversation_without_a_users_turn_is_one_line(files, tmp_path, capsys):
    train = tmp_path / "chat.jsonl"
    train.write_text(json.dumps({"messages": [{"role": "assistant", "content": "4"}]}) + "\n")
    assert main(["decontaminate", str(train), "--against", str(files[1])]) == 2
    error = capsys.readouterr().err
    assert "chat.jsonl:1: no question" in error and error.count("\n") == 1


def test_a_bad_row_in_the_middle_leaves_what_was_there(files, tmp_path, capsys):
    train, bench = files
    out = tmp_path / "clean.jsonl"
    out.write_text("earlier")
    with train.open("a") as file:
        file.write("{broken")
    assert main(["decontaminate", str(train), "--against", str(bench), "--out", str(out)]) == 2
    assert f"{train}:4: not valid JSON" in capsys.readouterr().err
    assert (out.read_text(), sorted(p.name for p in tmp_path.glob("clean*"))) == ("earlier", ["clean.jsonl"])


def test_json_gives_the_matches(files, capsys):
    train, bench = files
    assert main(["decontaminate", str(train), "--against", str(bench), "--json"]) == 0
    row = json.loads(capsys.readouterr().out)
    assert [(m["benchmark"], m["id"], m["benchmark_id"]) for m in row["matches"]] == [("bench", "a", "h")]


@pytest.mark.parametrize(
    ("dataset", "says"), [("empty", "the folder holds no file that ends in .jsonl"), ("none.jsonl", "file not found")]
)
def test_what_cannot_be_read_is_one_line(files, tmp_path, capsys, dataset, says):
    (tmp_path / "empty").mkdir()
    assert main(["decontaminate", str(tmp_path / dataset), "--against", str(files[1])]) == 2
    error = capsys.readouterr().err
    assert says in error and error.count("\n") == 1


def test_it_needs_neither_torch_nor_transformers(files):
    train, bench = files
    code = (
        "import sys; from reasondistill.cli.main import main;"
        f"main(['decontaminate', {str(train)!r}, '--against', {str(bench)!r}]);"
        "print([m for m in ('torch', 'transformers', 'datasets', 'vllm') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
