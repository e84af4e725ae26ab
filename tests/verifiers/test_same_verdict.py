"""A verdict depends neither on the entry point nor on what else the machine does."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from verifiers import many, verify, verify_many
from verifiers.code import grade_code
from verifiers.math import grade, grade_many
from verifiers.math.processes import cores
from verifiers.rewards import code_reward, math_reward

ROOT = Path(__file__).parents[2]
POWERS = r"\frac{2021055^{2011} - 2019044^{2011}}{2011^2}"
ROWS = [
    ("\\boxed{\\frac{2}{4}}", "0.5", True),
    ("so it is 5", "5", True),
    ("<think>5</think>It is \\boxed{6}", "5", False),
    ("no answer", "5", False),
    ("\\boxed{5}", " ", None),
    ("\\boxed{" + "9" * 5000 + "}", "1", None),
    ("\\boxed{x^2-1}", "(x-1)(x+1)", True),
    ("\\boxed{\\sin 2x}", "2\\sin x\\cos x", True),
    ("\\boxed{\\tan x}", "\\frac{\\sin x}{\\cos x}+10^{-9}", False),
    # Large exact powers: only sympy decides, and its process has to start first.
    (rf"\boxed{{{POWERS}}}", r"2011^{2009}\cdot(1005^{2011}-1004^{2011})", True),
    (rf"\boxed{{{POWERS}}}", r"2011^{2009}\cdot(1005^{2011}-1003^{2011})", False),
    (r"\boxed{2}", r"\sum_{k=0}^{\infty} \frac{1}{2^k}", True),
    (r"\boxed{\frac13}", r"\int_0^1 x^2\,dx", True),
    (r"\boxed{e}", r"\lim_{n\to\infty}(1+\frac1n)^n", True),
    # Sympy does not end, or not in two seconds of processor time.
    (r"\boxed{9^9^9^9}", "x+1", None),
]
PROGRAMS = [
    ("def f(x):\n    return x + 1", True),
    ("def f(x):\n    return x", False),
    ("no program", False),
]
TESTS = ["assert f(1) == 2"]
Judge = Callable[[list[tuple[str, str]]], list[bool | None]]


def by_grade(pairs: list[tuple[str, str]]) -> list[bool | None]:
    return [grade(completion, answer).correct for completion, answer in pairs]


def by_verify(pairs: list[tuple[str, str]]) -> list[bool | None]:
    return [verify({"answer": answer}, completion).correct for completion, answer in pairs]


def by_verify_many(pairs: list[tuple[str, str]]) -> list[bool | None]:
    return [v.correct for v in verify_many({"completion": c, "answer": a} for c, a in pairs)]


def by_grade_many(pairs: list[tuple[str, str]]) -> list[bool | None]:
    return [verdict.correct for verdict in grade_many(pairs, workers=1)]


def by_reward(pairs: list[tuple[str, str]]) -> list[bool | None]:
    rewards = math_reward([c for c, _ in pairs], answer=[a for _, a in pairs], strict=False)
    return [None if reward is None else reward == 1.0 for reward in rewards]


def by_command(pairs: list[tuple[str, str]]) -> list[bool | None]:
    return [row["correct"] for row in run_command([{"completion": c, "answer": a} for c, a in pairs])]


def run_command(rows: list[dict[str, Any]], *options: str) -> list[dict[str, Any]]:
    data = "".join(json.dumps(row) + "\n" for row in rows).encode()
    command = [sys.executable, "-m", "verifiers", *options]
    done = subprocess.run(command, input=data, capture_output=True, check=True, cwd=ROOT)
    return [json.loads(line) for line in done.stdout.splitlines()]


@contextmanager
def busy_machine() -> Iterator[None]:
    """Keep every core busy with two other processes."""
    command = [sys.executable, "-c", "while True: pass"]
    processes = [subprocess.Popen(command) for _ in range(2 * cores())]
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


@pytest.mark.timeout(240)
@pytest.mark.parametrize("judge", [by_grade, by_verify, by_verify_many, by_grade_many, by_reward, by_command])
def test_every_entry_point_says_the_same(judge: Judge, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(many, "_INLINE_SECONDS", 0.01)  # some rows in this process, some in others
    assert judge([(completion, answer) for completion, answer, _ in ROWS]) == [correct for *_, correct in ROWS]


@pytest.mark.timeout(240)
@pytest.mark.parametrize("judge", [by_grade, by_command])
def test_a_busy_machine_changes_no_verdict(judge: Judge) -> None:
    with busy_machine():
        assert judge([(completion, answer) for completion, answer, _ in ROWS]) == [correct for *_, correct in ROWS]


def test_strict_is_the_same_everywhere() -> None:
    pairs = [("so it is 5", "5"), ("\\boxed{5}", "5")]
    rows = [{"completion": completion, "answer": answer} for completion, answer in pairs]
    assert [grade(*pair, strict=True).correct for pair in pairs] == [False, True]
    assert [v.correct for v in verify_many(rows, strict=True)] == [False, True]
    assert [v.correct for v in grade_many(pairs, strict=True)] == [False, True]
    assert math_reward([c for c, _ in pairs], answer=[a for _, a in pairs]) == [0.0, 1.0]
    assert [row["correct"] for row in run_command(rows, "--strict")] == [False, True]


def test_every_entry_point_says_the_same_of_programs() -> None:
    wanted = [correct for _, correct in PROGRAMS]
    cases = [{"kind": "code", "completion": completion, "tests": TESTS} for completion, _ in PROGRAMS]
    assert [grade_code(case["completion"], TESTS).correct for case in cases] == wanted
    assert [verify(case, case["completion"]).correct for case in cases] == wanted
    assert [verdict.correct for verdict in verify_many(cases)] == wanted
    assert code_reward([c["completion"] for c in cases], tests=[TESTS] * len(cases)) == [float(w) for w in wanted]
    assert [row["correct"] for row in run_command(cases)] == wanted
