"""The process of a worker: `python worker.py PROGRAM`, JSON Lines on stdin and stdout.

PROGRAM is a file with `MEMORY_BYTES` (None: no limit), `load() -> str` (imports what it needs, returns its version) and
`answer(case, options)`. Out: first `{"ready": VERSION}`. In: `{"cases": [...], "options": {...}, "seconds": PROCESSOR
TIME, "patience": WALL TIME}`; out: lists of `{"answer": ..., "seconds": ...}`, together one for each case. It ends when
stdin closes.

A case that exceeds its time ends the process, by timers with the system's default action: Python code could not do it,
as a computation inside C may hold the interpreter. So a worker that computes ends even when its owner is gone
(PR_SET_PDEATHSIG would fire already when the *thread* that started it ends).
"""

import json
import logging
import os
import signal
import sys
import warnings
from contextlib import suppress
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from time import perf_counter, process_time
from typing import IO, Any

_HOLD_SECONDS = 0.01
"""How long a reply may wait for the next ones, so that quick ones are sent together."""


def main(program: Path) -> None:
    """Answer cases until stdin closes."""
    channel = _take_stdout()
    spec = spec_from_file_location(program.stem, program)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    if sys.platform != "win32":  # the default action: end the process
        signal.signal(signal.SIGPROF, signal.SIG_DFL)
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
    _limit_memory(module.MEMORY_BYTES)
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    _send(channel, {"ready": module.load()})
    for line in sys.stdin.buffer:
        request, sent = json.loads(line), perf_counter()
        replies: list[dict[str, Any]] = []
        for case in request["cases"]:
            if not replies:  # not before every quick one: a timer costs as much as an easy comparison
                _limit_time(request["seconds"], request["patience"])
            started = process_time()
            replies.append({"answer": module.answer(case, request["options"]), "seconds": process_time() - started})
            if perf_counter() - sent > _HOLD_SECONDS:
                _send(channel, replies)
                replies, sent = [], perf_counter()
        _limit_time(0, 0)
        if replies:
            _send(channel, replies)


def _take_stdout() -> IO[bytes]:
    """Keep stdout for replies and give everything else that prints the null device."""
    channel = os.fdopen(os.dup(1), "wb", buffering=0)
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.dup2(null, 2)
    return channel


def _limit_memory(size: int | None) -> None:
    if sys.platform == "win32" or size is None:
        return
    import resource

    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    limit = size if hard == resource.RLIM_INFINITY else min(size, hard)
    with suppress(ValueError, OSError):  # macOS refuses this limit; the time limit stands
        resource.setrlimit(resource.RLIMIT_AS, (limit, hard))


def _limit_time(seconds: float, patience: float) -> None:
    """Let the system end this process after so much processor time or wall time; 0 lifts the limits."""
    if sys.platform != "win32":
        signal.setitimer(signal.ITIMER_PROF, seconds)
        signal.setitimer(signal.ITIMER_REAL, patience)


def _send(channel: IO[bytes], replies: Any) -> None:
    channel.write(json.dumps(replies).encode() + b"\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
