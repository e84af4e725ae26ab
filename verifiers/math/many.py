"""Judges many cases on all cores: in order, with a bounded number in flight, and one retry when a process dies.

The first cases are judged in this process, so that few of them start no other one. Each further process reads chunks of
cases from a pipe; one that dies is replaced and its chunk judged once more, case by case if it dies again.
"""

import json
import os
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any

from ..verdict import Outcome, Verdict
from .grading import grade
from .policy import DEFAULT, Policy
from .pool import cores

_FIRST = 256
"""Cases that are judged in this process before others are started."""
_CHUNK = 64
_CHUNKS_AHEAD = 3
"""Chunks in flight for each process."""

Case = tuple[str, str]


def grade_many(
    cases: Iterable[Case],
    *,
    strict: bool = False,
    timeout: float = 2.0,
    workers: int | None = None,
    policy: Policy = DEFAULT,
) -> Iterator[Verdict]:
    r"""Judge (completion, answer) pairs, in order; the input is read a bounded number of cases ahead.

    workers is how many processes work at once, by default one a core.

    >>> [str(v.outcome) for v in grade_many([("\\boxed{1}", "1"), ("\\boxed{2}", "1")])]
    ['correct', 'incorrect']
    """
    rest = iter(cases)
    for completion, answer in islice(rest, _FIRST):
        yield grade(completion, answer, strict=strict, timeout=timeout, policy=policy)
    workers = workers or cores()
    options = {"strict": strict, "timeout": timeout, "policy": _policy_row(policy)}
    yield from _in_processes(rest, workers, options)


def _policy_row(policy: Policy) -> dict[str, Any]:
    return {name: getattr(policy, name) for name in Policy.__dataclass_fields__}


def _in_processes(cases: Iterator[Case], workers: int, options: dict[str, Any]) -> Iterator[Verdict]:
    first = list(islice(cases, _CHUNK))
    if not first:
        return
    pending: deque[Future[list[Verdict]]] = deque()
    graders = _Graders(options)
    executor = ThreadPoolExecutor(workers)
    try:
        pending.append(executor.submit(graders.judge, first))
        while chunk := list(islice(cases, _CHUNK)):
            pending.append(executor.submit(graders.judge, chunk))
            if len(pending) >= workers * _CHUNKS_AHEAD:
                yield from pending.popleft().result()
        while pending:
            yield from pending.popleft().result()
    finally:
        executor.shutdown(wait=True, cancel_futures=True)
        graders.close()


class _Graders:
    """The processes, one a thread that judges."""

    def __init__(self, options: dict[str, Any]) -> None:
        self._options = options
        self._local = threading.local()
        self._all: list[subprocess.Popen[bytes]] = []

    def judge(self, chunk: list[Case]) -> list[Verdict]:
        """Judge a chunk; if its process dies, once more in a new one, case by case."""
        rows = self._ask(chunk)
        if rows is not None:
            return rows
        retried = [(case, self._ask([case])) for case in chunk]
        return [found[0] if found else _died(case) for case, found in retried]

    def _ask(self, chunk: list[Case]) -> list[Verdict] | None:
        process = getattr(self._local, "process", None)
        if process is None or process.poll() is not None:
            process = self._local.process = self._start()
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(json.dumps(chunk).encode() + b"\n")
            process.stdin.flush()
            line = process.stdout.readline()
        except BrokenPipeError:
            line = b""
        if not line.endswith(b"\n"):
            process.kill()
            process.wait()
            self._local.process = None
            return None
        return [Verdict.from_row(row) for row in json.loads(line)]

    def _start(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-c", _PROGRAM, str(Path(__file__).parents[2]), json.dumps(self._options)]
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True
        )
        self._all.append(process)
        return process

    def close(self) -> None:
        """End the processes: a closed pipe ends each after its chunk, and one that does not end is killed."""
        for process in self._all:
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    with suppress(BrokenPipeError):  # what was not written yet to a process that is gone
                        pipe.close()
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _died(case: Case) -> Verdict:
    return Verdict(
        outcome=Outcome.ERROR, expected=case[1], reason="verifier_died: the process that judged it died twice"
    )


_PROGRAM = f"import sys; sys.path.insert(0, sys.argv[1]); import {__package__}.many as many; many.serve(sys.argv[2])"


def serve(options: str) -> None:
    """Judge chunks from stdin until it closes; what a process of `grade_many` runs."""
    given = json.loads(options)
    policy = Policy(**given.pop("policy"))
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    for line in sys.stdin.buffer:
        rows = [grade(completion, answer, policy=policy, **given).to_row() for completion, answer in json.loads(line)]
        out.write(json.dumps(rows).encode() + b"\n")
        out.flush()
