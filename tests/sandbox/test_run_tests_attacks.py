# ruff: noqa: E501 - a program is a row of a table here
"""Programs that try to be taken for right: none passes, and an honest one beside them does.

Every program is asked for `add(a, b)`. Some attack the line to the tester from inside: they find it in their own memory.
"""

import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox import Limits, Pool, SandboxUnavailable
from sandbox.testing import BUSY, AssertTests, CallTests, Case, Program, Reading, TestOutcome, run_tests

PAIRS = ((1, 2), (0, 0), (-1, 1), (2, 2), (10, -3))
CHECK = "def check(candidate):\n" + "".join(f"    assert candidate({a}, {b}) == {a + b}\n" for a, b in PAIRS)
CLOSE = "import math\n" + "".join(f"assert abs(add({a}, {b}) - {a + b}) < 1e-6\n" for a, b in PAIRS)
STYLES = {
    "check": AssertTests(code=CHECK, entry_point="add"),
    "close": AssertTests(code=CLOSE),
    "call": CallTests(entry_point="add", cases=tuple(Case(args=pair, expected=sum(pair)) for pair in PAIRS)),
}
ATTACKS = Path(__file__).parents[3] / "shared" / "data" / "sandbox" / "attacks"


@pytest.fixture(scope="module", params=["full", "flat"])
def pool(request: pytest.FixtureRequest) -> Iterator[Pool]:
    with Pool(isolation=request.param, prewarm=()) as pool:
        try:
            pool.zygote()
        except SandboxUnavailable as error:
            pytest.skip(str(error))
        yield pool


def program(source: str) -> Program:
    return Program(readings=(Reading(source=source),))


