"""The doctor's findings: one for everything that a run needs, not ok where the quickstart cannot run."""

import json

import pytest

from reasondistill.cli import doctor
from reasondistill.cli.doctor import Finding, examine
from reasondistill.cli.main import main


def _ok(findings):
    return {f.name: f.ok for f in findings}


def test_every_thing_that_a_run_needs_has_a_finding(tmp_path):
    found = _ok(examine(tmp_path))
    names = {"python", "cores", "memory", "disk", "gpu", "sandbox", "import name `verifiers`", "reasondistill"}
    assert names <= found.keys()
    assert "model smollm2-135m-instruct" in found
    assert found["python"] and found["cores"]


def test_a_folder_that_is_not_there_yet_is_measured_by_its_parent(tmp_path):
    [disk] = [f for f in examine(tmp_path / "deep" / "down") if f.name == "disk"]
    assert "GB free" in disk.value


@pytest.mark.parametrize(
    ("need", "value", "name", "words"),
    [
        ("NEEDED_DISK_GB", 1e9, "disk", "the quickstart needs 1000000000"),
        ("NEEDED_MEMORY_GB", 1e9, "memory", "the quickstart needs 1000000000"),
        ("NEEDED_MODULES", ("no_such_module",), "no_such_module", "not installed: pip install"),
    ],
)
def test_what_is_lacking_is_named_and_makes_the_status_1(monkeypatch, capsys, need, value, name, words):
    monkeypatch.setattr(doctor, need, value)
    assert main(["doctor", "--json"]) == 1
    answer = json.loads(capsys.readouterr().out)
    assert answer["quickstart"] is False
    [found] = [f for f in answer["findings"] if f["name"] == name]
    assert found["ok"] is False and words in found["value"]


def test_the_lines_for_people_end_with_the_verdict(monkeypatch, capsys):
    monkeypatch.setattr(doctor, "NEEDED_MODULES", ("no_such_module",))
    assert main(["doctor"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith("NO  no_such_module: ") for line in lines)
    assert lines[-1].startswith("the quickstart cannot run here")


def test_a_finding_is_a_json_object():
    assert Finding(name="a", value="b").to_row() == {"name": "a", "value": "b", "ok": True}


@pytest.mark.parametrize(
    ("isolation", "words"), [("flat", "flat isolation"), (None, "cannot be run here: `python -m sandbox doctor`")]
)
def test_what_the_sandbox_can_enforce_is_said_and_keeps_no_quickstart_from_running(monkeypatch, isolation, words):
    monkeypatch.setattr("sandbox.available", lambda: isolation)
    [found] = [f for f in examine() if f.name == "sandbox"]
    assert words in found.value and found.ok
