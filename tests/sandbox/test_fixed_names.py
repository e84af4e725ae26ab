"""The names, commands and JSON fields of the sandbox that other programs rely on. These tests use nothing else."""

import json
import subprocess
import sys

import pytest

from sandbox import Execution, Limits, Pool, Session, Status, run

FIELDS = {"status", "exit_code", "stdout", "stderr", "truncated", "wall_seconds", "cpu_seconds", "isolation"}


def command(*words, lines=""):
    """Run `python -m sandbox` and return the JSON objects that it prints."""
    done = subprocess.run(
        [sys.executable, "-m", "sandbox", *map(str, words)], input=lines, capture_output=True, text=True, check=True
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_run_returns_an_execution():
    execution = run("print(input())", stdin="hello\n", limits=Limits(wall_seconds=20.0, memory_bytes=1 << 28))
    assert isinstance(execution, Execution)
    assert (execution.status, execution.exit_code, execution.stdout, execution.stderr) == (Status.OK, 0, "hello\n", "")
    assert execution.isolation in ("full", "flat") and not execution.truncated
    assert execution.wall_seconds > 0 and execution.cpu_seconds >= 0


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("raise SystemExit(3)", "nonzero_exit"),
        ("1 / 0", "exception"),
        ("while True: pass", "timeout"),
        ("x = bytearray(1 << 30)", "memory"),
        ("while True: print('x' * 4096)", "output_limit"),
    ],
)
def test_the_status_says_how_a_program_ended(code, status):
    with Pool(prewarm=()) as pool:
        limits = Limits(wall_seconds=1.0 if status == "timeout" else 20.0, memory_bytes=1 << 28, flood_bytes=1 << 20)
        assert pool.run(code, limits=limits).status == Status(status)


def test_a_session_keeps_its_state_and_branches():
    with Pool(prewarm=()) as pool, Session(pool=pool, limits=Limits(wall_seconds=20.0)) as session:
        assert session.execute("x = 20").ok
        (branch,) = session.fork(1)
        with branch:
            assert branch.execute("x += 1; x * 2").result == "42"
        assert session.execute("x").result == "20"


def test_the_command_runs_a_file(tmp_path):
    program, stdin = tmp_path / "program.py", tmp_path / "stdin"
    program.write_text("print(input()); raise SystemExit(4)")
    stdin.write_text("hello\n")
    options = ("--stdin", stdin, "--seconds", 20, "--memory-mb", 256, "--isolation", "auto")
    (row,) = command("run", program, *options)
    assert row.keys() >= FIELDS
    assert (row["status"], row["exit_code"], row["stdout"], row["truncated"]) == ("nonzero_exit", 4, "hello\n", False)


def test_the_command_runs_cells_and_branches():
    cells = [{"code": "x = 2; x"}, {"fork": "b"}, {"code": "x += 5; x", "in": "b"}, {"code": "x"}]
    first, fork, branch, last = command("session", lines="".join(json.dumps(cell) + "\n" for cell in cells))
    assert fork["status"] == "ok"
    assert [row["result"] for row in (first, branch, last)] == ["2", "7", "2"]
    assert all(row.keys() >= FIELDS for row in (first, branch, last))