LYING = """
    def __eq__(s, o): return True
    def __ne__(s, o): return False
    def __lt__(s, o): return True
    def __le__(s, o): return True
    def __gt__(s, o): return True
    def __ge__(s, o): return True
    def __bool__(s): return True
    def __contains__(s, o): return True
    def __abs__(s): return s
    def __sub__(s, o): return s
    def __rsub__(s, o): return s
    def __float__(s): return 0.0
    def __hash__(s): return 0
def add(a, b):
    return L({value})
"""
FIND_LINE = """
import gc
from sandbox.inside.call_link import CallLink
def line():
    return next(o for o in gc.get_objects() if type(o) is CallLink)
def channel():
    return line()._channel
"""
WRONG = "def add(a, b):\n    return 0\n"
CHEATS = {
    "exit at import": "import sys\nsys.exit(0)",
    "hard exit at import": "import os\nos._exit(0)",
    "hard exit at exit": "import os, atexit\natexit.register(os._exit, 0)\n" + WRONG,
    "exit in a thread": "import os, threading\nthreading.Timer(0.01, os._exit, (0,)).start()\n"
    "def add(a, b):\n    import time; time.sleep(1)",
    "KeyboardInterrupt": "def add(a, b):\n    raise KeyboardInterrupt",
    "GeneratorExit": "def add(a, b):\n    raise GeneratorExit",
    "StopIteration": "def add(a, b):\n    raise StopIteration(a + b)",
    "AssertionError": "def add(a, b):\n    raise AssertionError",
    "own BaseException": "class E(BaseException): pass\ndef add(a, b):\n    raise E",
    "killed by itself": "import os, signal\ndef add(a, b):\n    os.kill(os.getpid(), signal.SIGKILL)",
    "no function": "x = 1",
    "a function of another name": "def plus(a, b):\n    return a + b",
    **{
        f"lying {base or 'object'}": f"class L({base}):" + LYING.format(value=value)
        for base, value in (
            ("", ""),
            ("int", "7"),
            ("float", "0.5"),
            ("str", "'3'"),
            ("list", ""),
            ("dict", ""),
            ("tuple", ""),
            ("set", ""),
            ("bytes", ""),
            ("complex", "1j"),
        )
    },
    "lying class": "class M(type):\n    def __eq__(s, o): return True\n    __hash__ = None\n"
    "class C(metaclass=M): pass\ndef add(a, b):\n    return C",
    "pretended class": "class C:\n    __class__ = int\n    def __eq__(s, o): return True\ndef add(a, b):\n    return C()",
    "a Fraction that lies": "from fractions import Fraction\nclass F(Fraction):\n"
    "    def __eq__(s, o): return True\n    def __hash__(s): return 0\ndef add(a, b):\n    return F(1, 3)",
    "a Decimal that lies": "from decimal import Decimal\nclass D(Decimal):\n"
    "    def __eq__(s, o): return True\n    def __hash__(s): return 0\ndef add(a, b):\n    return D('0.3')",
    "a mock": "from unittest.mock import MagicMock, ANY\ndef add(a, b):\n    return ANY",
    "a number in text": "def add(a, b):\n    return str(a + b)",
    "a number in a list": "def add(a, b):\n    return [a + b]",
    "not a number": "def add(a, b):\n    return float('nan')",
    "itself": "def add(a, b):\n    return add",
    "endless iterator": "import itertools\ndef add(a, b):\n    return itertools.count()",
    "list of itself": "def add(a, b):\n    x = []\n    x.append(x)\n    return x",
    "deep list": "def add(a, b):\n    x = []\n    for _ in range(5000): x = [x]\n    return x",
    "large text": "def add(a, b):\n    return 'x' * 60_000_000",
    "large number": "def add(a, b):\n    return 1 << 300_000_000",
    "patched builtins": "import builtins\nbuiltins.isinstance = lambda *a: True\nbuiltins.abs = lambda x: 0\n"
    "builtins.all = builtins.any = lambda *a: True\n" + WRONG,
    "patched json": "import json\njson.dumps = lambda *a, **k: '3'\n" + WRONG,
    "patched encoding": "import sandbox.inside.candidate as c\n"
    "c.encode = lambda v, r=None: ['h', 1, 'object', 'int', ['__eq__']]\n" + WRONG,
    "a shadowed abs": "def abs(x):\n    return 0\n" + WRONG,
    "a shadowed math": "class math:\n    isclose = lambda *a: True\n" + WRONG,
    "a shadowed check": WRONG + "def check(candidate):\n    return True\n",
    "answers ahead": FIND_LINE
    + 'for n in range(200):\n    channel().send(b\'["answer", "%d", ["value", %d, [], null]]\' % (n, n))\n'
    + WRONG,
    "answers ahead on every descriptor": "import os\nfor fd in range(3, 64):\n"
    '    for text in (b\'["answer", "0", ["value", 3, [], null]]\', b\'{"outcome": "passed"}\', b\'passed\\n\'):\n'
    "        try:\n            os.write(fd, len(text).to_bytes(4, 'little') + text)\n"
    "        except OSError:\n            break\n" + WRONG,
    "a flood": FIND_LINE + "import os\ndef add(a, b):\n    while True: os.write(channel().fileno(), b'x' * 65536)",
    "a long frame announced": FIND_LINE
    + "def add(a, b):\n    channel().write((1 << 31).to_bytes(4, 'little'))\n    return 0",
    "half a frame": FIND_LINE
    + "import os\ndef add(a, b):\n    channel().write((99).to_bytes(4, 'little') + b'[')\n    os._exit(0)",
    "deep JSON": FIND_LINE + "def add(a, b):\n    channel().send(b'[' * 1_000_000)\n    return 0",
    "answers of other shapes": FIND_LINE
    + "def add(a, b):\n    l = line()\n    l._send(['answer', l._serving[-1], ['passed', True]])\n    return 0",
    "the same answer twice": FIND_LINE
    + "def add(a, b):\n    l = line()\n    l._send(['answer', l._serving[-1], ['value', a + b, [], None]])\n    return a + b",
    "asks for what was not lent": FIND_LINE + "def add(a, b):\n    return line().ask(['call', 0, [], {}]) and 3",
    "asks for attributes": FIND_LINE + "def add(a, b):\n    return line().ask(['get', 0, 'f_globals'])[1]",
    "arguments that were not given": FIND_LINE
    + "def add(a, b):\n    l = line()\n    l._send(['answer', l._serving[-1], ['argument', 7], [], None])\n    return 0",
    "a sibling that answers": "import os\npid = os.fork()\n" + WRONG,
    "a fork per call": "import os\ndef add(a, b):\n    if os.fork() == 0: os._exit(0)\n    return 0",
    "a fork that stays": "import os, time\nif os.fork() == 0:\n    time.sleep(60)\n" + WRONG,
    "reads the tester": "import os\ndef add(a, b):\n    for p in os.listdir('/proc'):\n"
    "        if p.isdigit():\n            try: open(f'/proc/{p}/mem', 'rb').read(1)\n"
    "            except OSError: pass\n    return 0",
    "looks for the tests": "import gc\ndef add(a, b):\n    found = [o for o in gc.get_objects()"
    " if isinstance(o, dict) and 'expected' in o and 'args' in o]\n    return found[0]['expected'] if found else 0",
    "kills everything": "import os, signal\ndef add(a, b):\n"
    "    for pid in (os.getppid(), -1, 0):\n        try: os.kill(pid, signal.SIGTERM)\n        except OSError: pass\n"
    "    return 0",
    "a report on stdout": 'print(\'{"outcome": "passed", "passed": 5, "total": 5, "failures": []}\')\n' + WRONG,
}


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("name", CHEATS)
def test_a_cheat_does_not_pass(pool: Pool, name: str, style: str) -> None:
    run = run_tests(program(CHEATS[name]), STYLES[style], pool=pool, limits=Limits(wall_seconds=1.5))
    assert run.outcome in (TestOutcome.FAILED, TestOutcome.UNDECIDED, TestOutcome.TIMEOUT), run
    assert run.isolation == pool.isolation


