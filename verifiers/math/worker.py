r"""The process in which math-verify runs: `python worker.py`, JSON Lines on stdin and stdout.

In: `{"answer": ..., "gold": ..., "seconds": ...}`. Out: first `{"ready": VERSION}`, then for each case
`{"equal": bool, "gold_read": bool, "answer_read": bool}`. It runs as a file of its own and imports nothing of this
package. It ends when stdin closes. Whoever started it kills it when a case takes too long; should that process be gone
by then, an alarm with the system's default action ends it (Python code could not: a computation inside C may hold the
interpreter, and PR_SET_PDEATHSIG would fire already when the *thread* that started it ends).
"""

import json
import os
import re
import sys
from typing import IO, Any

_MEMORY_BYTES = 2 * 1024**3
_GRACE_SECONDS = 1.0


def main() -> None:
    """Answer cases until stdin closes."""
    channel = _take_stdout()
    _limit_memory()
    _silence()
    from importlib.metadata import version

    import math_verify  # noqa: F401 - loaded before "ready", so that no case pays for it

    _send(channel, {"ready": version("math-verify")})
    for line in sys.stdin.buffer:
        case = json.loads(line)
        _alarm(case["seconds"] + _GRACE_SECONDS)
        reply = compare(case["answer"], case["gold"])
        _alarm(0)
        _send(channel, reply)


def compare(answer: str, gold: str) -> dict[str, bool]:
    """Return math-verify's judgement and whether it could read either side as mathematics."""
    from math_verify import verify

    wanted, given = _parse(gold), _parse(answer)
    # verify logs and swallows what sympy raises for pairs that make no sense: that is a plain "not equal".
    equal = bool(verify(wanted, given, timeout_seconds=None))
    return {"equal": equal, "gold_read": _is_read(wanted), "answer_read": _is_read(given)}


def _parse(text: str) -> list[Any]:
    from math_verify import LatexExtractionConfig, parse

    # math-verify takes "b + c" in "a + b + c" for a unit, and the i of "24i" for a symbol that is not the unit i.
    text = re.sub(r" ?([-+*/]) ?", r"\1", text)
    text = re.sub(r"(?<=[0-9])i(?![A-Za-z])", " i", text)
    delimited = any(mark in text for mark in ("\\boxed", "$", "\\(", "\\["))
    wrapped = text if delimited else f"\\boxed{{{text}}}"
    return list(parse(wrapped, [LatexExtractionConfig(boxed_match_priority=0)], parsing_timeout=None))


def _is_read(parsed: list[Any]) -> bool:
    return any(not isinstance(item, str) for item in parsed)


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


def _silence() -> None:
    import logging
    import warnings

    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")


def _send(channel: IO[bytes], reply: dict[str, Any]) -> None:
    channel.write(json.dumps(reply).encode() + b"\n")


if __name__ == "__main__":
    main()
