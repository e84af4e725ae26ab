"""`python -m verifiers < cases.jsonl > verdicts.jsonl`: one JSON object in, one out, in the same order.

Answers come as they are ready, so that a program may hold both pipes open. A line that cannot be read is answered with
the outcome `error`; the rest go on.
"""

import argparse
import gzip
import json
import os
import sys
from collections.abc import Iterable
from io import BufferedReader
from queue import Queue
from threading import Event, Thread
from typing import Any

from . import Outcome, Verdict
from .dispatch import Case, CaseOptions
from .many import CaseExecutor, Pending

_IN_FLIGHT = 256
"""Lines read ahead of the answer that is written next."""
_Row = dict[str, Any]
_Answers = Queue[tuple[_Row, Pending | Verdict] | None]


def main(argv: list[str] | None = None) -> int:
    """Answer every line of stdin; return the exit status, 1 if stdout was closed before the end.

    `audit FILE` measures the verifiers on labelled rows instead, `strength FILE` the tests of code problems.
    """
    argv = sys.argv[1:] if argv is None else argv
    if argv[:1] == ["audit"]:
        from .audit import main as audit

        return audit(argv[1:])
    if argv[:1] == ["strength"]:
        from .code.strength import main as strength

        return strength(argv[1:])
    parser = argparse.ArgumentParser(prog="python -m verifiers", description="Judge JSON Lines from stdin to stdout.")
    parser.add_argument("--isolation", choices=("auto", "full", "flat"), default="auto", help="for cases of kind code")
    parser.add_argument("--strict", action="store_true", help="mathematics: only a marked answer counts")
    given = parser.parse_args(argv)
    lines: Iterable[bytes] = sys.stdin.buffer
    if isinstance(lines, BufferedReader) and lines.peek(2)[:2] == b"\x1f\x8b":
        lines = gzip.open(lines)  # noqa: SIM115 - open until the process ends, as stdin is
    return _answer_all(lines, CaseOptions(strict=given.strict, isolation=given.isolation))


def _answer_all(lines: Iterable[bytes], options: CaseOptions) -> int:
    pending: _Answers = Queue(_IN_FLIGHT)
    closed = Event()
    writer = Thread(target=_write, args=(pending, closed), daemon=True)
    writer.start()
    with CaseExecutor(inline=False) as executor:
        for line in lines:
            if closed.is_set():
                break
            if line.strip():
                case, error = _read(line)
                broken = Verdict(outcome=Outcome.ERROR, reason=error) if error else None
                pending.put((case, broken or executor.submit(Case(case, case.get("completion"), options))))
        pending.put(None)
        writer.join()
    return int(closed.is_set())


def _read(line: bytes) -> tuple[_Row, str]:
    """Return the case in a line, or the reason why there is none."""
    try:
        case = json.loads(line)
    except (ValueError, RecursionError) as error:
        return {}, f"bad_line: not JSON: {error}"
    return (case, "") if isinstance(case, dict) else ({}, "bad_line: not a JSON object")


def _write(pending: _Answers, closed: Event) -> None:
    """Write each case with its verdict's fields; for code also the isolation that the program ran under."""
    while (entry := pending.get()) is not None:
        if closed.is_set():
            continue  # the reader still puts lines into the queue: drain it, or it would block there
        case, answer = entry
        verdict, isolation = (answer, None) if isinstance(answer, Verdict) else (answer.result(), answer.isolation)
        row = verdict.to_row()
        kept = {key: row[key] for key in ("outcome", "extracted", "method", "reason", "seconds")}
        ran = {} if isolation is None else {"isolation": isolation}
        try:
            sys.stdout.write(json.dumps({**case, **kept, "correct": verdict.correct, **ran}) + "\n")
            sys.stdout.flush()
        except BrokenPipeError:
            closed.set()
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # so that the interpreter's last flush has somewhere to go


if __name__ == "__main__":
    sys.exit(main())