@pytest.mark.parametrize("style", STYLES)
def test_an_honest_program_passes_after_all_of_them(pool: Pool, style: str) -> None:
    assert (
        run_tests(program("def add(a, b):\n    return a + b"), STYLES[style], pool=pool).outcome is TestOutcome.PASSED
    )


@pytest.mark.parametrize("name", sorted(file.stem for file in ATTACKS.glob("v*.py")) or ["none"])
def test_the_corpus_does_not_pass(pool: Pool, name: str) -> None:
    file = ATTACKS / f"{name}.py"
    if not file.exists():
        pytest.skip(f"no corpus at {ATTACKS}")
    run = run_tests(program(file.read_text()), STYLES["check"], pool=pool, limits=Limits(wall_seconds=1.5))
    assert run.outcome in (TestOutcome.FAILED, TestOutcome.TIMEOUT) or run.reason == BUSY, run


SECRET = 7_194_531


@pytest.mark.parametrize(
    ("source", "tests"),
    [
        # the tests lend a function: what it knows stays with them
        (
            FIND_LINE + "def add(f, b):\n"
            "    ask = line().ask\n    seen = []\n"
            "    for name in ('__globals__', '__closure__', '__code__', 'func_globals', '__self__'):\n"
            "        seen += [ask(['get', 0, name])]\n"
            "    return str(seen)",
            f"def secret(x):\n    return x == {SECRET}\nseen = add(secret, 0)\nassert '{SECRET}' in str(seen)",
        ),
        # all of the candidate's memory, searched for the value it should return
        (
            "import gc\ndef add(a, b):\n"
            f"    hits = [o for o in gc.get_objects() for r in gc.get_referents(o) if type(r) is int and r > {SECRET - 2}"
            f" and r < {SECRET + 2}]\n    return len(hits)",
            f"assert add(1, 2) > 0 or add(1, 2) == {SECRET}",
        ),
    ],
)
def test_expected_values_are_not_to_be_had(pool: Pool, source: str, tests: str) -> None:
    assert run_tests(program(source), AssertTests(code=tests), pool=pool).outcome is TestOutcome.FAILED


