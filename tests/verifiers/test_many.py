"""Many cases: both kinds, in order, a bounded number ahead, on several processes, whatever dies."""

import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from verifiers import Outcome, many, verify_many
from verifiers.dispatch import Case
from verifiers.math import Policy, grade_many
from verifiers.math.processes import Worker

PROGRAM = {"kind": "code", "completion": "def f(x):\n    return x", "tests": ["assert f(1) == 1"]}


@pytest.fixture
def in_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Judge the first cases in processes too."""
    monkeypatch.setattr(many, "_INLINE_SECONDS", 0.0)


def cases(n: int) -> Iterator[tuple[str, str]]:
    for k in range(n):
        yield f"\\boxed{{{k}}}", str(k if k % 3 else -1)


def test_the_order_is_kept_over_several_processes() -> None:
    verdicts = list(grade_many(cases(2000), workers=2))
    assert [v.extracted for v in verdicts] == [str(k) for k in range(2000)]
    assert [v.correct for v in verdicts] == [bool(k % 3) for k in range(2000)]


def test_both_kinds_are_judged_in_order(in_processes: None) -> None:
    wrong = {**PROGRAM, "completion": "def f(x):\n    return 2"}
    mathematics = [{"completion": c, "answer": a} for c, a in cases(6)]
    rows: list[Any] = [PROGRAM, *mathematics[:3], wrong, {"kind": "poem", "completion": "x"}, *mathematics[3:], PROGRAM]
    found = [v.correct for v in verify_many(rows, isolation="flat", workers=2)]
    assert found == [True, False, True, True, False, None, False, True, True, True]


def test_an_item_without_a_case_keeps_its_place(in_processes: None) -> None:
    def case(n: int) -> Case | None:
        return Case({"answer": "1"}, f"\\boxed{{{n}}}") if n % 2 else None

    pairs = many.verify_each(range(100), case, workers=1)
    assert [(n, v and v.correct) for n, v in pairs] == [(n, n == 1 if n % 2 else None) for n in range(100)]


def test_the_input_is_read_a_bounded_number_ahead() -> None:
    taken = 0

    def counted() -> Iterator[tuple[str, str]]:
        nonlocal taken
        for case in cases(100_000):
            taken += 1
            yield case

    verdicts = grade_many(counted(), workers=2)
    for _ in range(1000):
        next(verdicts)
    assert taken <= 1000 + 2 * many._AHEAD
    verdicts.close()  # type: ignore[attr-defined]


def test_a_reader_that_leaves_waits_for_no_hard_case(in_processes: None) -> None:
    hard = {"completion": r"\boxed{\int_0^1 x^x e^{\sin(x^2)} \ln(x) dx}", "answer": "2"}
    verdicts = verify_many([{"completion": "\\boxed{1}", "answer": "1"}, *[hard] * 200], timeout=20)
    assert next(verdicts).correct
    started = time.monotonic()
    verdicts.close()  # type: ignore[attr-defined]
    assert time.monotonic() - started < 10


def test_a_fault_of_the_input_reaches_the_reader() -> None:
    def broken() -> Iterator[tuple[str, str]]:
        yield "5", "5"
        raise LookupError("the file is gone")

    with pytest.raises(LookupError):
        list(grade_many(broken()))


def test_options_reach_the_processes(in_processes: None) -> None:
    lenient = Policy(name="lenient", relative_tolerance=0.5)
    verdicts = list(grade_many([("the number 4", "5"), ("\\boxed{4}", "5")], strict=True, policy=lenient, workers=1))
    assert [str(v.outcome) for v in verdicts] == ["no_answer", "correct"]
    assert verdicts[1].verifier.endswith("lenient(relative_tolerance=0.5)")


def test_lone_surrogates_pass(in_processes: None) -> None:
    assert [str(v.outcome) for v in grade_many([("\\boxed{\ud800}", "5")], workers=1)] == ["incorrect"]


def test_a_process_that_dies_costs_one_retry(in_processes: None, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[Worker] = []
    real = Worker.__init__

    def start(self: Worker, *arguments: Any) -> None:
        real(self, *arguments)
        if not started:
            os.kill(self.process.pid, signal.SIGKILL)
        started.append(self)

    monkeypatch.setattr(Worker, "__init__", start)
    assert all(v.outcome is not Outcome.ERROR for v in grade_many(cases(200), workers=1))
    assert len(started) == 2


def test_a_process_that_always_dies_is_an_error_of_each_case(
    in_processes: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    verdicts = list(grade_many(cases(3), workers=1))
    assert [v.reason.partition(":")[0] for v in verdicts] == ["verifier_died"] * 3


HANGS = """
MEMORY_BYTES = None
def load():
    return "1"
def answer(case, options):
    while case[0] == "hang":
        pass
    return {"outcome": "correct"}
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no timers of processor time")
def test_a_case_that_hangs_costs_itself_alone(
    in_processes: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "hangs.py").write_text(HANGS)
    monkeypatch.setattr("verifiers.math.processes.GRADING", tmp_path / "hangs.py")
    monkeypatch.setattr(many, "_SECONDS", 0.0)
    verdicts = list(grade_many([("", ""), ("hang", ""), ("", ""), ("", "")], timeout=0.3, workers=1))
    assert [str(v.outcome) for v in verdicts] == ["correct", "undecided", "correct", "correct"]
    assert verdicts[1].reason == "out_of_time"
