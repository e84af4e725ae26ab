"""Tests in the forms that benchmark files use."""

import json
from typing import Any

import pytest

from sandbox.testing import AssertTests, CallTests, Case
from verifiers.code import BadTests, code_problem, read_tests
from verifiers.code.forms import StdioCase, StdioTests

TWO_CASES = (StdioCase(input="1\n", output="2"), StdioCase(input="3", output="4"))


@pytest.mark.parametrize(
    ("tests", "body"),
    [
        ("assert f(1) == 2", AssertTests(code="assert f(1) == 2")),
        (["assert f(1) == 2", "assert f(2) == 3"], AssertTests(code="assert f(1) == 2\nassert f(2) == 3")),
        (
            {"style": "assert", "code": "assert g(1)", "entry_point": "g"},
            AssertTests(code="assert g(1)", entry_point="g"),
        ),
        ({"style": "assert", "code": "assert g(1)", "entry_point": None}, AssertTests(code="assert g(1)")),
        (
            {"test_list": ["assert f(a) == 2"], "test_setup_code": "a = 1"},
            AssertTests(code="a = 1\nassert f(a) == 2"),
        ),
        ([{"input": "1\n", "output": "2"}, {"stdin": "3", "stdout": "4"}], StdioTests(cases=TWO_CASES)),
        ({"inputs": ["1\n", "3"], "outputs": ["2", "4"]}, StdioTests(cases=TWO_CASES)),
        ({"input": ["1\n", "3"], "output": ["2", "4"]}, StdioTests(cases=TWO_CASES)),
        ('{"inputs": ["1\\n", "3"], "outputs": ["2", "4"]}', StdioTests(cases=TWO_CASES)),
        (
            {"style": "stdio", "cases": [{"input": ["1", ""], "output": ["2"]}], "checker": "def check(*a): return 1"},
            StdioTests(cases=TWO_CASES[:1], checker="def check(*a): return 1"),
        ),
        (
            {"style": "call", "entry_point": "f", "cases": [{"args": [1, [2]], "expected": {"a": 3}}]},
            CallTests(entry_point="f", cases=(Case(args=(1, [2]), expected={"a": 3}),)),
        ),
        (
            [{"input": '[1, 2]\n"x"', "output": "true", "testtype": "functional"}],
            CallTests(entry_point="", cases=(Case(args=([1, 2], "x"), expected=True),)),
        ),
        (
            {"fn_name": "f", "inputs": [[1, [2]]], "outputs": [3]},
            CallTests(entry_point="f", cases=(Case(args=(1, [2]), expected=3),)),
        ),
        (
            {"style": "call", "entry_point": "f", "cases": [{"input": {"n": 1}, "output": 3}]},
            CallTests(entry_point="f", cases=(Case(kwargs={"n": 1}, expected=3),)),
        ),
        (
            [{"input": "(1, 'a')", "output": "None", "testtype": "functional"}],
            CallTests(entry_point="", cases=(Case(args=((1, "a"),), expected=None),)),
        ),
    ],
)
def test_a_form_is_read(tests: Any, body: Any) -> None:
    assert read_tests(tests).body == body


@pytest.mark.parametrize(
    "tests",
    [
        None,
        3,
        "",
        "  \n",
        [],
        {},
        [1],
        ["assert f(1)", 2],
        {"style": "poem"},
        {"style": "stdio", "cases": []},
        {"style": "stdio", "cases": [{"output": "1"}]},
        {"style": "stdio", "cases": [{"input": 3, "output": "1"}]},
        {"style": "call", "entry_point": "f", "cases": [{"args": 3, "expected": 1}]},
        {"style": "call", "entry_point": "f", "cases": ["f(1) == 2"]},
        {"inputs": ["1"], "outputs": []},
        {"style": "assert", "code": 3},
        {"style": "stdio", "cases": [{"input": "", "output": ""}], "seconds": -1},
        {"style": "stdio", "cases": [{"input": "", "output": ""}], "seconds": True},
    ],
)
def test_other_tests_are_refused(tests: Any) -> None:
    with pytest.raises(BadTests):
        read_tests(tests)


def test_seconds_are_kept() -> None:
    assert read_tests({"style": "stdio", "cases": [{"input": "", "output": ""}], "seconds": 6}).seconds == 6.0


def test_what_a_row_says_beside_its_tests_is_used() -> None:
    row = {
        "tests": ["assert f(x) == math.pi"],
        "test_imports": ["import math"],
        "test_setup": "x = 1",
        "prompt": "Say.",
    }
    given = code_problem(row)
    assert given.tests.body == AssertTests(code="import math\nx = 1\nassert f(x) == math.pi")
    lcb = {
        "tests": json.dumps([{"input": "1", "output": "2", "testtype": "functional"}]),
        "question": "Add one.",
        "starter_code": "class Solution:\n    def g(self, x: int) -> int:\n        ",
        "metadata": {"fn_name": "g"},
    }
    given = code_problem(lcb)
    assert given.entry_point == "g"
    assert "class Solution" in given.prompt


@pytest.mark.parametrize(
    "tests",
    [
        {"inputs": [["1", "2"]], "outputs": [["3"]]},
        {"inputs": [["1", "2"]], "outputs": ["3"]},
        [{"input": ["1", "2"], "output": ["3"]}],
        json.dumps({"input": [["1", "2"]], "output": [["3"]]}),
    ],
)
def test_lists_of_lines_are_stdin_and_stdout_unless_a_function_is_named(tests):
    [case] = read_tests(tests).body.cases
    assert (case.input, case.output) == ("1\n2", "3")
    assert isinstance(read_tests(tests, entry_point="f").body, CallTests)
    assert isinstance(read_tests(tests, prompt="def f(a, b):\n").body, CallTests)