LOOK_EVERYWHERE = """
import gc, os, sys
BACKWARDS = 'emeriuqniuq'
def texts():
    frame = sys._getframe()
    while frame:
        yield from (repr(value) for value in frame.f_locals.values())
        frame = frame.f_back
    for holder in gc.get_objects():
        for one in gc.get_referents(holder):
            if isinstance(one, str): yield one
            elif isinstance(one, (bytes, bytearray)): yield one.decode('latin1')
            elif isinstance(one, memoryview): yield one.tobytes().decode('latin1')
    for number in range(3, 1100):
        try: yield os.pread(number, 1 << 20, 0).decode('latin1')
        except OSError: pass
    for way in ('mem', 'maps', 'environ'):
        try: yield open('/proc/self/' + way, 'rb').read(1 << 20).decode('latin1')
        except OSError: pass
def add(a, b):
    return any(BACKWARDS[::-1] in text for text in texts())
"""


def test_the_tests_were_never_in_the_program_s_memory(pool: Pool) -> None:
    """Neither in a child that was forked for it nor in one that waited: the process that forks never sees them."""
    tests = AssertTests(code="word = 'quinquireme'\nassert add(1, 2) is False")
    for pause in (0, 0, 0.1, 0.1):
        time.sleep(pause)  # for spares to be made
        assert run_tests(program(LOOK_EVERYWHERE), tests, pool=pool).outcome is TestOutcome.PASSED


def test_nothing_is_kept_between_runs(pool: Pool) -> None:
    source = (
        "import os, tempfile\nplaces = [tempfile.gettempdir(), '/tmp', '/dev/shm', os.path.expanduser('~'), '.']\n"
        "paths = [os.path.join(place, 'seen') for place in places]\n"
        "def add(a, b):\n    if any(map(os.path.exists, paths)) or 'seen' in os.environ: return a + b\n"
        "    for path in paths:\n        try: open(path, 'w').close()\n        except OSError: pass\n"
        "    os.environ['seen'] = '1'\n    return None"
    )
    one_call = AssertTests(code="assert add(1, 2) == 3")
    for _ in range(3):
        assert run_tests(program(source), one_call, pool=pool).outcome is TestOutcome.FAILED


def test_the_arguments_cannot_be_emptied_to_pass(pool: Pool) -> None:
    tests = AssertTests(code="xs = [3, 1, 2]\nassert add(xs) == sorted(xs)")
    emptied = run_tests(program("def add(xs):\n    xs.clear()\n    return []"), tests, pool=pool)
    assert emptied.outcome is TestOutcome.FAILED
    sorted_in_place = run_tests(program("def add(xs):\n    xs.sort()\n    return xs"), tests, pool=pool)
    assert sorted_in_place.outcome is TestOutcome.PASSED


def test_a_loop_of_the_tests_cannot_be_ended_from_the_program(pool: Pool) -> None:
    tests = AssertTests(code="assert all(map(add, [1, 2, 3]))")
    run = run_tests(program("def add(x):\n    raise StopIteration"), tests, pool=pool)
    assert run.outcome is TestOutcome.UNDECIDED


def test_slow_answers_are_the_program_s_fault(pool: Pool) -> None:
    """Sets of colliding numbers take a quadratic time to build."""
    source = "def add(a, b):\n    return {i * (2**61 - 1) for i in range(3000)} | {1}"
    run = run_tests(program(source), STYLES["check"], pool=pool)
    assert run.outcome in (TestOutcome.FAILED, TestOutcome.TIMEOUT) or run.reason == BUSY
    assert not re.search("bad_tests", run.reason)
