"""A rehearsed test run, done by a child that waits for its job, so that the real one starts faster.

A fork's memory is copied page by page at the first write, and Python writes to every object that it reads. A rehearsal
copies these pages and warms the caches. It is undone: a program cannot notice it.
"""

import signal
import sys
from collections.abc import Callable

from ..wire import MAX_FRAME_BYTES, Channel
from .candidate import Candidate
from .candidate_program import Program, Reading
from .tester import judge

_PROGRAM = Program(readings=(Reading(source="def f(x):\n    return [n + 1 for n in x]\n"),))
_TESTS = {
    "style": "assert", "code": "def check(candidate):\n    assert candidate([1, 2]) == [2, 3]\n", "entry_point": "f",
    "fallback": None,
    "prompt": "", "fail_fast": False, "candidate_seconds": 60.0, "total_seconds": 60.0, "keep_arguments": False,
}  # fmt: skip


def rehearse() -> str:
    """Run a program against its tests within this process; return the outcome.

    Modules, streams, arguments and the alarm, which a run changes for good, are restored.

    >>> rehearse()
    'passed'
    """
    modules, streams, arguments = dict(sys.modules), (sys.stdin, sys.stdout, sys.stderr), list(sys.argv)
    handler, blocked = signal.getsignal(signal.SIGALRM), signal.pthread_sigmask(signal.SIG_BLOCK, ())
    try:
        link = _Loop()
        candidate = Candidate(_PROGRAM, link)
        candidate.load()
        link.answer = candidate.link.serve_once
        outcome: str = judge(_TESTS, link)["outcome"]
    finally:
        signal.signal(signal.SIGALRM, handler)
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
        sys.stdin, sys.stdout, sys.stderr = streams
        sys.argv[:] = arguments
        for name in set(sys.modules) - set(modules):
            del sys.modules[name]
        sys.modules.update(modules)
    return outcome


class _Loop(Channel):
    """Both ends of a link: a request is answered when its answer is awaited."""

    __slots__ = ("_frame", "answer")

    def __init__(self) -> None:
        super().__init__(-1)
        self._frame: bytes | None = None
        self.answer: Callable[[], None] | None = None

    def send(self, frame: bytes) -> None:
        self._frame = frame

    def receive(self, limit: int = MAX_FRAME_BYTES) -> bytes | None:
        if self.answer is not None:
            answer, self.answer = self.answer, None
            answer()
            self.answer = answer
        return self._frame
