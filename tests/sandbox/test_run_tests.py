# ruff: noqa: E501 - a program is a row of a table here
"""Tests against programs that they cannot see: every form of test, every kind of value that programs return."""

from collections.abc import Iterator

import pytest

from sandbox import Limits, Pool
from sandbox.testing import (
    BUSY,
    AssertTests,
    CallTests,
    Case,
    Program,
    Reading,
    TestOutcome,
    TestRun,
    run_script,
    run_tests,
)


@pytest.fixture(scope="module")
def pool() -> Iterator[Pool]:
    with Pool(prewarm=()) as pool:
        yield pool


def program(source: str, **fields: str) -> Program:
    return Program(readings=(Reading(source=source, **fields),))


def judged(pool: Pool, source: str, code: str, entry_point: str | None = None, prompt: str = "") -> TestRun:
    return run_tests(program(source), AssertTests(code=code, entry_point=entry_point, prompt=prompt), pool=pool)


POINT = """
class Point:
    count = 0
    def __init__(self, x, y=0):
        self.x, self.y = x, y
        Point.count += 1
    def __eq__(self, other): return (self.x, self.y) == (other.x, other.y)
    def __add__(self, other): return Point(self.x + other.x, self.y + other.y)
    def __len__(self): return 2
    def __getitem__(self, i): return (self.x, self.y)[i]
    def __str__(self): return f"({self.x}, {self.y})"
    def moved(self, dx): return Point(self.x + dx, self.y)
    @classmethod
    def origin(cls): return cls(0)
class Node:
    def __init__(self, value, next=None): self.value, self.next = value, next
def length(node):
    return 0 if node is None else 1 + length(node.next)
def last(node):
    return node if node.next is None else last(node.next)
"""
PASSING = [
    pytest.param("def f(x): return x + 1", "def check(candidate):\n    assert candidate(1) == 2", id="check"),
    pytest.param("def f(x): return x + 1", "def check(candidate):\n    assert candidate(1) == 2\ncheck(f)", id="called"),
    pytest.param("def f(x): return x + 1", "assert f(1) == 2\nassert f(f(1)) == 3", id="bare asserts"),
    pytest.param("def f(x): return x + 1", "def test_f():\n    assert f(1) == 2", id="test functions"),
    pytest.param(
        "def f(x): return x + 1",
        "import unittest\nclass T(unittest.TestCase):\n    def setUp(self): self.x = 1\n"
        "    def test_f(self): self.assertEqual(f(self.x), 2)",
        id="unittest",
    ),
    pytest.param("def f(x): return x + 1\nclass P:\n    y = 3", "import unittest\nclass T(unittest.TestCase):\n    call = staticmethod(f)\n    y = P.y\n    def test_f(self): self.assertEqual(self.call(1) + self.y, 5)", id="names in a class body"),
    pytest.param("def f(x): return x + 1", "if __name__ == '__main__':\n    assert f(1) == 2", id="tests as a script"),
    pytest.param("def f(x): return x + 1", "from solution import f as g\nimport solution\nassert g(1) == solution.f(1) == 2", id="tests that import"),
    pytest.param("def f(x): return x", "import copy\nassert copy.deepcopy(f)(1) == 1", id="a copied function"),
    pytest.param(POINT, "import copy\np = Point(1)\nq = copy.deepcopy(p)\nq.x = 5\nassert p.x == 1 and q.x == 5 and vars(p) == {'x': 1, 'y': 0}", id="copies"),
    pytest.param("class A: pass\nclass B(A): pass", "assert issubclass(B, A) and not issubclass(A, B) and A.__name__ == 'A'", id="subclasses"),
    pytest.param("def sum(a, b): return a - b", "assert sum(3, 1) == 2", id="named as a builtin"),
    pytest.param("def sum(a, b): return a - b", "assert abs(sum(3, 1) - 2) < 1e-9", id="builtin inside a builtin"),
    pytest.param("def f(xs): xs.sort()", "xs = [[2], [1]]\nf(xs)\nassert xs == [[1], [2]]", id="in place"),
    pytest.param(
        "def f(d, s): d['a'].append(1); d['b'] = 2; s.discard(1)",
        "d = {'a': []}\na = d['a']\ns = {1, 2}\nf(d, s=s)\nassert d == {'a': [1], 'b': 2} and a == [1] and s == {2}",
        id="nested in place",
    ),
    pytest.param(
        "def f(nums):\n    k = len(set(nums)); nums[:] = sorted(set(nums)); return None",
        "nums = [1, 1, 2]\nassert f(nums) is None\nassert nums[:2] == [1, 2]",
        id="LeetCode in place",
    ),
    pytest.param("def f(x): return x", "x = [1]\nassert f(x) is x", id="returns its argument"),
    pytest.param("def f(x): raise ValueError('no', x)", "try:\n    f(1)\nexcept ValueError as e:\n    assert e.args == ('no', 1)\nelse:\n    assert False", id="raises"),
    pytest.param(
        "class Full(ValueError):\n    def __init__(self, n): super().__init__(f'{n} is too many'); self.n = n\n"
        "def f(n): raise Full(n)",
        "try:\n    f(3)\nexcept Full as e:\n    assert isinstance(e, ValueError) and e.n == 3 and str(e) == '3 is too many'\n"
        "else:\n    raise AssertionError",
        id="raises its own",
    ),
    pytest.param("def f(k, xs): return sorted(xs, key=k)", "assert f(lambda x: -x, [1, 3, 2]) == [3, 2, 1]", id="key"),
    pytest.param(
        "def f(g, x):\n    try: return g(x)\n    except KeyError as e: return 'missing ' + str(e.args[0])",
        "def g(x): return {1: 2}[x]\nassert f(g, 1) == 2 and f(g, 5) == 'missing 5'",
        id="callback that raises",
    ),
    pytest.param("def f(n): return lambda x: x + n", "add = f(2)\nassert add(3) == 5 and f(1)(1) == 2", id="closure"),
    pytest.param(
        "def f(g, n): return g(g, n)\ndef h(g, n): return 1 if n == 0 else n * g(g, n - 1)",
        "assert f(h, 5) == 120\nassert f(lambda g, n: 1 if n < 1 else n * f(g, n - 1), 5) == 120",
        id="calls back and forth",
    ),
    pytest.param(
        "def f():\n    a, b = 0, 1\n    while True:\n        yield a\n        a, b = b, a + b",
        "from itertools import islice\nimport types\nassert list(islice(f(), 8)) == [0, 1, 1, 2, 3, 5, 8, 13]\n"
        "assert isinstance(f(), types.GeneratorType) and next(f()) == 0",
        id="endless generator",
    ),
    pytest.param("def f(x): return map(abs, x)", "assert list(f([-1, 2])) == [1, 2]", id="map"),
    pytest.param("def f(x): return iter(x)", "assert sum(f(list(range(1000)))) == 499500", id="long iterator"),
    pytest.param("def f(xs): return sum(xs)", "assert f(x for x in [1, 2]) == 3", id="a generator as argument"),
    pytest.param("async def f(x): return x + 1", "import asyncio\nassert asyncio.run(f(1)) == 2", id="coroutine"),
    pytest.param("def f(d): return d.keys(), d.items()", "assert f({1: 2}) == ({1: 2}.keys(), {1: 2}.items())", id="views"),
    pytest.param("from collections import Counter\ndef f(x): return Counter(x)", "assert f('aab') == {'a': 2, 'b': 1}", id="Counter"),
    pytest.param("from collections import defaultdict\ndef f():\n    d = defaultdict(list); d[1].append(2); return d", "assert f() == {1: [2]}", id="defaultdict"),
    pytest.param("from fractions import Fraction\ndef f(x): return Fraction(x, 3)", "assert f(1) * 3 == 1", id="Fraction"),
    pytest.param("from decimal import Decimal\ndef f(): return Decimal('0.1')", "assert f() * 10 == 1", id="Decimal"),
    pytest.param("import datetime\ndef f(): return datetime.date(2024, 2, 29)", "assert f().month == 2", id="date"),
    pytest.param("from collections import namedtuple\nP = namedtuple('P', 'x y')\ndef f(): return P(1, 2)", "assert f() == (1, 2) and f().y == 2", id="named tuple"),
    pytest.param("import enum\nclass C(enum.Enum):\n    RED = 1\ndef f(): return C.RED", "assert f() is C.RED and f().value == 1 and C(1) == f()", id="enum"),
    pytest.param("import re\ndef f(s): return re.match('a+', s)", "assert f('aab').group() == 'aa'\nassert f('b') is None\nassert f('a')", id="match object"),
    pytest.param("def f(): return int, 10**5000, float('inf'), ..., None", "assert f()[0] is int and f()[1] == 10**5000 and f()[3] is ...", id="odd values"),
    pytest.param(POINT, "n = Node(1, Node(2))\nassert length(n) == 2 and n.next.value == 2\nn.next = None\nassert length(n) == 1", id="objects of its class"),
    pytest.param(POINT, "n = Node(1)\nassert last(Node(0, n)) is n and isinstance(n, Node) and not isinstance(3, Node)", id="identity"),
    pytest.param(POINT, "p = Point(1, y=2)\nassert (p + p).x == 2 and len(p) == 2 and p[1] == 2 and str(p) == '(1, 2)'", id="special methods"),
    pytest.param(POINT, "assert Point.origin().moved(3).x == 3 and Point.count >= 2\np = Point(0)\np.x = 5\nassert p.moved(1).x == 6", id="class attributes"),
    pytest.param("class Stack(list):\n    def push(self, x): self.append(x)", "s = Stack()\ns.push(1)\ns.push(2)\nassert s.pop() == 2 and len(s) == 1", id="a list subclass"),
    pytest.param("class C:\n    def __enter__(self): return self\n    def __exit__(self, *a): return True\n    x = 3", "with C() as c:\n    assert c.x == 3", id="context manager"),
    pytest.param("class C:\n    def __init__(self): self.n = 0\n    def __iter__(self): return self\n    def __next__(self):\n        self.n += 1\n        if self.n > 3: raise StopIteration\n        return self.n", "assert list(C()) == [1, 2, 3]", id="an iterator class"),
    pytest.param("def f(o): o.total = o.a + o.b(1); return o", "class O:\n    a = 1\n    def b(self, x): return x + 1\no = O()\nassert f(o) is o and o.total == 3", id="objects of the tests"),
    pytest.param("def f(): print('hi', 3)", "import io, contextlib\nout = io.StringIO()\nwith contextlib.redirect_stdout(out):\n    f()\nassert out.getvalue() == 'hi 3\\n'", id="printed"),
    pytest.param("LIMIT = 3\ndef f(): return LIMIT", "assert f() == LIMIT == 3", id="constants"),
    pytest.param("def f(x: List[int]) -> Optional[int]:\n    return gcd(*x) + math.floor(pow(2, 2))", "assert f([4, 6]) == 6", id="usual names"),
    pytest.param("def f(node): return node.val + node.next.val", "assert f(ListNode(1, ListNode(2))) == 3", id="LeetCode's nodes"),
    pytest.param("n = 0\ndef f():\n    global n\n    n += 1\n    return n", "assert f() == 1\nassert f() == 2", id="state of its own"),
    pytest.param("def f(x): return x + 1\nif __name__ == '__main__':\n    input()", "assert f(1) == 2", id="a main part"),
    pytest.param("from dataclasses import dataclass\n@dataclass\nclass P:\n    x: int\ndef f(): return P(1)", "assert f().x == 1", id="dataclass"),
]  # fmt: skip


