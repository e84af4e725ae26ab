"""A test run with itself for an audience: what a child does while it waits, so that it is quick when its job comes.

Memory that a fork shares with its parent is copied page by page when it is first written to, and Python writes to
whatever it looks at. Going through the motions once takes these pages, and the machine's caches, out of the way. All of
it is undone: what a program finds is what it would have found without.
"""

import contextlib
import signal
import sys
from collections.abc import Callable, Iterator

from ..channel import FRAME_LIMIT, Channel
from .candidate import Candidate
from .candidate_program import Program, Reading
from .tester import judge

_PROGRAM = Program(readings=(Reading(source="def f(x):\n    return [n + 1 for n in x]\n"),))
_TESTS = {
    "style": "assert",
    "code": "def check(candidate):\n    assert candidate([1, 2]) == [2, 3]\n",
    "entry_point": "f",
    "prompt": "",
    "fail_fast": False,
    "candidate_seconds": 60.0,
    "total_seconds": 60.0,
    "keep_arguments": False,
}


def rehearse() -> str:
    """Run a program against its tests within this process; return what came of it.

    >>> rehearse()
    'passed'
    """
    with _undone():
        line = _Line()
        candidate = Candidate(_PROGRAM, line)
        candidate.load()
        line.answer = candidate.serve_once
        outcome: str = judge(_TESTS, line)["outcome"]
    return outcome


class _Line(Channel):
    """Both ends of a line in one: a question is answered when its answer is awaited."""

    __slots__ = ("_frame", "answer")

    def __init__(self) -> None:
        super().__init__(-1)
        self._frame: bytes | None = None
        self.answer: Callable[[], None] | None = None

    def send(self, frame: bytes) -> None:
        self._frame = frame

    def receive(self, limit: int = FRAME_LIMIT) -> bytes | None:
        if self.answer is not None:
            answer, self.answer = self.answer, None
            answer()
            self.answer = answer
        return self._frame


@contextlib.contextmanager
def _undone() -> Iterator[None]:
    """Put back what a run changes for good: modules, streams, arguments, the alarm."""
    modules, streams, arguments = dict(sys.modules), (sys.stdin, sys.stdout, sys.stderr), list(sys.argv)
    handler, blocked = signal.getsignal(signal.SIGALRM), signal.pthread_sigmask(signal.SIG_BLOCK, ())
    try:
        yield
    finally:
        signal.signal(signal.SIGALRM, handler)
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
        sys.stdin, sys.stdout, sys.stderr = streams
        sys.argv[:] = arguments
        for name in set(sys.modules) - set(modules):
            del sys.modules[name]
        sys.modules.update(modules)
