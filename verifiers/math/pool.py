"""Worker processes that compute under a time limit; usable from threads, asyncio and forked processes.

A worker takes a second to start and is kept. One that exceeds its time is killed and another started when needed.
"""

import atexit
import json
import os
import subprocess
import sys
import threading
from concurrent.futures import Future
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from time import perf_counter
from typing import Any

_WORKER = Path(__file__).with_name("worker.py")
SYMPY = Path(__file__).with_name("sympy_worker.py")
MATH_VERIFY = Path(__file__).with_name("math_verify_worker.py")

_LEAST_SECONDS = 0.3
"""What a case gets to compute at least: the start of its worker is taken from its time."""
_TRIES = 2


class Answered(StrEnum):
    """How a question to the workers ended."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"
    """The worker could not tell."""
    TOO_SLOW = "timeout"
    STARTING = "starting"
    """The worker did not start within the case's time; it goes on starting, for the next one."""
    BUSY = "busy"
    """All workers served other callers all the time that the case had."""
    DIED = "died"
    """The worker died on this pair twice, out of memory most likely."""
    UNAVAILABLE = "verifier_unavailable"
    """No worker could be started: our side is broken."""


_KEPT = (Answered.YES, Answered.NO, Answered.UNKNOWN, Answered.STARTING)
"""After these the worker serves further cases."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What a worker says about a pair."""

    answered: Answered
    version: str = ""


class WorkerPool:
    """At most `size` workers; a caller that finds none free waits for one, as long as its case has time."""

    def __init__(self, size: int, program: Path = SYMPY) -> None:
        self._program = program
        self._slots = threading.BoundedSemaphore(size)
        self._idle: list[_Worker] = []

    def ask(self, case: dict[str, Any], *, seconds: float) -> Reply:
        """Return what a worker says about a case, computing for at most so many seconds."""
        deadline = perf_counter() + seconds
        if not self._slots.acquire(timeout=seconds):
            return Reply(answered=Answered.BUSY)
        try:
            for _ in range(_TRIES):
                reply = self._ask_one(case, max(deadline - perf_counter(), 0.1))
                if reply.answered not in (Answered.DIED, Answered.UNAVAILABLE) or perf_counter() > deadline - 0.2:
                    break
        finally:
            self._slots.release()
        return reply

    def _ask_one(self, case: dict[str, Any], seconds: float) -> Reply:
        worker = self._idle.pop() if self._idle else _Worker(self._program)
        kept = False
        try:
            reply = worker.ask(case, seconds)
            kept = reply.answered in _KEPT
        finally:  # also on KeyboardInterrupt: a worker with an unread reply must not serve another question
            if kept:
                self._idle.append(worker)
            else:
                worker.kill()
        return reply

    @property
    def pids(self) -> list[int]:
        """Process ids of the workers that wait for work."""
        return [worker.process.pid for worker in self._idle]

    def close(self) -> None:
        """End the workers that wait for work."""
        while self._idle:
            self._idle.pop().kill()

    def forget(self) -> None:
        """Let go of the workers without ending them: in a forked child they are the parent's."""
        while self._idle:
            self._idle.pop().forget()


class _Worker:
    """One process and the pipes to it."""

    def __init__(self, program: Path) -> None:
        # -P: neither the folder of the script (it holds `math`'s files) nor the working directory is on its path.
        # A session of its own keeps the terminal's Ctrl-C away from it: it ends when this process closes the pipe.
        self.process = subprocess.Popen(
            [sys.executable, "-P", str(_WORKER), str(program)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
            start_new_session=True,
        )
        self._ready: Future[str | None] = Future()
        self._starter = threading.Thread(target=self._await_start, daemon=True)
        self._starter.start()

    def ask(self, case: dict[str, Any], seconds: float) -> Reply:
        started = perf_counter()
        try:
            version = self._ready.result(seconds)
        except TimeoutError:
            return Reply(answered=Answered.STARTING)
        if version is None:
            return Reply(answered=Answered.UNAVAILABLE)
        left = max(seconds - (perf_counter() - started), _LEAST_SECONDS)
        if not self._send({**case, "seconds": left}):
            return Reply(answered=Answered.DIED)
        reply = self._receive(left)
        if isinstance(reply, Answered):
            return Reply(answered=reply, version=version)
        answers = {"yes": Answered.YES, "no": Answered.NO}
        return Reply(answered=answers.get(reply["answer"], Answered.UNKNOWN), version=version)

    def _await_start(self) -> None:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        self._ready.set_result(json.loads(line)["ready"] if line.endswith(b"\n") else None)

    def _send(self, case: dict[str, Any]) -> bool:
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(json.dumps(case).encode() + b"\n")
        except BrokenPipeError:
            return False
        return True

    def _receive(self, seconds: float) -> dict[str, Any] | Answered:
        """Read one reply; a timer ends the worker, and with it the reading, when the time is over."""
        assert self.process.stdout is not None
        expired = threading.Event()

        def expire() -> None:
            expired.set()
            self.process.kill()

        timer = threading.Timer(seconds, expire)
        timer.daemon = True
        timer.start()
        line = self.process.stdout.readline()
        timer.cancel()
        if line.endswith(b"\n") and not expired.is_set():
            reply: dict[str, Any] = json.loads(line)
            return reply
        return Answered.TOO_SLOW if expired.is_set() else Answered.DIED

    def kill(self) -> None:
        self.process.kill()
        self._starter.join(0.5)  # it reads from a pipe that is closed next
        self._close_pipes()
        try:
            self.process.wait(0.05)
        except subprocess.TimeoutExpired:  # giving back a gigabyte takes a while, and nobody needs to wait for it
            threading.Thread(target=self.process.wait, daemon=True).start()

    def forget(self) -> None:
        self.process.returncode = 0  # or Popen would warn that the parent's process still runs
        self._close_pipes()

    def _close_pipes(self) -> None:
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()


_lock = threading.Lock()
_pools: dict[Path, WorkerPool] = {}
"""The pools of this process by what they run, once they are needed: workers are too dear to start for each call."""


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
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


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