@pytest.mark.parametrize(("source", "code"), PASSING)
def test_a_right_program_passes(pool: Pool, source: str, code: str) -> None:
    run = judged(pool, source, code, entry_point="f" if "candidate" in code else None)
    assert (run.outcome, run.failures) == (TestOutcome.PASSED, ()), run


@pytest.mark.parametrize(
    ("source", "code", "outcome"),
    [
        ("def f(x): return x", "assert f(1) == 2", "failed"),
        ("def f(x): return x", "assert g(1) == 1", "failed"),
        ("def f(x): return", "assert len(f(1)) == 1", "failed"),
        ("f = 3", "assert f(1) == 1", "failed"),
        ("def f(x):\n    return x +", "assert f(1) == 1", "failed"),
        ("import nowhere\ndef f(x): return x", "assert f(1) == 1", "failed"),
        ("def f(x): raise SystemExit", "assert f(1) == 1", "failed"),
        ("class P:\n    pass\ndef f(): return P()", "assert f() == 3", "failed"),
        ("class P:\n    def __eq__(s, o): return True\ndef f(): return P()", "assert f() == 3", "failed"),
        (POINT, "assert Point(1) == Point(1)", "undecided"),
        (POINT, "assert Point(1).x == 1\nassert Point(1) == 1", "undecided"),
        ("class P: pass", "class Q(P): pass\nassert Q()", "undecided"),
        ("def f(x): return x", "assert f(object())", "undecided"),
        (
            "def f(x): return x",
            "from unittest.mock import patch\nwith patch('time.time'):\n    assert f(1) == 2",
            "undecided",
        ),
        (
            "def f(x): raise KeyboardInterrupt",
            "import unittest\nclass T(unittest.TestCase):\n    def test_f(self): f(1)\n    assert 1",
            "failed",
        ),
        ("def f(x): return x\ndef isclose(*a): return True", "assert isclose(f(1), 2)", "failed"),
        ("def f(x): return x\nclass np:\n    allclose = lambda *a: True", "assert np.allclose(f(1), 2)", "failed"),
        ("def f(x): return x", "def test_f(x, y):\n    assert f(x) == y", "undecided"),
        (
            "def f(x): print(x)",
            "def test_f(capsys):\n    f(1)\n    assert capsys.readouterr().out == '1\\n'",
            "undecided",
        ),
        ("def f(x): return x", "assert f(1) == ", "bad_tests"),
        ("def f(x): return x", "import no_such_module\nassert f(1) == 1", "bad_tests"),
        ("def f(x): return x", "assert 1 == 1", "bad_tests"),
        ("def f(x): return x", "f(1)", "bad_tests"),
        ("def f(x): return x", "assert [][0] == f(1)", "bad_tests"),
        ("def f(x): return x", "raise SystemExit", "bad_tests"),
    ],
)
def test_what_does_not_pass_is_told_apart(pool: Pool, source: str, code: str, outcome: str) -> None:
    assert judged(pool, source, code).outcome == outcome


