"""Programs that try to pass without being right, by kinds: each must fail, and what looks like it must pass."""

import builtins
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox import Pool
from sandbox.inside.call_tests import agree
from sandbox.testing import AssertTests, CallTests, Case, Program, Reading, TestOutcome, run_tests
from verifiers.code.outputs import difference

RIGHT = "def f(x):\n    return x + 1\n"
FUNCTIONS = sorted(n for n in dir(builtins) if n.islower() and n.isidentifier() and not n.startswith("_"))
PASSED, FAILED, TIMEOUT = TestOutcome.PASSED, TestOutcome.FAILED, TestOutcome.TIMEOUT


def outcome(pool: Pool, source: str, code: str, *, fallback: str | None = None) -> TestOutcome:
    tests = AssertTests(code=code, fallback=fallback)
    return run_tests(Program(readings=(Reading(source=source),)), tests, pool=pool).outcome


@settings(max_examples=40, deadline=None)
@given(name=st.sampled_from(FUNCTIONS))
def test_a_builtin_of_the_tests_is_never_the_program_s(name: str) -> None:
    with Pool(prewarm=()) as pool:
        code = f"import builtins\nassert f(1) == 2\nassert {name} is builtins.{name}"
        assert outcome(pool, f"{RIGHT}def {name}(*a, **k):\n    return []\n", code, fallback=name) is PASSED


@pytest.mark.parametrize(
    "name", ["isclose", "Counter", "deepcopy", "math", "np", "cmath", "collections", "sqrt", "pd", "unittest"]
)
def test_a_tool_of_the_tests_is_never_the_program_s(pool: Pool, name: str) -> None:
    code = f"assert f(1) == 2\nassert {name}.__name__ != 'shadow'"
    shadow = f"{RIGHT}def {name}(*a, **k):\n    return True\n{name}.__name__ = 'shadow'\n"
    assert outcome(pool, shadow, code, fallback=name) is PASSED


@pytest.mark.parametrize("name", ["sum", "gcd", "mean", "set"])
def test_a_function_under_test_may_be_called_like_one_of_python(pool: Pool, name: str) -> None:
    assert outcome(pool, f"def {name}(a, b):\n    return 7\n", f"assert abs({name}(1, 2) - 7) < 1e-9") is PASSED
    assert outcome(pool, f"def {name}(a, b):\n    return 8\n", f"assert abs({name}(1, 2) - 7) < 1e-9") is FAILED


@pytest.mark.parametrize("members", ["__contains__ = lambda s, x: False", "__contains__ = lambda s, x: True"])
@pytest.mark.parametrize("code", ["assert 7 in f(1)", "assert 7 not in f(1)", "assert all(n in f(1) for n in [2, 3])"])
def test_an_object_does_not_say_itself_what_is_in_it(pool: Pool, members: str, code: str) -> None:
    assert outcome(pool, f"class L:\n    {members}\ndef f(x):\n    return L()\n", code) is FAILED


@given(got=st.integers() | st.floats(allow_nan=False), sign=st.sampled_from([1, -1]))
def test_infinity_is_no_measure_of_nearness(got: float, sign: int) -> None:
    assert agree(got, sign * math.inf) == (got == sign * math.inf)


@given(exponent=st.integers(310, 4000), printed=st.integers())
def test_a_number_beyond_a_float_agrees_with_none_but_itself(exponent: int, printed: int) -> None:
    assert difference(str(printed), f"1.5e{exponent}") is not None
    assert difference(f"1.5e+{exponent}", f"1.5e{exponent}") is None
    assert difference("100", "1e2") is not None  # it may be in base 16


CHANGES = [
    ("def f(x):\n    x.clear()", "xs = [1, 2]\nassert f(xs) == next((x for x in xs if x == 2), None)"),
    ("def f(x):\n    x[:] = [0]\n    return 0", "xs = [1, 2]\nr = f(xs)\nassert r == max(xs)"),
    ("def f(x):\n    x[...] = 0", "import numpy\na = numpy.arange(4.0)\nassert f(a) == (None if a.sum() == 0 else 1)"),
    ("def f(x):\n    x.left = None\n    return 0", "class N: pass\nn = N()\nn.left = 1\nassert f(n) == (n.left or 0)"),
    ("def f(x):\n    x.update(a=5)\n    return 5", "d = {'a': 1}\ndef test_it():\n    assert f(d) == d['a']"),
]


