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
from concurrent.futures import Future, ThreadPoolExecutor
from io import BufferedReader
from queue import Queue
from threading import Event, Thread
from typing import Any, BinaryIO

from . import Outcome, Verdict
from .dispatch import verify_isolated

_IN_FLIGHT = 256
"""Lines read ahead of the answer that is written next."""


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
    isolation = parser.parse_args(argv).isolation
    return _answer_all(_lines(sys.stdin.buffer), isolation)


def answer_line(line: bytes, isolation: str = "auto") -> dict[str, Any]:
    """Return the case with its verdict's fields; for code also the isolation that the program ran under.

    >>> answer_line(b'{"kind": "math", "completion": "5", "answer": "5", "n": 1}')["correct"]
    True
    """
    try:
        case = json.loads(line)
    except (ValueError, RecursionError) as error:
        return _row({}, Verdict(outcome=Outcome.ERROR, reason=f"bad_line: not JSON: {error}"))
    if not isinstance(case, dict):
        return _row({}, Verdict(outcome=Outcome.ERROR, reason="bad_line: not a JSON object"))
    if "completion" not in case:
        return _row(case, Verdict(outcome=Outcome.ERROR, reason="bad_input: no `completion`"))
    verdict, ran_under = verify_isolated(case, case["completion"], isolation=isolation)
    row = _row(case, verdict)
    return row if ran_under is None else {**row, "isolation": ran_under}


def _lines(stream: "BufferedReader | BinaryIO") -> Iterable[bytes]:
    """Return the lines of a stream, which may be gzipped."""
    if isinstance(stream, BufferedReader) and stream.peek(2)[:2] == b"\x1f\x8b":
        return gzip.open(stream)
    return stream


def _row(case: dict[str, Any], verdict: Verdict) -> dict[str, Any]:
    row = verdict.to_row()
    kept = {key: row[key] for key in ("outcome", "extracted", "method", "reason", "seconds")}
    return {**case, **kept, "correct": verdict.correct}


def _answer_all(lines: Iterable[bytes], isolation: str) -> int:
    pending: Queue[Future[dict[str, Any]] | None] = Queue(_IN_FLIGHT)
    closed = Event()
    writer = Thread(target=_write, args=(pending, closed), daemon=True)
    writer.start()
    with ThreadPoolExecutor(os.cpu_count() or 1) as executor:
        for line in lines:
            if closed.is_set():
                break
            if line.strip():
                pending.put(executor.submit(answer_line, line, isolation))
        pending.put(None)
        writer.join()
    return int(closed.is_set())


def _write(pending: "Queue[Future[dict[str, Any]] | None]", closed: Event) -> None:
    while (future := pending.get()) is not None:
        row = future.result()
        if closed.is_set():
            continue  # the reader still puts lines into the queue: drain it, or it would block there
        try:
            sys.stdout.write(json.dumps(row) + "\n")
            sys.stdout.flush()
        except BrokenPipeError:
            closed.set()
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # so that the interpreter's last flush has somewhere to go


if __name__ == "__main__":
    sys.exit(main())
