"""Interpreters for rollouts: many rollouts share few live sandbox sessions, and no cell blocks the event loop.

If too many are live, the session that was idle longest is closed; its cells are run again when its rollout returns or a
cell has crashed. So a cell needs a checkpoint only if this replay would take long or could give another state.
"""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import TypeVar

from sandbox import Execution, Limits, SandboxError, SandboxUnavailable, Session, Status

from ....errors import EngineError, RequestError

T = TypeVar("T")

_REPLAY_SECONDS = 0.5
"""Time to make a state above which a checkpoint keeps it before each further cell."""
_WAITS = (0.1, 0.3, 1.0, 3.0)
"""Seconds before the next tries of a cell when the sandbox fails: it may be cleaning up after ended sessions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """A cell that is part of a state."""

    code: str
    seconds: float = 0.0


class Interpreters:
    """At most `live` sessions, `busy` of which run at a time; with `fresh` each cell has its own (NuminaMath)."""

    def __init__(
        self, *, limits: Limits, isolation: str = "auto", live: int = 64, busy: int | None = None, fresh: bool = False
    ) -> None:
        self.limits, self.isolation, self.fresh = limits, isolation, fresh
        self._busy = busy or 2 * (os.cpu_count() or 1)
        self._room = max(live, self._busy)
        self._threads = ThreadPoolExecutor(self._busy, thread_name_prefix="cells")
        self._slots = asyncio.Semaphore(self._busy)
        self._coming = 0
        self._live: dict[Interpreter, None] = {}
        """Interpreters with a session, least recently used first."""

    def open(self, cells: Sequence[Cell] = ()) -> "Interpreter":
        """Return an interpreter in the state that these cells make. Nothing runs before its first new cell."""
        return Interpreter(self, cells)

    @property
    def live(self) -> int:
        return len(self._live)

    async def aclose(self) -> None:
        for interpreter in list(self._live):
            interpreter.close()
        await asyncio.to_thread(self._threads.shutdown)

    @asynccontextmanager
    async def turn(self, interpreter: "Interpreter", *, sessions: int | None = None) -> AsyncIterator[None]:
        """Wait for a turn, with room for that many more sessions; by default for its own, if it has none."""
        async with interpreter.lock, self._slots:
            interpreter.running = True
            sessions = 1 if sessions is None and not interpreter.holds_session else sessions or 0
            try:
                # Stable: among equally precious ones the least recently used is closed first.
                idle = sorted((one for one in self._live if not one.running), key=lambda one: one.precious)
                surplus = len(self._live) + self._coming + sessions - self._room
                for one in idle[: max(0, surplus)]:
                    one.rest()
                self._coming += sessions
                yield
            finally:
                self._coming -= sessions
                interpreter.running = False
                self.note(interpreter)

    def note(self, interpreter: "Interpreter") -> None:
        """Note that an interpreter was just used, and whether it holds a session."""
        self._live.pop(interpreter, None)
        if interpreter.holds_session:
            self._live[interpreter] = None

    async def call(self, work: Callable[[], T]) -> T:
        """Run blocking work in a thread; a cancelled caller waits until it has finished."""
        done = asyncio.get_running_loop().run_in_executor(self._threads, work)
        try:
            return await asyncio.shield(done)
        except asyncio.CancelledError:
            await asyncio.wait([done])
            raise


class Interpreter:
    """The Python state of one rollout."""

    def __init__(self, owner: Interpreters, cells: Sequence[Cell], session: Session | None = None) -> None:
        self.cells = list(cells)
        self.repeatable = True
        """Whether running the cells again makes the same state; not after an interrupted cell."""
        self.running = False
        self.lock = asyncio.Lock()
        """One cell or branching at a time."""
        self._owner, self._session = owner, session

    @property
    def holds_session(self) -> bool:
        return self._session is not None

    @property
    def precious(self) -> bool:
        """Whether its state would take long to restore, or could be restored differently."""
        return not self.repeatable or sum(cell.seconds for cell in self.cells) > _REPLAY_SECONDS

    async def run(self, code: str) -> Execution:
        """Run a cell. Raises RequestError if the sandbox broke and EngineError if there is none."""
        async with self._owner.turn(self):
            try:
                return await self._owner.call(lambda: self._run_surely(code))
            except SandboxUnavailable as error:
                raise EngineError(f"code of rollouts cannot be run: {error}") from error
            except SandboxError as error:
                raise RequestError(f"the sandbox broke: {error}", reason="sandbox_error") from error

    async def fork(self, n: int) -> "list[Interpreter]":
        """Return n interpreters that start from this state; a resting one runs its cells once for all of them."""
        sessions: list[Session | None] = [None] * n
        if n and self.cells and not self._owner.fresh:
            async with self._owner.turn(self, sessions=n + (not self.holds_session)):
                # A session has a bounded number of branches; the state of others can be made again.
                with suppress(SandboxError):
                    sessions = [*await self._owner.call(lambda: self._restored().fork(n))]
        branches = [Interpreter(self._owner, self.cells, session) for session in sessions]
        for branch in branches:
            branch.repeatable = self.repeatable
            self._owner.note(branch)
        return branches

    def rest(self) -> None:
        """Release the session; the cells are run again if another one is needed."""
        self._drop_session()
        self._owner.note(self)

    def close(self) -> None:
        self.cells.clear()
        self.rest()

    # What follows runs in a thread.

    def _run_surely(self, code: str) -> Execution:
        """Run a cell, and run it again in a restored state if the sandbox failed rather than the cell."""
        for seconds in _WAITS:
            try:
                return self._run(code)
            except SandboxError as error:
                if isinstance(error, SandboxUnavailable):
                    raise
                time.sleep(seconds)
        return self._run(code)

    def _run(self, code: str) -> Execution:
        try:
            session = self._restored()
            execution = session.execute(code, checkpoint=self.precious)
            if execution.status is Status.SANDBOX_ERROR:
                raise SandboxError(execution.reason)
        except SandboxError:
            self._drop_session()
            raise
        if self._owner.fresh or not session.holds_state:
            self._drop_session()
        if not execution.reason:
            self.cells.append(Cell(code=code, seconds=execution.wall_seconds))
        elif execution.reason.endswith("and interrupted"):
            self.repeatable = False
        # Otherwise the sandbox had to end the cell, and the state is the one before it.
        return execution

    def _drop_session(self) -> None:
        if self._session is not None:
            self._session.close()
            self._session = None

    def _restored(self) -> Session:
        if self._session is None:
            self._session = Session(isolation=self._owner.isolation, limits=self._owner.limits)
            for cell in () if self._owner.fresh else self.cells:
                self._session.execute(cell.code, checkpoint=False)
        return self._session