@pytest.mark.parametrize(("source", "code"), CHANGES)
def test_what_the_tests_compute_with_cannot_be_changed(pool: Pool, source: str, code: str) -> None:
    assert outcome(pool, source, code) is FAILED


IN_PLACE = [
    ("def f(x):\n    x.sort()", "xs = [3, 1]\nf(xs)\nassert xs == [1, 3]"),
    ("def f(x):\n    x.append(1)\n    return x", "xs = [3]\nassert f(xs) is xs and xs == [3, 1]"),
    (
        "def f(x):\n    x.sort()\n    return len(x)",
        "def run(xs):\n    f(xs)\n    return xs\nassert run([2, 1]) == [1, 2]",
    ),
    ("def f(n):\n    n.left = None", "class N: pass\nn = N()\nn.left = 1\nassert f(n) is None\nassert n.left is None"),
    (
        "class Solution:\n    def f(self, x):\n        x.reverse()\n        return 1",
        "s = Solution()\nxs = [1, 2]\nn = s.f(xs)\nassert n == 1\nassert xs == [2, 1]",
    ),
]


@pytest.mark.parametrize(("source", "code"), IN_PLACE)
def test_changes_that_the_tests_look_at_are_made(pool: Pool, source: str, code: str) -> None:
    assert outcome(pool, source, code) is PASSED


NOT_CALLED = [
    "assert f(1) == 2\ndef test_b():\n    assert f(2) == 3",
    "s = f(1)\ndef test_b():\n    assert f(2) == 3",
    "async def test_a():\n    assert f(2) == 3",
    "class TestF:\n    def setup_method(self): self.n = 2\n    def test_it(self):\n        assert f(self.n) == 3",
    "from your_module import f as g\nassert g(2) == 3",
]


@pytest.mark.parametrize("code", NOT_CALLED)
def test_every_test_function_runs(pool: Pool, code: str) -> None:
    assert outcome(pool, RIGHT, code) is PASSED
    assert outcome(pool, "def f(x):\n    return 2\n", code) is FAILED


BREAKING = [
    "from fractions import Fraction\ndef f(x):\n    return Fraction(1 << 20000, 3)",
    "def f(x):\n    return frozenset([1 << 20000])",
    "class R:\n    def __repr__(s): raise SystemExit\ndef f(x):\n    return frozenset([R()])",
    "class E(ValueError):\n    def __str__(s): return 'x'\ndef f(x):\n    raise E(1 << 20000)",
    "class f:\n    def __init__(s, x): pass\n    def __eq__(s, o): return True",
    "def f(x):\n    return 1 << 60",
]


@pytest.mark.parametrize("source", BREAKING)
@pytest.mark.parametrize("code", ["assert f(1) == 2", "def test_a():\n    assert sum(1 for _ in range(f(1))) == 2"])
def test_a_value_that_breaks_the_tests_is_the_program_s_fault(pool: Pool, source: str, code: str) -> None:
    assert outcome(pool, source, code) in (FAILED, TIMEOUT)


def test_a_context_manager_cannot_excuse_a_failed_assertion(pool: Pool) -> None:
    source = "class C:\n    def __enter__(s): return 0\n    def __exit__(s, *a): return True\ndef f(x):\n    return C()"
    assert outcome(pool, source, "with f(1) as v:\n    assert v == 5") is FAILED
    assert outcome(pool, source, "with f(1) as v:\n    raise ValueError\nassert f(1) is not None") is PASSED


def test_a_flood_of_printing_in_calls_is_no_excuse(pool: Pool) -> None:
    tests = CallTests(entry_point="f", cases=tuple(Case(args=(n,), expected=n + 1) for n in range(1100)))
    source = "def f(x):\n    print('x' * 65536)\n    return 0"
    assert run_tests(Program(readings=(Reading(source=source),)), tests, pool=pool).outcome is FAILED
