# ruff: noqa: E501 - a completion is a row of a table here
"""From completion and tests to a verdict, through the sandbox: every style, every outcome."""

import gzip
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from sandbox import Limits
from sandbox.testing import BUSY
from verifiers import Outcome, verify
from verifiers.code import grade_code
from verifiers.code.strength import main, strength
from verifiers.rewards import code_reward

ROOT = Path(__file__).parents[3]
DOUBLE = "```python\nprint(2 * int(input()))\n```"
TWICE = [{"input": "4\n", "output": "8\n"}, {"input": "-1", "output": "-2"}]


@pytest.mark.parametrize(
    ("completion", "tests", "outcome"),
    [
        ("def f(x):\n    return x + 1", ["assert f(1) == 2"], "correct"),
        ("def f(x):\n    return x", ["assert f(1) == 2"], "incorrect"),
        ("Use this:\n\ndef f(x):\n    return x + 1\n\nIt adds one.", ["assert f(1) == 2"], "correct"),
        ("```python\ndef f(x:\n```", ["assert f(1) == 2"], "incorrect"),
        ("I do not know.", ["assert f(1) == 2"], "no_answer"),
        ("", ["assert f(1) == 2"], "no_answer"),
        ("def f(x):\n    return x", ["assert f(1) =="], "error"),
        ("def f(x):\n    return x", None, "error"),
        ("class P:\n    def __eq__(s, o): return 1", ["assert P() == P()"], "undecided"),
        (DOUBLE, TWICE, "correct"),
        ("print(int(input()) + 4)", TWICE, "incorrect"),
        ("print(2 * int(input()), end='')\nprint(' ')", TWICE, "correct"),
        ("x = int(input())\nprint(2 * x)\nprint(2 * x)", TWICE, "incorrect"),
        ("print(2 * int(input()))\nraise SystemExit(1)", TWICE, "incorrect"),
        ("print(2 * int(input()))\nexit()", TWICE, "correct"),
        ("print(2 * int(input()))\n1 / 0", TWICE, "incorrect"),
        ("while True: print('8' * 9999)", TWICE, "incorrect"),
        ("import sys\nprint(2 * int(sys.stdin.buffer.read()))", TWICE, "correct"),
        ("print(floor(sqrt(16)))", [{"input": "", "output": "4"}], "correct"),
        ("class Solution:\n    def f(self, a, b): return [a, b]", [{"input": "1\n[2]", "output": "[1, [2]]", "testtype": "functional"}], "correct"),
        ("class Solution:\n    def f(self, a): return a", {"style": "assert", "code": "def check(candidate):\n    assert candidate(a=1) == 1", "entry_point": "Solution().f"}, "correct"),
        ("class Solution:\n    def f(self, a): return a", {"style": "call", "entry_point": "Solution.f", "cases": [{"args": [1], "expected": 1}]}, "correct"),
        ("def f(a, b): return (a, b)", {"style": "call", "entry_point": "f", "cases": [{"args": [1, 2], "expected": [1, 2]}]}, "correct"),
        ("def f(a): return a", {"style": "call", "entry_point": "f", "cases": [{"args": [0.1], "expected": 0.1000000001}]}, "correct"),
        ("def f(a): return a", {"style": "call", "entry_point": "g", "cases": [{"args": [1], "expected": 1}]}, "incorrect"),
    ],
)  # fmt: skip
def test_outcomes(completion: str, tests: Any, outcome: str) -> None:
    verdict = grade_code(completion, tests)
    assert verdict.outcome == outcome, verdict


@pytest.mark.parametrize(
    "completion",
    ["    return 3.0 * r", "return 3.0 * r", "def area(r):\n    return floor(3 * r)", "    return helper(r)"],
)
def test_the_prompt_helps_a_completion(completion: str) -> None:
    prompt = "from math import floor\ndef helper(r):\n    return 3 * r\n\ndef area(r):\n    '''Roughly.'''\n"
    tests = {
        "style": "assert",
        "code": "def check(candidate):\n    assert candidate(2) == helper(2)",
        "entry_point": "area",
    }
    assert grade_code(completion, tests, prompt=prompt).outcome is Outcome.CORRECT


def test_a_program_that_takes_too_long_is_a_timeout() -> None:
    tests: list[tuple[str, Any]] = [("while True: pass", TWICE), ("def f():\n    while True: pass", ["assert f()"])]
    for program, form in tests:
        verdict = grade_code(program, form, limits=Limits(wall_seconds=0.5))
        assert verdict.outcome is Outcome.TIMEOUT or verdict.reason == f"unjudgeable: {BUSY}"