def test_a_failure_says_what_was_called_and_what_came(pool: Pool) -> None:
    run = judged(
        pool,
        "def f(x):\n    if x: return [x]\n    raise KeyError(x)",
        "assert f(1) == [2]\nassert f(2) == [2]\nassert f(0) == 1",
    )
    assert (run.passed, run.total) == (1, 3)
    assert run.failures[0] == {"test": "assert f(1) == [2]", "call": "f(1)", "got": "[1]"}
    assert run.failures[1]["got"] == "KeyError: 0 (line 3)"


def test_a_failure_shows_the_arguments_as_they_were(pool: Pool) -> None:
    run = judged(pool, "def f(xs): xs.clear()", "xs = [1, 2]\nassert f(xs) == 3")
    assert run.failures[0]["call"] == "f([1, 2])"


def test_long_values_are_cut(pool: Pool) -> None:
    run = judged(pool, "def f(x): return list(range(100_000)), 'x' * 10**6", "assert f('y' * 10**6) == 1")
    assert all(len(text) <= 600 for failure in run.failures for text in failure.values())


def test_the_prompt_s_own_helpers_judge(pool: Pool) -> None:
    """HumanEval/32, 38 and 50: the helper of the tests is the prompt's, whatever the program has under its name."""
    prompt = "K = 2\ndef twice(x):\n    return K * x\ndef half(x):\n    '''The inverse of twice.'''\n"
    tests = "def check(candidate):\n    assert candidate(twice(21)) == 21 and twice(candidate(8)) == 8"
    lying = "def half(x): return 21\ndef twice(x): return 8 if x == 21 else 42\n"
    assert judged(pool, "def half(x): return x // 2", tests, "half", prompt).outcome is TestOutcome.PASSED
    assert judged(pool, lying, tests, "half", prompt).outcome is TestOutcome.FAILED


