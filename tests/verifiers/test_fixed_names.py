"""The names of `verifiers` that other programs rely on, each used as documented and by that name alone."""

import json
import subprocess
import sys
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from verifiers import Outcome, Verdict, verify, verify_many
from verifiers.code import grade_code
from verifiers.math import grade, grade_many
from verifiers.rewards import code_reward, math_reward

MATH = {"kind": "math", "completion": "The answer is 5.", "answer": "5", "id": 7}
CODE = {
    "kind": "code",
    "completion": "def f(x):\n    return x + 1",
    "tests": {"style": "assert", "code": "assert f(1) == 2", "entry_point": "f"},
    "prompt": "Write f.",
}
STDIO = {"style": "stdio", "cases": [{"input": "2\n", "output": "4\n"}], "seconds": 5}
CALL = {"style": "call", "entry_point": "f", "cases": [{"args": [1], "expected": 2}]}


def test_verify() -> None:
    verdict = verify(MATH, MATH["completion"])  # type: ignore[arg-type]
    assert isinstance(verdict, Verdict)
    assert verdict.outcome is Outcome.CORRECT
    fields = ("outcome", "extracted", "expected", "method", "reason", "verifier", "seconds", "steps")
    assert [hasattr(verdict, name) for name in fields] == [True] * 8
    assert {str(outcome) for outcome in Outcome} == {
        "correct", "incorrect", "no_answer", "timeout", "undecided", "error",
    }  # fmt: skip


def test_verify_many() -> None:
    verdicts = verify_many([MATH, CODE], strict=False, timeout=2.0, policy=None, isolation="auto", workers=1)
    assert [verdict.correct for verdict in verdicts] == [True, True]


def test_grade() -> None:
    assert grade("The answer is 5.", "5", strict=True, timeout=2.0).correct
    assert [verdict.correct for verdict in grade_many([("\\boxed{5}", "5"), ("\\boxed{6}", "5")])] == [True, False]


@pytest.mark.parametrize("number", [3, -7, 2.5, 10**400, Fraction(1, 2), np.int64(4), np.float64(0.5)])
def test_grade_takes_a_number_as_its_text(number: Any) -> None:
    assert grade(str(number), number).correct
    assert grade(f"\\boxed{{{number}}}", number).outcome is verify({"answer": number}, f"\\boxed{{{number}}}").outcome


@pytest.mark.parametrize(("completion", "answer", "reason"), [
    ("3", None, "bad_gold"), ("3", [3], "bad_gold"), ("3", True, "bad_gold"), (3, "3", "bad_input"),
    (None, 3, "bad_input"),
])  # fmt: skip
def test_grade_says_what_is_no_text(completion: Any, answer: Any, reason: str) -> None:
    verdict = grade(completion, answer)
    assert (verdict.outcome, verdict.reason.partition(":")[0]) == (Outcome.ERROR, reason)


def test_grade_code() -> None:
    assert grade_code(str(CODE["completion"]), CODE["tests"], prompt="Write f.", limits=None).correct
    assert grade_code("print(int(input()) * 2)", STDIO).correct
    assert grade_code(str(CODE["completion"]), CALL).correct


def test_rewards() -> None:
    assert math_reward(completions=["\\boxed{5}", "5?", "\\boxed{5}"], answer=["5", "5", ""]) == [1.0, 0.0, None]
    assert code_reward(completions=[CODE["completion"]], tests=[CODE["tests"]]) == [1.0]


def test_the_command() -> None:
    lines = [json.dumps(MATH), "no JSON", json.dumps(CODE)]
    command = [sys.executable, "-m", "verifiers", "--isolation", "auto", "--strict"]
    done = subprocess.run(command, input="\n".join(lines), capture_output=True, text=True, check=True)
    first, second, third = (json.loads(line) for line in done.stdout.splitlines())
    assert first.items() >= MATH.items()
    assert (first["outcome"], first["correct"], first["extracted"]) == ("correct", True, "5")
    assert {"method", "reason", "seconds"} <= first.keys()
    assert (second["outcome"], second["correct"]) == ("error", None)
    assert (third["correct"], "isolation" in third) == (True, True)
