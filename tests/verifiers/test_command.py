"""`python -m verifiers`: JSON Lines in, JSON Lines out, whatever the lines hold."""

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-m", "verifiers"]


def run_command(data: bytes, *options: str) -> list[dict[str, Any]]:
    done = subprocess.run([*COMMAND, *options], input=data, capture_output=True, check=True, cwd=ROOT)
    assert done.stderr == b""
    return [json.loads(line) for line in done.stdout.splitlines()]


def line(**case: Any) -> bytes:
    return json.dumps(case).encode() + b"\n"


def test_order_and_other_keys_are_kept() -> None:
    cases = [line(kind="math", completion=f"\\boxed{{{n % 3}}}", answer="1", n=n) for n in range(1000)]
    rows = run_command(b"".join(cases))
    assert [row["n"] for row in rows] == list(range(1000))
    assert [row["correct"] for row in rows] == [n % 3 == 1 for n in range(1000)]
    assert set(rows[0]) >= {"kind", "completion", "answer", "outcome", "extracted", "method", "reason", "seconds"}


@pytest.mark.parametrize(
    ("data", "outcome", "reason"),
    [
        (b"{not json\n", "error", "bad_line"),
        (b"[1, 2]\n", "error", "bad_line"),
        (b"\xff\xfe\n", "error", "bad_line"),
        (b"[" * 200_000 + b"\n", "error", "bad_line"),
        (line(answer="5"), "error", "bad_input"),
        (line(completion=None, answer="5"), "error", "bad_input"),
        (line(completion="5"), "error", "bad_gold"),
        (line(kind="code", completion="x", tests={}), "error", "bad_gold"),
        (line(completion="\\boxed{\ud800}", answer="5"), "incorrect", "hidden_characters"),
    ],
)
def test_one_bad_line_does_not_stop_the_rest(data: bytes, outcome: str, reason: str) -> None:
    first, second = run_command(data + line(completion="5", answer="5"), "--isolation", "flat")
    assert (first["outcome"], first["reason"].partition(":")[0]) == (outcome, reason)
    assert second["correct"] is True


def test_an_answer_comes_while_stdin_is_open() -> None:
    with subprocess.Popen(COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT, bufsize=0) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for answer in ("1", "2"):
            process.stdin.write(line(completion="\\boxed{1}", answer=answer))
            assert json.loads(process.stdout.readline())["correct"] is (answer == "1")
        process.stdin.close()
        assert process.stdout.read() == b""


def test_a_closed_reader_ends_it_without_a_traceback() -> None:
    with subprocess.Popen(
        COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        for _ in range(20):
            process.stdin.write(line(completion="1", answer="1"))
        process.stdin.close()
        assert process.stderr.read() == b""
        assert process.wait() == 1


@pytest.mark.timeout(180)
def test_a_hard_line_is_answered_in_fifteen_seconds() -> None:
    hard = [
        line(completion=r"\boxed{9^9^9^9}", answer="x+1"),
        line(completion=r"\boxed{\int_0^1 x^x e^{\sin(x^2)} \ln(x) dx}", answer="2"),
    ]
    with subprocess.Popen(COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT, bufsize=0) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for data in [line(completion="1", answer="1"), *hard]:
            asked = time.monotonic()
            process.stdin.write(data)
            row = json.loads(process.stdout.readline())
            assert row["outcome"] == ("undecided" if data in hard else "correct")
            assert time.monotonic() - asked < 15
        process.stdin.close()
