r"""The process of a worker: `python worker.py PROGRAM`, JSON Lines on stdin and stdout.

PROGRAM is a file with `MEMORY_BYTES`, `load() -> str` (imports what it needs, returns its version) and `answer(case)`.
Out: first `{"ready": VERSION}`, then `{"answer": ...}` for each case; every case has `seconds`. It runs as a file of
its own and imports nothing of this package. It ends when stdin closes. Whoever started it kills it when a case takes
too long; should that process be gone by then, an alarm with the system's default action ends it (Python code could not:
a computation inside C may hold the interpreter, and PR_SET_PDEATHSIG would fire already when the *thread* that started
it ends).
"""

import json
import os
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import IO, Any

_GRACE_SECONDS = 1.0


def main(program: Path) -> None:
    """Answer cases until stdin closes."""
    channel = _take_stdout()
    module = _loaded(program)
    _limit_memory(module.MEMORY_BYTES)
    _silence()
    _send(channel, {"ready": module.load()})
    for line in sys.stdin.buffer:
        case = json.loads(line)
        _alarm(case["seconds"] + _GRACE_SECONDS)
        reply = {"answer": module.answer(case)}
        _alarm(0)
        _send(channel, reply)


def _loaded(program: Path) -> Any:
    spec = spec_from_file_location(program.stem, program)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _take_stdout() -> IO[bytes]:
    """Keep stdout for replies and give everything else that prints the null device."""
    channel = os.fdopen(os.dup(1), "wb", buffering=0)
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.dup2(null, 2)
    return channel


def _limit_memory(size: int) -> None:
    if sys.platform == "win32":
        return
    import resource

    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    limit = size if hard == resource.RLIM_INFINITY else min(size, hard)
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


def _silence() -> None:
    import logging
    import warnings

    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")


def _send(channel: IO[bytes], reply: dict[str, Any]) -> None:
    channel.write(json.dumps(reply).encode() + b"\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
