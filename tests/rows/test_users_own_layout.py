"""A layout of somebody's own rows, named `package.module:Name` on the command line, without touching the package."""

import json

import pytest

from reasondistill.cli.main import main

LAYOUT = '''
from reasondistill.rows.layouts import Layout

def spread(row):
    """Two columns hold two completions of one problem."""
    for name in ("first", "second"):
        yield {"question": row["ask"], "answer": row["truth"], "completion": row[name]}

MINE = Layout(name="mine", knows=lambda row: "ask" in row, spread=spread)
'''


@pytest.fixture
def file(tmp_path, monkeypatch):
    (tmp_path / "my_layouts.py").write_text(LAYOUT)
    monkeypatch.syspath_prepend(tmp_path)
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps({"ask": "1 + 1?", "truth": "2", "first": r"\boxed{2}", "second": r"\boxed{3}"}) + "\n")
    return path


@pytest.mark.parametrize("command", ["audit", "stats", "verify", "evaluate --rollouts"])
def test_every_command_reads_a_layout_of_the_users_own(file, tmp_path, capsys, command):
    out = [] if command in ("audit", "stats") else ["--out", str(tmp_path / "out")]
    status = main([*command.split(), str(file), "--format", "my_layouts:MINE", *out, "--json"])
    report = json.loads(capsys.readouterr().out)
    assert status == (1 if command == "audit" else 0)
    assert report.get("rows", report.get("rollouts")) == 2
    if command not in ("audit", "stats"):
        assert report["outcomes"] == {"correct": 1, "incorrect": 1}


def test_an_unknown_layout_is_one_line(file, capsys):
    assert main(["stats", str(file), "--format", "open_r1"]) == 2
    error = capsys.readouterr().err
    assert "--format must be one of auto, evalplus" in error and error.count("\n") == 1
    assert "did you mean open-r1?" in error
