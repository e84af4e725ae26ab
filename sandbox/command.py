"""The command line: `python -m sandbox run|session|doctor|bench`. JSON objects, one a line."""

import argparse
import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from .errors import SandboxError, SandboxUnavailable
from .launch import Task
from .layers import kernel, landlock
from .layers.syscall_numbers import numbers
from .limits import MIB, Execution, Limits, Status
from .pool import Pool, place
from .session import Session

_FIELDS = ("exit_code", "stdout", "stderr", "truncated", "wall_seconds", "cpu_seconds", "isolation", "reason")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code: 0, or 2 when it failed."""
    options = _parser().parse_args(arguments)
    try:
        code: int = options.command(options)
    except (SandboxError, OSError, ValueError) as problem:
        words = str(problem)
        if isinstance(problem, OSError) and problem.filename:
            words = f"{problem.filename}: {problem.strerror}; name a file that can be read"
        print(f"sandbox: {words}", file=sys.stderr)
        return 2
    return code


def _run(options: argparse.Namespace) -> int:
    code = options.file.read_bytes()
    stdin = options.stdin.read_bytes() if options.stdin else b""
    with place(options.isolation, prewarm=()) as where:
        ran = where.run(code, stdin=stdin, limits=_limits(options))
        print(_as_json(ran), flush=True)
    return 2 if ran.status is Status.SANDBOX_ERROR else 0


def _doctor(options: argparse.Namespace) -> int:
    findings = examine()
    print(json.dumps(dict(findings)) if options.json else "\n".join(f"{name:<12} {text}" for name, text in findings))
    return 0


def _bench(options: argparse.Namespace) -> int:
    if options.rounds < 2:
        raise ValueError(f"--rounds must be at least 2, got {options.rounds}")
    for line in bench(options.isolation, options.rounds):
        print(line, flush=True)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m sandbox", description="Run untrusted code.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    run = commands.add_parser("run", help="run one Python file and print its result as JSON")
    run.add_argument("file", metavar="FILE.py", type=Path)
    run.add_argument("--stdin", metavar="FILE", type=Path, help="input of the program; empty by default")
    run.set_defaults(command=_run)
    session = commands.add_parser("session", help="run cells from stdin in one kept state, JSON Lines in and out")
    session.set_defaults(command=_session)
    for command in (run, session):
        command.add_argument("--seconds", type=float, default=5.0, help="wall clock (default 5)")
        command.add_argument("--memory-mb", type=int, default=512, help="memory (default 512)")
        command.add_argument("--isolation", default="auto", metavar="auto|full|flat|bubblewrap|URL")
    doctor = commands.add_parser("doctor", help="print what this machine can enforce")
    doctor.add_argument("--json", action="store_true")
    doctor.set_defaults(command=_doctor)
    bench = commands.add_parser("bench", help="time runs, sessions and branches on this machine")
    bench.add_argument("--rounds", type=int, default=30)
    bench.add_argument("--isolation", default="auto", metavar="auto|full|flat|bubblewrap")
    bench.set_defaults(command=_bench)
    return parser


def _session(options: argparse.Namespace) -> int:
    """Answer each cell with its execution; `{"fork": "b"}` makes branch b, `{"code": ..., "in": "b"}` runs in it."""
    where = place(options.isolation, prewarm=())
    pool = where if isinstance(where, Pool) else None
    with where, Session(pool=pool, isolation=options.isolation, limits=_limits(options)) as first:
        branches = {"": first}
        for line in sys.stdin.buffer:
            if line.strip():
                print(_cell(line, branches), flush=True)
        for branch in branches.values():
            branch.close()
    return 0


def _cell(line: bytes, branches: dict[str, Session]) -> str:
    """Answer one line. A faulty line is answered with status sandbox_error and the reason."""
    try:
        try:
            order = json.loads(line)
        except ValueError as problem:
            raise ValueError(f"the line is not JSON: {problem}") from None
        if not isinstance(order, dict):
            raise ValueError("a line must be a JSON object")
        origin, new = order.get("in", ""), order.get("fork")
        if not isinstance(origin, str) or origin not in branches:
            raise ValueError(f"no branch is called {origin!r}")
        if "fork" in order:
            if not isinstance(new, str) or not new:
                raise ValueError(f'"fork" must be a name, got {new!r}')
            if new in branches:
                raise ValueError(f"a branch {new!r} exists already")
            branches[new] = branches[origin].fork(1)[0]
            return json.dumps({"status": Status.OK.value, "fork": new})
        if not isinstance(order.get("code"), str):
            raise ValueError('a line needs "code" (text) or "fork" (a name)')
        execution = branches[origin].execute(order["code"])
    except (ValueError, TypeError, RecursionError, SandboxError) as problem:
        return _as_json(_NOTHING_RAN, reason=str(problem))
    return _as_json(execution, result=execution.result)


_NOTHING_RAN = Execution(
    status=Status.SANDBOX_ERROR, exit_code=None, stdout="", stderr="", truncated=False,
    wall_seconds=0.0, cpu_seconds=0.0, isolation="none",
)  # fmt: skip


def _limits(options: argparse.Namespace) -> Limits:
    return Limits(wall_seconds=options.seconds, memory_bytes=options.memory_mb * MIB)


def _as_json(execution: Execution, **more: object) -> str:
    fields = {"status": execution.status.value} | {name: getattr(execution, name) for name in _FIELDS}
    return json.dumps(fields | more)


_REQUIREMENTS = {
    "full": "user namespaces that may mount (Linux 5.12), landlock (5.13), seccomp",
    "flat": "landlock (5.13), seccomp with listeners (5.5)",
}


def examine() -> Iterator[tuple[str, str]]:
    """Yield pairs of a name and a finding about this machine, the verdict last.

    >>> dict(examine())["system"].split()[0] == platform.system()
    True
    """
    yield "system", f"{platform.system()} {platform.release()} {platform.machine()}, Python {platform.python_version()}"
    if sys.platform != "linux":
        yield "verdict", "code cannot run here: use Linux, a container, or the address of a remote sandbox"
        return
    yield "user", f"uid {os.getuid()}" + (", drops its rights before running code" if os.getuid() == 0 else "")
    try:
        actions = Path("/proc/sys/kernel/seccomp/actions_avail")
        available = actions.read_text().strip() if actions.exists() else ""
        known = len(numbers(kernel.machine()))
        yield "seccomp", f"{known} calls known; actions: {available or 'unknown (not a plain Linux kernel?)'}"
    except KeyError:
        yield "seccomp", f"no table of system calls for {kernel.machine()}"
    version = landlock.abi()
    yield "landlock", f"ABI {version}" if version else "missing: the kernel lacks it or disables it (lsm=...)"
    places = [Path("/sys/fs/cgroup"), Path("/sys/fs/cgroup/pids"), Path("/sys/fs/cgroup/memory")]
    writable = ", ".join(str(place) for place in places if os.access(place, os.W_OK))
    yield "cgroups", f"writable: {writable}" if writable else "not writable: limits come from the kernel and the watch"
    works = []
    for mode, needed in _REQUIREMENTS.items():
        try:
            with Pool(isolation=mode, prewarm=()) as pool:
                ran = pool.run("print(1)")
            yield mode, "works" if ran.ok else f"starts, but a program ended with {ran.status.value}: {ran.reason}"
            works += [mode] if ran.ok else []
        except SandboxUnavailable as problem:
            yield mode, f"not available; needs {needed}. {problem}"
    verdict = f"programs run in {works[0]}" if works else "nothing here confines hostile code; use a remote sandbox"
    yield "verdict", verdict


SYMPY = "import sympy\nx = sympy.Symbol('x')\nprint(sympy.solve(x**2 - 5*x + 6, x))"


def bench(isolation: str = "auto", rounds: int = 30) -> Iterator[str]:
    """Yield one line per measurement."""
    with Pool(isolation=isolation) as pool:
        yield f"isolation {pool.isolation}, {rounds} rounds each"
        yield _line("trivial program", _times(lambda: pool.run("print(1)"), rounds))
        pair = [Task(entry="program", linked=True), Task(entry="program", linked=True, result=True)]
        yield _line("two linked children", _times(lambda: pool.launch(pair), rounds))
        yield _line("sympy import", _times(lambda: pool.run("import sympy"), rounds))
        yield _line("sympy solve", _times(lambda: pool.run(SYMPY), rounds))
        with Session(pool=pool) as session:
            session.execute(SYMPY)
            yield _line("session cell", _times(lambda: session.execute("1 + 1"), rounds))
            yield _line("session branch", _times(lambda: session.fork(1)[0].close(), rounds))
        began = time.perf_counter()
        with ThreadPoolExecutor(4) as threads:
            list(threads.map(lambda _: pool.run("print(1)"), range(rounds * 4)))
        yield f"{'programs a second, 4 threads':32} {rounds * 4 / (time.perf_counter() - began):8.0f}"


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
