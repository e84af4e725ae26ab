r"""The process in which math-verify runs: `python math_verify_worker.py`, JSON Lines on stdin and stdout.

In: `{"completion": ..., "gold": ..., "seconds": ...}`. Out: first `{"ready": VERSION}`, then for each case
`{"answer": "yes" | "no"}`. It runs as a file of its own and imports nothing of this package. Its time limits need
SIGALRM on the main thread, which is why it has a process: there it is stopped from outside.
"""

import json
import os
import sys
from typing import IO, Any

_MEMORY_BYTES = 2 * 1024**3
_GRACE_SECONDS = 1.0


def main() -> None:
    """Answer cases until stdin closes."""
    channel = _take_stdout()
    _limit_memory()
    import logging
    from importlib.metadata import version

    import math_verify  # noqa: F401 - loaded before "ready", so that no case pays for it

    logging.disable(logging.CRITICAL)
    _send(channel, {"ready": version("math-verify")})
    for line in sys.stdin.buffer:
        case = json.loads(line)
        _alarm(case["seconds"] + _GRACE_SECONDS)
        reply = {"answer": compare(case["completion"], case["gold"])}
        _alarm(0)
        _send(channel, reply)


def compare(completion: str, gold: str) -> str:
    """Say what math-verify says: its own extraction from both, its own comparison."""
    from math_verify import parse, verify

    delimited = any(mark in gold for mark in ("\\boxed", "$", "\\(", "\\["))
    wanted = parse(gold if delimited else f"${gold}$", parsing_timeout=None)
    given = parse(completion, parsing_timeout=None)
    return "yes" if verify(wanted, given, timeout_seconds=None) else "no"


def _take_stdout() -> IO[bytes]:
    """Keep stdout for replies and give everything else that prints the null device."""
    channel = os.fdopen(os.dup(1), "wb", buffering=0)
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.dup2(null, 2)
    return channel


def _limit_memory() -> None:
    if sys.platform == "win32":
        return
    import resource

    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    limit = _MEMORY_BYTES if hard == resource.RLIM_INFINITY else min(_MEMORY_BYTES, hard)
    try:
        resource.setrlimit(resource.RLIMIT_AS, (limit, hard))
    except (ValueError, OSError):  # macOS refuses this limit; the time limit stands
        return


def _alarm(seconds: float) -> None:
    if sys.platform == "win32":
        return
    import signal

    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, seconds)


def _send(channel: IO[bytes], reply: dict[str, Any]) -> None:
    channel.write(json.dumps(reply).encode() + b"\n")


if __name__ == "__main__":
    main()
