# ruff: noqa: E501 - a program is a row of a table here
"""Benchmark files as they are: right programs pass, wrong ones do not. A seeded slice; the whole is
`benchmarks/code_verdicts.py`. Reads the files that lie beside the repository, in `../shared/data`.
"""

import gzip
import json
import random
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from sandbox import Limits
from verifiers import Outcome, Verdict, verify
from verifiers.code import code_problem, judge_code, read_tests
from verifiers.code.mutants import mutants

DATA = Path(__file__).parents[4] / "shared" / "data"
LABELS = Path(__file__).parent / "labels.md"
Row = dict[str, Any]


@cache
def rows(name: str) -> list[Row]:
    file = DATA / f"{name}.jsonl.gz"
    if not file.exists():
        pytest.skip(f"no data at {file}")
    with gzip.open(file, "rt") as lines:
        return [{"kind": "code", **json.loads(line)} for line in lines]


def some(name: str, count: int, seed: int = 7) -> list[Row]:
    found = rows(name)
    return random.Random(seed).sample(found, min(count, len(found)))


def judged(row: Row, completion: str) -> Verdict:
    """Judge with time enough for a machine that is busy."""
    given = code_problem(row)
    return judge_code(completion, given.tests, prompt=given.prompt, limits=Limits(wall_seconds=30.0)).verdict


@pytest.mark.parametrize(
    ("name", "count"), [("humaneval", 40), ("mbpp_full", 40), ("mbpp_sanitized", 10), ("mbppplus", 6)]
)
def test_canonical_solutions_pass(name: str, count: int) -> None:
    for row in some(f"benchmarks/{name}", count):
        verdict = judged(row, row["canonical_solution"])
        assert verdict.outcome is Outcome.CORRECT, (row["id"], verdict)


@pytest.mark.parametrize("number", [32, 38, 50])
def test_the_prompt_s_helper_is_not_the_candidate_s(number: int) -> None:
    """The tests of these three call a function that the prompt spells out; one that lies must not help."""
    row = rows("benchmarks/humaneval")[number]
    assert verify(row, row["canonical_solution"]).outcome is Outcome.CORRECT
    entry = row["entry_point"]
    liar = "def poly(xs, x): return 0\ndef encode_cyclic(s): return s\ndef encode_shift(s): return s\n"
    assert verify(row, f"{liar}def {entry}(x):\n    return x").outcome is Outcome.INCORRECT


def test_changed_solutions_fail_but_for_those_that_the_tests_cannot_tell() -> None:
    killed = tried = 0
    for row in some("benchmarks/humaneval", 12):
        head = row["prompt"]
        for mutant in mutants(head + row["canonical_solution"], first_line=head.count("\n") + 1, most=2, seed=1):
            tried += 1
            killed += verify(row, mutant.source).outcome in (Outcome.INCORRECT, Outcome.TIMEOUT)
    assert killed >= 0.8 * tried > 10


SOLUTIONS = {
    ("benchmarks/livecodebench_public400", "lcb/1873_A"): (
        "for _ in range(int(input())):\n"
        "    s = input()\n"
        "    print('YES' if sum(a != b for a, b in zip(s, 'abc')) <= 2 else 'NO')"
    ),
    ("benchmarks/livecodebench_public400", "lcb/1899_A"): (
        "for _ in range(int(input())):\n    print('First' if int(input()) % 3 else 'Second')"
    ),
    ("benchmarks/livecodebench_public400", "lcb/2727"): (
        "class Solution:\n"
        "    def countSeniors(self, details: List[str]) -> int:\n"
        "        return sum(int(d[11:13]) > 60 for d in details)"
    ),
    ("benchmarks/livecodebench_public400", "lcb/2777"): (
        "class Solution:\n"
        "    def distinctDifferenceArray(self, nums: List[int]) -> List[int]:\n"
        "        return [len(set(nums[:i + 1])) - len(set(nums[i + 1:])) for i in range(len(nums))]"
    ),
    ("benchmarks/livecodebench_public400", "lcb/2819"): (
        "class Solution:\n    def removeTrailingZeros(self, num: str) -> str:\n        return num.rstrip('0')"
    ),
    ("benchmarks/codecontests_stdin", "codecontests/1619_B. Squares and Cubes"): (
        "for _ in range(int(input())):\n"
        "    n = int(input())\n"
        "    print(len({i * i for i in range(1, 31700) if i * i <= n} | {i ** 3 for i in range(1, 1001) if i ** 3 <= n}))"
    ),
    ("benchmarks/codecontests_stdin", "codecontests/1619_A. Square String?"): (
        "import sys\n"
        "t, *words = sys.stdin.read().split()\n"
        "print(*('YES' if w[:len(w) // 2] == w[len(w) // 2:] else 'NO' for w in words), sep='\\n')"
    ),
    ("benchmarks/leetcode180", "ListNode"): (
        "class Solution:\n"
        "    def doubleIt(self, head: Optional[ListNode]) -> Optional[ListNode]:\n"
        "        digits = ''\n"
        "        while head:\n"
        "            digits, head = digits + str(head.val), head.next\n"
        "        for digit in reversed(str(2 * int(digits))):\n"
        "            head = ListNode(int(digit), head)\n"
        "        return head"
    ),
    ("benchmarks/leetcode180", "minimumPushes"): (
        "class Solution:\n"
        "    def minimumPushes(self, word: str) -> int:\n"
        "        return sum(i // 8 + 1 for i in range(len(word)))"
    ),
}


@pytest.mark.parametrize(("name", "key"), SOLUTIONS)
def test_programs_written_for_a_row_pass_and_others_do_not(name: str, key: str) -> None:
    row = next(
        row for row in rows(name) if row["id"] == key or (not key.startswith(("lcb", "code")) and key in row["tests"])
    )
    program = SOLUTIONS[name, key]
    assert verify(row, f"```python\n{program}\n```").outcome is Outcome.CORRECT
    wrong = program.replace("return ", "return None and ").replace("print(", "print(0, ")
    assert verify(row, f"```python\n{wrong}\n```").outcome is Outcome.INCORRECT


@pytest.mark.parametrize(
    "name", ["livecodebench_public400", "leetcode180", "codecontests_stdin", "mbppplus", "humanevalplus"]
)
def test_every_row_s_tests_are_understood(name: str) -> None:
    for row in rows(f"benchmarks/{name}"):
        given = code_problem(row)
        functional = row.get("fn_name")
        assert type(given.tests.body).__name__ == (
            "AssertTests" if isinstance(row["tests"], str) else "CallTests" if functional else "StdioTests"
        )
        assert given.entry_point == (row.get("entry_point") or functional or None)
    assert read_tests(rows("benchmarks/mbppplus")[0]["test_list"])


def test_labels_of_real_programs_are_met_but_for_those_explained() -> None:
    explained = LABELS.read_text() if LABELS.exists() else ""
    different = []
    for row in some("traces/code_llmdebugger", 150):
        verdict = judged(row, row["completion"])
        name = f"{row['problem_id']} {row['model']}"
        if (verdict.outcome is Outcome.CORRECT) is not row["is_correct"] and name not in explained:
            different.append((name, row["is_correct"], verdict.outcome, verdict.reason))
    assert not different
