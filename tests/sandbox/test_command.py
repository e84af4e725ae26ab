"""The command line: one JSON object a line, exit code 0 whenever it could do what was asked."""

import io
import json
import socket
import subprocess
import sys

import pytest

from sandbox import available
from sandbox.command import examine, main

FIELDS = {"status", "exit_code", "stdout", "stderr", "truncated", "wall_seconds", "cpu_seconds", "isolation", "reason"}


@pytest.fixture(params=["full", "flat"])
def isolation(request, pool):
    if pool.isolation != request.param:
        pytest.skip("the pool is of the other kind")
    return request.param


def test_run_prints_one_object(isolation, tmp_path, capsys):
    file, stdin = tmp_path / "p.py", tmp_path / "in"
    file.write_text("print(input())\nraise SystemExit(4)")
    stdin.write_text("hello\n")
    assert main(["run", str(file), "--stdin", str(stdin), "--isolation", isolation]) == 0
    found = json.loads(capsys.readouterr().out)
    assert set(found) == FIELDS
    assert (found["status"], found["exit_code"], found["stdout"]) == ("nonzero_exit", 4, "hello\n")
    assert found["isolation"] == isolation


def test_run_keeps_to_its_limits(tmp_path, capsys):
    file = tmp_path / "p.py"
    file.write_text("x = bytearray(300 << 20)")
    assert main(["run", str(file), "--memory-mb", "100"]) == 0
    assert json.loads(capsys.readouterr().out)["status"] == "memory"
    file.write_text("while True: pass")
    assert main(["run", str(file), "--seconds", "0.5"]) == 0
    assert json.loads(capsys.readouterr().out)["status"] == "timeout"


WRONG = [
    ["run", "/no/such/file.py"],
    ["run", __file__, "--isolation", "wishful"],
    ["run", __file__, "--isolation", "ftp://somewhere"],
    ["run", __file__, "--seconds", "inf"],
    ["run", __file__, "--seconds", "nan"],
    ["run", __file__, "--memory-mb", "99999999999999"],
    ["session", "--seconds", "0"],
]


@pytest.mark.parametrize("arguments", WRONG)
def test_what_cannot_be_done_is_said_in_one_line(arguments, capsys):
    assert main(arguments) == 2
    said = capsys.readouterr()
    assert said.out == "" and said.err.startswith("sandbox: ") and said.err.count("\n") == 1


LINES = [
    ('{"code": "x = 2; x"}', {"status": "ok", "result": "2"}),
    ('{"fork": "b"}', {"status": "ok", "fork": "b"}),
    ('{"code": "x += 5; x", "in": "b"}', {"status": "ok", "result": "7"}),
    ('{"code": "x"}', {"status": "ok", "result": "2"}),
    ('{"fork": "c", "in": "b"}', {"status": "ok", "fork": "c"}),
    ('{"code": "x", "in": "c"}', {"status": "ok", "result": "7"}),
    ("nonsense", {"status": "sandbox_error"}),
    ("[1]", {"status": "sandbox_error"}),
    ('{"code": 5}', {"status": "sandbox_error"}),
    ('{"code": "x", "in": "nobody"}', {"status": "sandbox_error"}),
    ('{"code": "x", "in": []}', {"status": "sandbox_error"}),
    ('{"fork": "b"}', {"status": "sandbox_error"}),
    ('{"code": "print(x); 1 / 0"}', {"status": "exception", "stdout": "2\n"}),
    ('{"code": "\\ud800"}', {"status": "exception"}),
    ('{"code": "x"}', {"status": "ok", "result": "2"}),
]


def test_a_session_answers_every_line(isolation, monkeypatch, capsys):
    lines = "".join(line + "\n\n" for line, _ in LINES).encode()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(lines)))
    assert main(["session", "--isolation", isolation]) == 0
    answers = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    for (line, expected), answer in zip(LINES, answers, strict=True):
        assert {name: answer.get(name) for name in expected} == expected, (line, answer)
        assert "fork" in expected or set(answer) >= FIELDS


def test_doctor_names_what_works(capsys):
    assert main(["doctor"]) == 0
    assert "verdict" in capsys.readouterr().out
    assert main(["doctor", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert set(found) >= {"system", "landlock", "seccomp", "full", "flat", "verdict"}
    assert (available() or "nothing") in found["verdict"]


def test_doctor_on_another_system_points_to_the_ways_out(monkeypatch):
    monkeypatch.setattr(sys, "platform", "darwin")
    assert "remote sandbox" in dict(examine())["verdict"]


def test_bench_prints_medians(capsys):
    assert main(["bench", "--rounds", "2"]) == 0
    said = capsys.readouterr().out
    assert "trivial program" in said and "session branch" in said and "quartiles" in said


def test_bench_wants_two_rounds(capsys):
    assert main(["bench", "--rounds", "1"]) == 2
    assert capsys.readouterr() == ("", "sandbox: --rounds must be at least 2, got 1\n")


def test_a_server_that_does_not_answer_is_told_in_the_object_and_by_the_exit_status(tmp_path, capsys):
    (tmp_path / "program.py").write_text("print(1)")
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"http://127.0.0.1:{server.getsockname()[1]}"
    assert main(["run", str(tmp_path / "program.py"), "--isolation", address]) == 2
    told = json.loads(capsys.readouterr().out)
    assert told["status"] == "sandbox_error" and address in told["reason"]


def test_the_module_is_runnable():
    answer = subprocess.run([sys.executable, "-m", "sandbox", "--help"], capture_output=True, text=True, check=True)
    assert "doctor" in answer.stdout


def test_a_file_that_is_not_there_is_one_line(tmp_path, capsys):
    file = tmp_path / "none.py"
    assert main(["run", str(file)]) == 2
    assert capsys.readouterr().err == f"sandbox: {file}: No such file or directory; name a file that can be read\n"
