"""The command line: `python -m sandbox run|session|doctor|bench`. JSON objects, one a line; no logic of its own."""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from .errors import SandboxError
from .limits import MIB, Execution, Limits
from .pool import Pool

_FIELDS = ("exit_code", "stdout", "stderr", "truncated", "wall_seconds", "cpu_seconds", "isolation", "reason")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code: 0, or 2 when it could not do what was asked."""
    options = _parser().parse_args(arguments)
    try:
        code: int = options.command(options)
    except (SandboxError, OSError, ValueError) as problem:
        print(f"sandbox: {problem}", file=sys.stderr)
        return 2
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m sandbox", description="Run code nobody trusts.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    run = commands.add_parser("run", help="run one Python file and print what came of it as JSON")
    run.add_argument("file", metavar="FILE.py", type=Path)
    run.add_argument("--stdin", metavar="FILE", type=Path, help="what the program reads; nothing by default")
    run.set_defaults(command=_run)
    for command in (run,):
        command.add_argument("--seconds", type=float, default=5.0, help="wall clock (default 5)")
        command.add_argument("--memory-mb", type=int, default=512, help="memory (default 512)")
        command.add_argument("--isolation", default="auto", metavar="auto|full|flat|bubblewrap|URL")
    return parser


def _run(options: argparse.Namespace) -> int:
    code = options.file.read_bytes()
    stdin = options.stdin.read_bytes() if options.stdin else b""
    with Pool(isolation=options.isolation, prewarm=()) as pool:
        print(as_json(pool.run(code, stdin=stdin, limits=_limits(options))), flush=True)
    return 0


def _limits(options: argparse.Namespace) -> Limits:
    return Limits(wall_seconds=options.seconds, memory_bytes=options.memory_mb * MIB)


def as_json(execution: Execution, **more: object) -> str:
    """One line of JSON for an execution."""
    fields = {"status": execution.status.value} | {name: getattr(execution, name) for name in _FIELDS}
    return json.dumps(fields | more)
