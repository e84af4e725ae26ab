"""Worker processes that compute under limits; usable from threads, asyncio and forked processes.

A worker takes a second to start and is kept. One that exceeds a limit ends, and another is started when needed.
"""

import atexit
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

_WORKER = Path(__file__).with_name("worker.py")
SYMPY = Path(__file__).with_name("sympy_program.py")
MATH_VERIFY = Path(__file__).with_name("math_verify_program.py")
GRADING = Path(__file__).with_name("grading_program.py")
_TRIES = 2


class Answered(StrEnum):
    """How a question to the workers ended."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"
    """The worker could not tell."""
    TOO_SLOW = "timeout"
    DIED = "died"
    """The worker died on this case twice, most likely out of memory."""
    UNAVAILABLE = "verifier_unavailable"
    """No worker could be started: our side is broken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What a worker says about a case."""

    answered: Answered
    version: str = ""
    seconds: float = 0.0
    """Processor time that the answer took."""


class WorkerPool:
    """At most `size` workers that run one program; a caller that finds none free waits for one."""

    def __init__(self, size: int, program: Path = SYMPY) -> None:
        self._program = program
        self._slots = threading.BoundedSemaphore(size)
        self._idle: list[Worker] = []
        self._busy: set[Worker] = set()

    def ask(self, case: Any, *, seconds: float, patience: float) -> Reply:
        """Return what a worker says about a case within so much processor time and so much wall time."""
        for _ in range(_TRIES):
            with self.lent() as worker:
                reply = worker.ask(case, seconds, patience)
            if reply.answered not in (Answered.DIED, Answered.UNAVAILABLE):
                break
        return reply

    @contextmanager
    def lent(self) -> "Iterator[Worker]":
        """Lend a worker: one that waits for work, or a new one. One that does not wait afterwards is ended."""
        with self._slots:
            worker = self._idle.pop() if self._idle else Worker(self._program)
            self._busy.add(worker)
            try:
                yield worker
            finally:  # also on KeyboardInterrupt: a worker with an unread reply must not serve another question
                self._busy.discard(worker)
                if worker.is_waiting:
                    self._idle.append(worker)
                else:
                    worker.end()

    def kill(self) -> None:
        """Kill the workers that are at work; whoever reads their replies sees them end."""
        for worker in list(self._busy):
            worker.process.kill()

    def close(self) -> None:
        """End the workers that wait for work."""
        while self._idle:
            self._idle.pop().end()

    def forget(self) -> None:
        """Let go of the workers without ending them: in a forked child they are the parent's."""
        while self._idle:
            self._idle.pop().forget()


class Worker:
    """One process and the pipes to it."""

    def __init__(self, program: Path) -> None:
        # -P: neither the folder of the script (it holds `math`'s files) nor the working directory is on its path.
        # A session of its own keeps the terminal's Ctrl-C away from it: it ends when this process closes the pipe.
        self.process = subprocess.Popen(
            [sys.executable, "-P", str(_WORKER), str(program)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        self.version: str | None = None
        """The program's version, once the process has started."""
        self.is_waiting = True
        """Whether it has answered all that it was asked, and is alive as far as is known."""

    def ask(self, case: Any, seconds: float, patience: float) -> Reply:
        """Return the answer to one case; the wall time bounds the start of the process too."""
        expired = threading.Event()

        def expire() -> None:
            expired.set()
            self.process.kill()

        # Windows has no limit of processor time.
        timer = threading.Timer(seconds if sys.platform == "win32" and self.version else patience, expire)
        timer.daemon = True
        timer.start()
        replies = next(self.answers([case], {}, seconds=seconds, patience=patience), None)
        timer.cancel()
        version = self.version or ""
        if expired.is_set() or (replies is None and self.exceeded_its_time()):
            self.is_waiting = False
            return Reply(answered=Answered.TOO_SLOW, version=version)
        if replies is None:
            return Reply(answered=Answered.DIED if version else Answered.UNAVAILABLE, version=version)
        return Reply(answered=Answered(replies[0]["answer"]), version=version, seconds=replies[0]["seconds"])

    def answers(
        self, cases: Sequence[Any], options: dict[str, Any], *, seconds: float, patience: float
    ) -> Iterator[list[dict[str, Any]]]:
        """Yield the replies to cases, some at a time, each within those limits; fewer if the process ends at one."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.is_waiting = False
        request = {"cases": cases, "options": options, "seconds": seconds, "patience": patience}
        with suppress(BrokenPipeError):  # a process that is gone answers nothing, which is seen next
            self.process.stdin.write(json.dumps(request).encode() + b"\n")
            self.process.stdin.flush()
        if self.version is None and (first := self._received()) is not None:
            self.version = first["ready"]
        left = len(cases)
        while left:
            replies = self._received()
            if replies is None:
                return
            left -= len(replies)
            self.is_waiting = not left
            yield replies

    def _received(self) -> Any:
        """Return what the process sends next, None if it ends."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        return json.loads(line) if line.endswith(b"\n") else None

    def exceeded_its_time(self) -> bool:
        """Tell whether a process that gave no answer was ended by the limit of its time."""
        return sys.platform != "win32" and self.process.wait() in (-signal.SIGPROF, -signal.SIGALRM)

    def end(self) -> None:
        """Kill the process."""
        self.process.kill()
        self._close_pipes()
        try:
            self.process.wait(0.05)
        except subprocess.TimeoutExpired:  # giving back a gigabyte takes a while, and nobody needs to wait for it
            threading.Thread(target=self.process.wait, daemon=True).start()

    def forget(self) -> None:
        """Close the pipes and leave the process alone."""
        self.process.returncode = 0  # or Popen would warn that the parent's process still runs
        self._close_pipes()

    def _close_pipes(self) -> None:
        for pipe in filter(None, (self.process.stdin, self.process.stdout)):
            with suppress(BrokenPipeError):  # what was not written yet to a process that is gone
                pipe.close()


_lock = threading.Lock()
_pools: dict[Path, WorkerPool] = {}
"""The pools of this process by their program, once they are needed: workers are too dear to start for each call."""


def shared_pool(program: Path = SYMPY) -> WorkerPool:
    """Return this process's pool for a program, with one worker a core; made at first use, closed at exit."""
    with _lock:
        if not _pools:
            atexit.register(_close)
            if hasattr(os, "register_at_fork"):
                os.register_at_fork(after_in_child=_forget)
        if program not in _pools:
            _pools[program] = WorkerPool(cores(), program)
        return _pools[program]


def cores() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


def _close() -> None:
    for pool in _pools.values():
        pool.close()


def _forget() -> None:
    """After a fork: the workers and the lock's state are the parent's."""
    global _lock
    _lock = threading.Lock()
    for pool in _pools.values():
        pool.forget()
    _pools.clear()
