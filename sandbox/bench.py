"""Speed of the sandbox on this machine: medians after a warm-up, with their spread. Compares nothing."""

import statistics
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

from .launch import Task
from .pool import Pool
from .session import Session

SYMPY = "import sympy\nx = sympy.Symbol('x')\nprint(sympy.solve(x**2 - 5*x + 6, x))"


def bench(isolation: str = "auto", rounds: int = 30) -> Iterator[str]:
    """Yield one line per measurement."""
    with Pool(isolation=isolation) as pool:
        yield f"isolation {pool.isolation}, {rounds} rounds each"
        yield _line("trivial program", _times(lambda: pool.run("print(1)"), rounds))
        yield _line("two linked children", _times(lambda: pool.launch(_pair()), rounds))
        yield _line("sympy import", _times(lambda: pool.run("import sympy"), rounds))
        yield _line("sympy solve", _times(lambda: pool.run(SYMPY), rounds))
        with Session(pool=pool) as session:
            session.execute(SYMPY)
            yield _line("session cell", _times(lambda: session.execute("1 + 1"), rounds))
            yield _line("session branch", _times(lambda: session.fork(1)[0].close(), rounds))
        yield f"{'programs a second, 4 threads':32} {_rate(pool, rounds * 4):8.0f}"


def _pair() -> list[Task]:
    return [Task(entry="program", linked=True), Task(entry="program", linked=True, result=True)]


def _times(action: Callable[[], object], rounds: int) -> list[float]:
    for _ in range(3):
        action()
    times = []
    for _ in range(rounds):
        began = time.perf_counter()
        action()
        times.append((time.perf_counter() - began) * 1000)
    return times


def _line(name: str, times: list[float]) -> str:
    low, middle, high = statistics.quantiles(times, n=4)
    return f"{name:32} {middle:8.2f} ms   quartiles {low:.2f} - {high:.2f}"


def _rate(pool: Pool, runs: int) -> float:
    began = time.perf_counter()
    with ThreadPoolExecutor(4) as threads:
        for _ in threads.map(lambda _: pool.run("print(1)"), range(runs)):
            continue
    return runs / (time.perf_counter() - began)
