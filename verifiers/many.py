"""Judges many cases on all cores: in order, with a bounded number read ahead. Everything that judges sits on it.

Mathematics is judged in worker processes, which can be killed; programs are judged in threads, each of which waits for
a sandboxed process. The first cases of mathematics are judged in this process, so that a few of them start no other.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from time import perf_counter
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

from .dispatch import Case, CaseOptions, CodeCase, MathCase, error_verdict, field_of, read_case
from .verdict import Outcome, Verdict

if TYPE_CHECKING:
    from .math.policy import Policy

_INLINE_SECONDS = 0.5
"""Time that is spent on mathematics in this process before others are started."""
_CHUNK = 32
"""Cases of mathematics that a process gets at a time, at most."""
_AHEAD = 4 * _CHUNK
"""Cases read ahead for each worker."""
_PROGRAMS_AHEAD = 8
"""Programs read ahead for each worker: their tests may be large."""
_SECONDS, _PATIENCE = 3.0, 10.0
"""Processor time and wall time that one case of mathematics may take in its process, on top of the timeout. Comparisons
end long before, so that this ends only one that hangs; no case takes longer, however busy the machine is."""
_BRIEF_SECONDS, _BRIEF_PATIENCE = 1.0, 2.0
"""The same where a case is judged alone because one of its chunk took too long."""

_HUNG = Verdict(outcome=Outcome.UNDECIDED, reason="out_of_time")
_DIED = error_verdict("verifier_died: the process that judged it died twice")
T = TypeVar("T")


def verify_many(
    cases: Iterable[Any],
    *,
    strict: bool = False,
    timeout: float = 2.0,
    policy: "Policy | None" = None,
    isolation: str = "auto",
    workers: int | None = None,
) -> Iterator[Verdict]:
    r"""Judge cases of both kinds, in order; the input is read a bounded number of cases ahead.

    A case is a mapping or an object with `completion`, `kind` and `answer` (or `tests`), as `verify` takes a problem.
    strict, timeout (seconds of processor time of one comparison) and policy are for mathematics, isolation (auto, full
    or flat) is for code. workers is how many cases of each kind are judged at once, by default one a core.

    >>> cases = [{"completion": "\\boxed{1}", "answer": "1"}, {"completion": "\\boxed{2}", "answer": "1"}]
    >>> [str(verdict.outcome) for verdict in verify_many(cases)]
    ['correct', 'incorrect']
    """
    options = CaseOptions(strict=strict, timeout=timeout, policy=policy, isolation=isolation)
    pairs = verify_each(cases, lambda case: Case(case, field_of(case, "completion"), options), workers=workers)
    yield from (verdict for _, verdict in pairs if verdict is not None)


def verify_each(
    items: Iterable[T], case_of: Callable[[T], Case | None], *, workers: int | None = None
) -> Iterator[tuple[T, Verdict | None]]:
    """Pair each item with the verdict on its case, in order; an item whose case is None passes with None."""
    ahead: deque[tuple[T, Pending | None]] = deque()
    with CaseExecutor(workers=workers) as executor:
        for item in items:
            case = case_of(item)
            ahead.append((item, None if case is None else executor.submit(case)))
            while ahead and (len(ahead) >= executor.max_ahead or ahead[0][1] is None or ahead[0][1].verdict):
                yield _next(ahead)
        while ahead:
            yield _next(ahead)


def _next(ahead: "deque[tuple[T, Pending | None]]") -> tuple[T, Verdict | None]:
    item, pending = ahead.popleft()
    return item, None if pending is None else pending.result()


class Pending:
    """A case that is being judged."""

    __slots__ = ("_changed", "case", "isolation", "options", "verdict")

    def __init__(self, case: MathCase | CodeCase | Verdict, options: CaseOptions, changed: threading.Condition) -> None:
        self._changed = changed
        self.case = case
        self.options = options
        self.verdict: Verdict | None = None
        """None until it is judged."""
        self.isolation: str | None = None
        """The isolation that a program ran under, "" if none ran; None for mathematics."""

    def result(self) -> Verdict:
        """Wait for the verdict."""
        if self.verdict is None:
            with self._changed:
                while self.verdict is None:
                    self._changed.wait()
        return self.verdict


class CaseExecutor:
    """Takes cases one by one and judges them on all cores. Use as a context manager, from one thread.

    inline: the first cases of mathematics are judged in this process.
    """

    def __init__(self, *, workers: int | None = None, inline: bool = True) -> None:
        from .math.processes import GRADING, WorkerPool, cores

        self._workers = workers or cores()
        self.max_ahead = _AHEAD * self._workers
        self._inline_seconds = _INLINE_SECONDS if inline else 0.0
        self._pool = WorkerPool(self._workers, GRADING)
        self._math_threads = ThreadPoolExecutor(self._workers, "verify-math")
        self._code_threads = ThreadPoolExecutor(self._workers, "verify-code")
        self._programs = threading.BoundedSemaphore(_PROGRAMS_AHEAD * self._workers)
        self._changed = threading.Condition()
        """Notified when verdicts come; its lock also guards `_waiting` and `_serving`."""
        self._waiting: deque[Pending] = deque()
        self._serving = 0
        """Threads that hand waiting cases to processes."""
        self._is_closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._is_closed = True  # there is work left only if the reader of the verdicts has gone
        self._pool.kill()
        for threads in (self._math_threads, self._code_threads):
            threads.shutdown(wait=True, cancel_futures=True)
        self._pool.close()

    def submit(self, case: Case) -> Pending:
        """Start to judge a case; waits while too many programs are ahead of it."""
        read = read_case(case)
        pending = Pending(read, case.options, self._changed)
        if isinstance(read, Verdict):
            pending.verdict = read
        elif isinstance(read, CodeCase):
            self._programs.acquire()
            self._code_threads.submit(self._run, read, pending)
        elif self._inline_seconds > 0:
            started = perf_counter()
            pending.verdict = read.judge(case.options)
            self._inline_seconds -= perf_counter() - started
        else:
            self._enqueue(pending)
        return pending

    def _run(self, case: CodeCase, pending: Pending) -> None:
        verdict, pending.isolation = case.judge(pending.options)
        self._programs.release()
        self._settle([pending], [verdict])

    def _settle(self, pending: list[Pending], verdicts: list[Verdict]) -> None:
        with self._changed:
            for one, verdict in zip(pending, verdicts, strict=True):
                one.verdict = verdict
            self._changed.notify_all()

    def _enqueue(self, pending: Pending) -> None:
        with self._changed:
            self._waiting.append(pending)
            is_one_more = self._serving < self._workers
            self._serving += is_one_more
        if is_one_more:
            self._math_threads.submit(self._serve)

    def _serve(self) -> None:
        """Hand waiting cases to a process until none is left."""
        while (chunk := self._taken()) and not self._is_closed:
            try:
                self._answer(chunk)
            except Exception as error:  # noqa: BLE001 - whoever waits for these verdicts must get them
                left = [one for one in chunk if one.verdict is None]
                verdict = error_verdict(f"verifier_failed: {type(error).__name__}: {error}"[:300])
                self._settle(left, [verdict] * len(left))

    def _taken(self) -> list[Pending]:
        with self._changed:
            chunk: list[Pending] = []
            size = max(1, min(_CHUNK, len(self._waiting) // self._workers))
            while self._waiting and len(chunk) < size and (not chunk or self._waiting[0].options == chunk[0].options):
                chunk.append(self._waiting.popleft())
            self._serving -= not chunk
            return chunk

    def _answer(self, chunk: list[Pending]) -> None:
        """Judge a chunk. If its process ends at a case, find that one by judging case by case, and go on after it."""
        while chunk and not self._is_closed:
            size = len(chunk)
            chunk, is_too_slow = self._ask(chunk)
            while chunk and not self._is_closed:
                first, *chunk = chunk
                if (is_too_slow and size == 1) or self._ask([first], is_brief=is_too_slow)[0]:
                    self._settle([first], [_HUNG if is_too_slow else _DIED])
                    break

    def _ask(self, chunk: list[Pending], *, is_brief: bool = False) -> tuple[list[Pending], bool]:
        """Judge a chunk; return the cases without a verdict, and whether the first of them exceeded its time."""
        from .math.policy import DEFAULT

        options = chunk[0].options
        cases = [(one.case.completion, one.case.answer) for one in chunk if isinstance(one.case, MathCase)]
        policy = asdict(options.policy or DEFAULT)
        given = {"strict": options.strict, "timeout": options.timeout, "policy": policy}
        limits = {"seconds": options.timeout + _SECONDS, "patience": options.timeout + _PATIENCE}
        if is_brief:
            limits = {"seconds": _BRIEF_SECONDS, "patience": _BRIEF_PATIENCE}
        done = 0
        with self._pool.lent() as worker:
            for replies in worker.answers(cases, given, **limits):
                verdicts = [Verdict.from_row(reply["answer"]) for reply in replies]
                self._settle(chunk[done : done + len(verdicts)], verdicts)
                done += len(verdicts)
            return chunk[done:], done < len(chunk) and worker.exceeded_its_time()
