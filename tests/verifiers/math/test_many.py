"""Many cases: in order, a bounded number ahead, on several processes, whatever dies."""

import os
import signal
import subprocess
from collections.abc import Iterator

import pytest

from verifiers import Outcome
from verifiers.math import Policy, grade_many, many


def cases(n: int) -> Iterator[tuple[str, str]]:
    for k in range(n):
        yield f"\\boxed{{{k}}}", str(k if k % 3 else -1)


def test_the_order_is_kept_over_several_processes() -> None:
    verdicts = list(grade_many(cases(2000), workers=2))
    assert [v.extracted for v in verdicts] == [str(k) for k in range(2000)]
    assert [v.correct for v in verdicts] == [bool(k % 3) for k in range(2000)]


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
    assert taken < 1000 + 10 * many._CHUNK
    verdicts.close()  # type: ignore[attr-defined]


def test_a_fault_of_the_input_reaches_the_reader() -> None:
    def broken() -> Iterator[tuple[str, str]]:
        yield "5", "5"
        raise LookupError("the file is gone")

    with pytest.raises(LookupError):
        list(grade_many(broken()))


def test_options_reach_the_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(many, "_FIRST", 0)
    lenient = Policy(name="lenient", relative_tolerance=0.5)
    verdicts = list(grade_many([("the number 4", "5"), ("\\boxed{4}", "5")], strict=True, policy=lenient, workers=1))
    assert [str(v.outcome) for v in verdicts] == ["no_answer", "correct"]
    assert verdicts[1].verifier.endswith("lenient(relative_tolerance=0.5)")


def test_lone_surrogates_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(many, "_FIRST", 0)
    assert [str(v.outcome) for v in grade_many([("\\boxed{\ud800}", "5")], workers=1)] == ["incorrect"]


def test_a_process_that_dies_costs_one_retry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(many, "_FIRST", 0)
    started: list[subprocess.Popen[bytes]] = []
    real = many._Graders._start

    def start(self: many._Graders) -> subprocess.Popen[bytes]:
        process = real(self)
        if not started:
            os.kill(process.pid, signal.SIGKILL)
        started.append(process)
        return process

    monkeypatch.setattr(many._Graders, "_start", start)
    assert all(v.outcome is not Outcome.ERROR for v in grade_many(cases(200), workers=1))
    assert len(started) == 2


def test_a_process_that_always_dies_is_an_error_of_each_case(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(many, "_FIRST", 0)
    monkeypatch.setattr(many, "_PROGRAM", "raise SystemExit(1)")
    verdicts = list(grade_many(cases(3), workers=1))
    assert [v.reason.partition(":")[0] for v in verdicts] == ["verifier_died"] * 3