def test_a_prompt_that_shows_a_program_lends_nothing(pool: Pool) -> None:
    prompt = "def half(x):\n    return 7\ndef twice(x):\n    return half(x) * 4\n"
    mended = "def half(x): return x / 2\ndef twice(x): return half(x) * 4"
    assert judged(pool, mended, "assert half(4) == 2 and twice(4) == 8", None, prompt).outcome is TestOutcome.PASSED


def test_fail_fast_stops_at_the_first_failure(pool: Pool) -> None:
    tests = AssertTests(code="assert f(1) == 2\nassert f(2) == 3")
    run = run_tests(program("def f(x): return x"), tests, pool=pool, fail_fast=True)
    assert run.total == 1


@pytest.mark.parametrize(
    ("expression", "expected", "right"),
    [
        ("(1, [2, (3,)])", [1, [2, [3]]], True),
        ("[1, 2]", [1, 2, 3], False),
        ("0.1 + 0.2", 0.3, True),
        ("3", 3.0, True),
        ("3.0000001", 3, False),
        ("1e17", 10**17 + 1, False),
        ("'3'", 3, False),
        ("3", "3", False),
        ("True", 1, True),
        ("None", None, True),
        ("{1: 'a'}", {"1": "a"}, True),
        ("{'1': 2.0000000001}", {"1": 2.0}, True),
        ("float('nan')", float("nan"), True),
        ("float('inf')", 1e300, False),
        ("10**400", 1.0, False),
        ("map(int, '12')", [1, 2], False),
        ("{1, 2}", [1, 2], False),
    ],
)
def test_a_call_s_value_is_compared_as_data(pool: Pool, expression: str, expected: object, right: bool) -> None:
    tests = CallTests(entry_point="f", cases=(Case(args=(), expected=expected),))
    run = run_tests(program(f"def f(): return {expression}"), tests, pool=pool)
    assert run.outcome is (TestOutcome.PASSED if right else TestOutcome.FAILED)


