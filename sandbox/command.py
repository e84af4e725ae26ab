"""The command line: `python -m sandbox run|session|doctor|bench`. JSON objects, one a line."""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .bench import bench
from .doctor import examine
from .errors import SandboxError
from .limits import MIB, Execution, Limits, Status
from .places import place
from .pool import Pool
from .session import Session

_FIELDS = ("exit_code", "stdout", "stderr", "truncated", "wall_seconds", "cpu_seconds", "isolation", "reason")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code: 0, or 2 when it failed."""
    options = _parser().parse_args(arguments)
    try:
        code: int = options.command(options)
    except (SandboxError, OSError, ValueError) as problem:
        print(f"sandbox: {_in_words(problem)}", file=sys.stderr)
        return 2
    return code


def _in_words(problem: Exception) -> str:
    """Return the message of an exception; a file that cannot be read is named first."""
    if isinstance(problem, OSError) and problem.filename:
        return f"{problem.filename}: {problem.strerror}; name a file that can be read"
    return str(problem)


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


def _run(options: argparse.Namespace) -> int:
    code = options.file.read_bytes()
    stdin = options.stdin.read_bytes() if options.stdin else b""
    with place(options.isolation, prewarm=()) as where:
        ran = where.run(code, stdin=stdin, limits=_limits(options))
        print(_as_json(ran), flush=True)
    return 2 if ran.status is Status.SANDBOX_ERROR else 0


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
        order = _json(line)
        name = order.get("in", "")
        if not isinstance(name, str) or name not in branches:
            raise ValueError(f"no branch is called {name!r}")
        if "fork" in order:
            return _fork(order["fork"], branches, branches[name])
        if not isinstance(order.get("code"), str):
            raise ValueError('a line needs "code" (text) or "fork" (a name)')
        execution = branches[name].execute(order["code"])
    except (ValueError, TypeError, RecursionError, SandboxError) as problem:
        return _as_json(_NOTHING_RAN, reason=str(problem))
    return _as_json(execution, result=execution.result)


def _json(line: bytes) -> dict[str, Any]:
    try:
        order = json.loads(line)
    except ValueError as problem:
        raise ValueError(f"the line is not JSON: {problem}") from None
    if not isinstance(order, dict):
        raise ValueError("a line must be a JSON object")
    return order


_NOTHING_RAN = Execution(
    status=Status.SANDBOX_ERROR, exit_code=None, stdout="", stderr="", truncated=False,
    wall_seconds=0.0, cpu_seconds=0.0, isolation="none",
)  # fmt: skip


def _fork(name: object, branches: dict[str, Session], origin: Session) -> str:
    if not isinstance(name, str) or not name:
        raise ValueError(f'"fork" must be a name, got {name!r}')
    if name in branches:
        raise ValueError(f"a branch {name!r} exists already")
    branches[name] = origin.fork(1)[0]
    return json.dumps({"status": Status.OK.value, "fork": name})


def _doctor(options: argparse.Namespace) -> int:
    findings = examine()
    if options.json:
        print(json.dumps(dict(findings)))
    else:
        for name, finding in findings:
            print(f"{name:<12} {finding}")
    return 0


def _bench(options: argparse.Namespace) -> int:
    if options.rounds < 2:
        raise ValueError(f"--rounds must be at least 2, got {options.rounds}")
    for line in bench(options.isolation, options.rounds):
        print(line, flush=True)
    return 0


def _limits(options: argparse.Namespace) -> Limits:
    return Limits(wall_seconds=options.seconds, memory_bytes=options.memory_mb * MIB)


def _as_json(execution: Execution, **more: object) -> str:
    """Return one line of JSON for an execution."""
    fields = {"status": execution.status.value} | {name: getattr(execution, name) for name in _FIELDS}
    return json.dumps(fields | more)