def test_a_checker_decides_where_many_outputs_are_right() -> None:
    checker = "def check(input, expected, output):\n    a, b = map(int, output.split())\n    return a + b == int(input)"
    tests = {"style": "stdio", "cases": [{"input": "7", "output": "3 4"}], "checker": checker}
    assert grade_code("print(1, int(input()) - 1)", tests).outcome is Outcome.CORRECT
    assert grade_code("print(1, 1)", tests).outcome is Outcome.INCORRECT
    broken = {**tests, "checker": "def check(input, expected, output):\n    return 1 / 0"}
    assert grade_code("print(1, 1)", broken).reason.startswith("bad_gold: the checker failed")
    assert grade_code("print('abc')", tests).outcome is Outcome.INCORRECT  # the output breaks the checker


def test_a_verdict_says_what_failed() -> None:
    verdict = grade_code("print(3)", TWICE)
    assert verdict.expected == "8"
    assert "expected 8; got 3" in verdict.reason
    assert verdict.steps is not None
    assert verdict.steps[0]["test"].startswith("stdin '4\\n'")
    assert (verdict.method, verdict.extracted) == ("whole:stdio", "print(3)")


def test_a_row_of_a_benchmark_is_a_problem() -> None:
    row = {
        "kind": "code",
        "question": "Root.",
        "tests": "assert r.left.v == f(r)",
        "test_setup": "r = T(1)\nr.left = T(2)",
    }
    program = "class T:\n    def __init__(self, v): self.v, self.left = v, None\ndef f(r): return r.left.v"
    assert verify(row, program).outcome is Outcome.CORRECT


def command(data: bytes, *options: str) -> list[dict[str, Any]]:
    done = subprocess.run(
        [sys.executable, "-m", "verifiers", *options], input=data, capture_output=True, check=True, cwd=ROOT
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_the_command_says_under_which_isolation_and_takes_gzip() -> None:
    case = {"kind": "code", "completion": "def f(x):\n    return x", "tests": ["assert f(1) == 1"], "n": 1}
    line = json.dumps(case).encode() + b"\n"
    for data in (line, gzip.compress(line)):
        (row,) = command(data, "--isolation", "flat")
        assert (row["outcome"], row["correct"], row["isolation"], row["n"]) == ("correct", True, "flat", 1)


def test_rewards_leave_out_what_cannot_be_judged() -> None:
    good = [{"role": "assistant", "content": "```python\ndef f(x):\n    return x\n```"}]
    wrong, unknown = "def f(x): return 0", "class F:\n    def __init__(s, x): pass\n    def __eq__(s, o): return True"
    rewards = code_reward(
        prompts=["Return it."] * 4,
        completions=[good, wrong, unknown, ""],
        completion_ids=[[1]] * 4,
        tests=[["assert f(1) == 1"], ["assert f(1) == 1"], ["assert F(1) == 1"], ["assert f(1) == 1"]],
    )
    assert rewards == [1.0, 0.0, None, 0.0]
    with pytest.raises(TypeError, match="tests"):
        code_reward(completions=["x"], answer=["1"])


def test_weak_tests_are_told_from_strong_ones() -> None:
    solution = "def f(x):\n    return x * x"
    weak = strength({"tests": ["assert f(2) == 4"]}, solution)
    assert [survivor["change"] for survivor in weak.survivors] == ["x * x -> x + x"]
    strong = strength({"tests": ["assert f(3) == 9", "assert f(0) == 0"]}, solution)
    assert (strong.survivors, strong.cheats_alive, strong.killed) == ((), (), strong.mutants)
    vacuous = strength({"tests": ["assert f(3) or True"]}, solution)
    assert "no-op" in vacuous.cheats_alive
    assert "hard exit" not in vacuous.cheats_alive


def test_cheating_scripts_do_not_live() -> None:
    report = strength({"tests": [{"input": "3", "output": "1\n2\n3\n"}]}, "for i in range(int(input())): print(i + 1)")
    assert report.cheats_alive == ()


@pytest.mark.parametrize(
    ("row", "outcome"),
    [
        ({"tests": ["assert f(1) == 1"], "solution": "def f(x): return 2"}, "incorrect"),
        ({"tests": ["assert f(1) == 1"]}, "no_answer"),
        ({"tests": [], "solution": "def f(x): return 1"}, "error"),
    ],
)
def test_strength_needs_a_right_solution(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], row: Any, outcome: str
) -> None:
    file = tmp_path / "problems.jsonl"
    file.write_text(json.dumps({"id": "p", **row}) + "\n")
    assert main([str(file)]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert (answer["id"], answer["solution"], answer["mutants"]) == ("p", outcome, 0)


@pytest.mark.parametrize(
    ("text", "words"), [(None, "No such file"), ("nonsense\n", ":1: not JSON"), ("\n[1]\n", ":2: not a JSON object")]
)
def test_a_file_that_holds_no_problems_is_one_line(tmp_path, capsys, text, words):
    file = tmp_path / "problems.jsonl"
    if text is not None:
        file.write_text(text)
    assert main([str(file)]) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"strength: {file}") and words in said and said.count("\n") == 1