def test_a_method_of_solution_gets_a_new_instance_for_each_call(pool: Pool) -> None:
    source = "class Solution:\n    n = None\n    def f(self, a, b=0):\n        self.n = (self.n or 0) + a + b\n        return self.n"
    cases = (Case(args=(1, 2), expected=3), Case(args=(3,), kwargs={"b": 1}, expected=4))
    assert run_tests(program(source), CallTests(entry_point="f", cases=cases), pool=pool).outcome is TestOutcome.PASSED


@pytest.mark.parametrize(
    "source",
    ["def f():\n    while True: pass", "while True: pass\ndef f(): pass", "import time\ndef f(): time.sleep(60)"],
)
def test_a_program_that_takes_too_long_is_told_apart(pool: Pool, source: str) -> None:
    tests = AssertTests(code="try:\n    f()\nexcept BaseException:\n    pass\nassert 1")
    run = run_tests(program(source), tests, pool=pool, limits=Limits(wall_seconds=0.6))
    assert run.outcome is TestOutcome.TIMEOUT or run.reason == BUSY


def test_a_program_out_of_memory_fails(pool: Pool) -> None:
    run = judged(pool, "def f(): return len(bytearray(1 << 40))", "assert f() == 1")
    assert run.outcome is TestOutcome.FAILED
    assert "MemoryError" in run.failures[0]["got"]


def test_readings_are_tried_in_order_and_trimmed(pool: Pool) -> None:
    readings = (Reading(source="def f(:"), Reading(source="def f(x):\n    return x\nThat is all.", trim=True))
    tests = AssertTests(code="assert f(1) == 1")
    assert run_tests(Program(readings=readings), tests, pool=pool).outcome is TestOutcome.PASSED


def test_a_preamble_is_run_as_far_as_it_goes(pool: Pool) -> None:
    preamble = "import math as m\nraise ValueError\ndef helper(x): return m.floor(x)\ndef f(x):\n    'stub'\n"
    tests = AssertTests(code="assert f(1.5) == 1")
    source = "from __future__ import annotations\ndef f(x): return helper(x)"
    assert run_tests(program(source, preamble=preamble), tests, pool=pool).outcome is TestOutcome.PASSED


def test_a_script_reads_stdin_and_has_the_usual_names(pool: Pool) -> None:
    ran = run_script(program("import sys\nn = int(input())\nprint(sqrt(n), __name__, sys.argv)"), "16\n", pool=pool)
    assert ran.stdout == b"4.0 __main__ ['program.py']\n"
    assert run_script(program("x ="), "", pool=pool).exit_code == 1
