"""Sessions, the owner's side: run cells one after the other in one kept state, and branch that state.

Every process of a session is a fork of its first one; the owner decides which of them run, wait or die. Between cells
a session's process is stopped, so that its leftover threads use nothing.
"""

import contextlib
import itertools
import os
import select
import signal
import socket
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from . import watch
from .errors import BadMessage, SandboxError, ZygoteDied
from .launch import Stream, bury, limits_json, memory_file
from .limits import Execution, Limits, Status
from .pool import Pool, as_bytes, shared_pool
from .remote import Remote
from .wire import MAX_INLINE_BYTES, close_all, pack, receive, send, unpack

_GRACE_SECONDS = 0.5
"""Time for an interrupted cell to stop."""
_ANSWER_SECONDS = 20.0
_PROCESSORS = os.cpu_count() or 1
_SAID_BY_CELLS = (Status.OK, Status.EXCEPTION, Status.NONZERO_EXIT, Status.TIMEOUT, Status.MEMORY)
"""Statuses that a cell's process may give of itself."""


class Session:
    """A Python state that cells of code change, and that can be branched. An address puts it on a remote sandbox.

    >>> with Session() as session:
    ...     session.execute("x = 20").status
    ...     (branch,) = session.fork(1)
    ...     with branch:
    ...         branch.execute("x += 1; x * 2").result, session.execute("x").result
    <Status.OK: 'ok'>
    ('42', '20')
    """

    def __init__(self, *, pool: Pool | None = None, isolation: str = "auto", limits: Limits | None = None) -> None:
        self._family: _Family | None = None
        self._process: _Process | None = None
        self.limits = limits or Limits()
        away = pool is None and "://" in isolation
        self._remote = Remote(isolation).session(limits=self.limits) if away else None
        self._pool = pool if pool is not None or away else shared_pool(isolation)

    @property
    def holds_state(self) -> bool:
        """Whether a state exists: not before the first cell, nor after a cell that ended every process."""
        return self._process is not None or self._remote is not None

    def execute(self, code: str | bytes, *, limits: Limits | None = None, checkpoint: bool = True) -> Execution:
        """Run one cell and return its execution; `result` is the text of the last expression.

        Only the wall clock and the output sizes of `limits` apply to a cell; memory and the rest are the session's.
        An exception or an interrupted timeout keeps the state that the cell left. After a kill the state is that
        before the cell, or, if that is lost too, a fresh one: `reason` says so. Without `checkpoint` the state before
        the cell is not kept, which saves a fork where the caller can rebuild it cheaply.
        """
        if self._remote is not None:
            return self._remote.execute(code, limits=limits)
        process = self._alive()
        assert self._family is not None
        cell = _Cell(self._family, process, as_bytes(code), limits or self.limits, checkpoint=checkpoint)
        try:
            execution, self._process = cell.run()
        except ZygoteDied as problem:
            execution = cell.lost(problem)
            self.close()
        return execution

    def fork(self, n: int = 1) -> "list[Session]":
        """Return n branches that start from this state and are then independent. Files are copied too."""
        branches = []
        for remote in self._remote.fork(n) if self._remote is not None else [None] * n:
            branch = Session(pool=self._pool, limits=self.limits)
            branch._remote = remote
            if remote is None:
                origin = self._alive()
                assert self._family is not None
                branch._process, branch._family = self._family.branch(origin), self._family.join()
            branches.append(branch)
        return branches

    def close(self) -> None:
        """End this branch; the last one to close ends the session's processes."""
        if self._process is not None:
            self._process.kill()
        if self._family is not None:
            if self._process is not None:
                with contextlib.suppress(ZygoteDied):
                    self._family.order("disown", self._process)
            self._family.leave()
        self._process = self._family = None

    def __enter__(self) -> "Session":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        self.close()

    def _alive(self) -> "_Process":
        if self._process is None or self._family is None:
            assert self._pool is not None
            self._family = _Family(self._pool, self.limits)
            self._process = self._family.first
        return self._process


@dataclass(slots=True)
class _Process:
    """The owner's handles of one process of a session."""

    control: socket.socket
    stdout: int
    stderr: int
    home: str
    key: int = 0
    """Name of the process in orders to the zygote."""
    pid: int = 0
    pidfd: int = -1

    def wait_ready(self, leader: int, other: int = 0) -> None:
        """Receive the process's greeting, to which the kernel attaches its process id, and take hold of the process.

        It must be of the session whose first process is `leader`, and not the process `other`.
        """
        try:
            self.pid = self.greeter()
            self.pidfd = os.pidfd_open(self.pid) if self.pid else -1
        except OSError as problem:
            raise ZygoteDied(f"a session's process does not answer: {problem}") from None
        # Seen after the descriptor was taken: else the number may have gone to a stranger, who would be killed later.
        born = watch.process(self.pid) if self.pidfd >= 0 else None
        if born is not None and (born.group != leader or born.pid == other):
            os.close(self.pidfd)
            self.pidfd = -1
        if self.pidfd < 0:
            raise ZygoteDied("a session's process ended before it was ready")

    def greeter(self) -> int:
        """Return the process that greets, or 0 at the end of the stream."""
        self.control.settimeout(_ANSWER_SECONDS)
        _, ancillary, _, _ = self.control.recvmsg(1 << 16, socket.CMSG_SPACE(12))
        self.control.settimeout(None)
        sent = (one for level, kind, one in ancillary if (level, kind) == (socket.SOL_SOCKET, socket.SCM_CREDENTIALS))
        return int.from_bytes(next(sent, b"")[:4], "little")

    def signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(OSError):  # it has ended
            signal.pidfd_send_signal(self.pidfd, number)

    def kill(self) -> None:
        self.signal(signal.SIGKILL)
        self.close()

    def close(self) -> None:
        self.control.close()
        close_all([number for number in (self.stdout, self.stderr, self.pidfd) if number >= 0])
        self.stdout = self.stderr = self.pidfd = -1


def _pipes() -> tuple[_Process, list[int]]:
    """Return handles for a process that does not run yet, and the three descriptors to give it."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
    out, err = os.pipe(), os.pipe()
    for read in (out[0], err[0]):
        os.set_blocking(read, False)
    return _Process(ours, out[0], err[0], uuid.uuid4().hex), [theirs.detach(), out[1], err[1]]


class _Family:
    """All forks of one first process. They share a box and die together."""

    def __init__(self, pool: Pool, limits: Limits) -> None:
        self._zygote, self._number = pool.zygote(libraries=True), next(pool.numbers)
        self.isolation = self._zygote.isolation
        self._members, self.pid, self.pidfd, self.leader = 1, 0, -1, 0
        self._keys = itertools.count(1)
        self.over: dict[int, str] = {}
        """Limits for which the zygote has stopped a process, by its key."""
        self.events, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.first, others = _pipes()
        stdin = os.open(os.devnull, os.O_RDONLY)
        roles = ["stdin", "control", "stdout", "stderr"]
        task = {"entry": "session", "roles": roles, "limits": limits_json(limits), "home": self.first.home}
        order = pack({"op": "launch", "number": self._number, "tasks": [task]})
        try:
            try:
                send(self._zygote.control, order, [theirs.fileno(), stdin, *others])
            finally:
                theirs.close()
                close_all([stdin, *others])
            self.events.settimeout(_ANSWER_SECONDS)
            message, descriptors = receive(self.events)
            head = unpack(message)[0]
            if len(descriptors) != 1:
                close_all(descriptors)
                raise SandboxError(f"the zygote refused it: {head.get('failed', head)}")
            self.pid, self.pidfd = head["started"][0], descriptors[0]
            self.events.setblocking(False)
            self.leader = watch.pid_of(self.pidfd)
            self.first.wait_ready(self.leader)
            self.own(self.first)
        except (OSError, SandboxError) as problem:
            self.events.settimeout(_GRACE_SECONDS)
            reason = self.last_words() if isinstance(problem, OSError | BadMessage) else ""
            self.first.kill()
            self.leave()
            raise SandboxError(f"a session did not start: {reason or problem}") from None

    def join(self) -> "_Family":
        self._members += 1
        return self

    def leave(self) -> None:
        self._members -= 1
        if not self._members:
            if self.pidfd >= 0:
                try:
                    signal.pidfd_send_signal(self.pidfd, signal.SIGKILL)
                except ProcessLookupError:
                    bury(self.pid, self.isolation)
                os.close(self.pidfd)
            self.events.close()

    def own(self, process: _Process) -> None:
        """Tell the zygote that a process is one that may continue the session, under a new key unless it has one."""
        process.key = process.key or next(self._keys)
        self.order("own", process, [process.pidfd], home=process.home)

    def order(self, op: str, process: _Process, descriptors: Sequence[int] = (), **more: str) -> None:
        head = {"op": op, "number": self._number, "index": 0, "key": process.key} | more
        try:
            send(self._zygote.control, pack(head), list(descriptors))
        except OSError as problem:
            raise ZygoteDied(f"the zygote accepts no orders: {problem}") from None

    def branch(self, origin: _Process) -> _Process:
        """Fork a process between its cells. Both get new directory names and new streams, unknown to the other."""
        process, others = _pipes()
        try:
            try:
                self.order("allow_fork", origin, new_home=process.home)
                origin.signal(signal.SIGCONT)
                send(origin.control, pack({"op": "fork", "home": origin.home, "new_home": process.home}), others)
            finally:
                close_all(others)
            process.wait_ready(self.leader, origin.pid)
            origin.signal(signal.SIGSTOP)
            self.own(process)
            self._renew(process)
            origin.signal(signal.SIGCONT)
            self._renew(origin)
        except (OSError, SandboxError) as problem:
            self.order("sweep", origin)
            self.order("disown", process)
            process.kill()
            raise SandboxError(f"a branch could not be made (a session has at most 64): {problem}") from None
        finally:
            origin.signal(signal.SIGSTOP)
        for one in (origin, process):
            fresh = uuid.uuid4().hex
            self.order("rename_home", one, home=one.home, new_home=fresh)
            one.home = fresh
        return process

    def _renew(self, process: _Process) -> None:
        """Replace the streams of a process that another one has copies of; the other must be stopped. Stop it, too."""
        fresh, others = _pipes()
        try:
            try:
                send(process.control, pack({"op": "renew", "home": process.home}), others)
            finally:
                close_all(others)
            if fresh.greeter() != process.pid:
                raise ZygoteDied("another process answers")
            process.signal(signal.SIGSTOP)
            for name in ("control", "stdout", "stderr"):
                ours = getattr(process, name)
                setattr(process, name, getattr(fresh, name))
                setattr(fresh, name, ours)
        finally:
            fresh.close()

    def last_words(self) -> str:
        """Return why the whole session ended, or an empty text if it runs."""
        while True:
            try:
                message, descriptors = receive(self.events)
                close_all(descriptors)
                head = unpack(message)[0]
            except (BlockingIOError, TimeoutError):
                return ""
            except (OSError, BadMessage):
                return "the zygote died"
            if "over" not in head:
                break
            self.over[head["over"]] = str(head["reason"])
        return str(head.get("killed_for") or head.get("failure") or "the session was killed")


def _killed_for(reason: str) -> tuple[Status, str]:
    return Status.MEMORY if reason.startswith("memory") else Status.KILLED, reason


class _Cell:
    def __init__(self, family: _Family, process: _Process, code: bytes, limits: Limits, *, checkpoint: bool) -> None:
        self._family, self._process, self._code, self._limits = family, process, code, limits
        self._wants_checkpoint = checkpoint
        self._stdout = Stream(process.stdout, limits.output_bytes)
        self._stderr = Stream(process.stderr, limits.output_bytes)
        self._began = time.monotonic()
        self.late = False
        """Whether the cell was interrupted after its time."""
        self.killed: tuple[Status, str] | None = None

    def run(self) -> tuple[Execution, _Process]:
        """Run the cell; return its execution and the process that continues the session.

        Raises ZygoteDied, with the reason in `killed`, when no process is left to continue.
        """
        checkpoint, others = _pipes() if self._wants_checkpoint else (None, [])
        if checkpoint is not None:
            checkpoint.home, checkpoint.key = self._process.home, self._process.key
        head: dict[str, Any] = {"op": "cell", "home": self._process.home}
        body, extra = self._code, []
        if len(body) > MAX_INLINE_BYTES:
            head["long"], body, extra = True, b"", [memory_file(self._code)]
        try:
            try:
                if others:
                    self._family.order("allow_fork", self._process)
                self._process.signal(signal.SIGCONT)
                send(self._process.control, pack(head, body), [*extra, *others])
            except OSError:
                self.killed = (Status.KILLED, "the session's process had ended")  # the watch will notice, too
            finally:
                close_all([*extra, *others])
            answer = self._watch()
        except BaseException:
            if checkpoint is not None:
                checkpoint.kill()
            raise
        if answer is not None:
            self._process.signal(signal.SIGSTOP)
        self._stdout.drain()
        self._stderr.drain()
        if answer is None:
            self._process.kill()
            if checkpoint is None:
                raise ZygoteDied("the cell ran without a checkpoint")
            try:
                checkpoint.wait_ready(self._family.leader, self._process.pid)
                self._family.own(checkpoint)
            except ZygoteDied:
                checkpoint.kill()
                raise
            return self._execution({}), checkpoint
        if checkpoint is not None:
            with contextlib.suppress(ZygoteDied):
                if select.select([checkpoint.control], [], [], 0)[0]:
                    checkpoint.wait_ready(self._family.leader, self._process.pid)
            if checkpoint.pidfd < 0:  # it is late, or the cell has started another process in its place
                self._family.order("sweep", self._process)
            checkpoint.kill()
        return self._execution(answer), self._process

    def _watch(self) -> dict[str, Any] | None:
        """Read the cell's output until its process gives its own account; return None when it was killed, or died."""
        poll = select.poll()
        control = self._process.control
        readers = {self._process.stdout: self._stdout, self._process.stderr: self._stderr}
        for descriptor in (control.fileno(), self._family.events.fileno(), *readers):
            poll.register(descriptor, select.POLLIN)
        deadline = self._began + self._limits.wall_seconds
        while True:
            left = deadline - time.monotonic()
            if left <= 0 and not self.late:
                self.late, deadline = True, time.monotonic() + _GRACE_SECONDS
                self._process.signal(signal.SIGUSR1)
            elif left <= 0:
                self.killed = (Status.TIMEOUT, f"{self._too_late()} and not to be interrupted")
                return None
            for descriptor, _ in poll.poll(max(0.0, left) * 1000):
                if descriptor in readers:
                    if not readers[descriptor].read():
                        poll.unregister(descriptor)
                elif descriptor != control.fileno():
                    if reason := self._family.last_words():
                        self.killed = _killed_for(reason)
                        raise ZygoteDied(reason)
                else:
                    try:
                        message, strangers = receive(control)
                        close_all(strangers)
                        head, _ = unpack(message)
                        if Status(head["status"]) not in _SAID_BY_CELLS:
                            raise ValueError
                    except (OSError, BadMessage, KeyError, ValueError):
                        self._family.last_words()
                        reason = self._family.over.pop(self._process.key, "the cell ended the session's process")
                        self.killed = self.killed or _killed_for(reason)
                        return None
                    return head
            if self._stdout.total + self._stderr.total > self._limits.flood_bytes:
                self.killed = (Status.OUTPUT_LIMIT, f"wrote more than {self._limits.flood_bytes} bytes")
                return None

    def _too_late(self) -> str:
        return f"over the wall clock's limit of {self._limits.wall_seconds:g} s"

    def _execution(self, answer: dict[str, Any]) -> Execution:
        status, reason = self.killed or (Status(answer.get("status", "killed")), "")
        if self.killed is not None:
            reason += "; the state is that before the cell"
        elif self.late:
            status, reason = Status.TIMEOUT, f"{self._too_late()} and interrupted"
        result, code, cpu = answer.get("result"), answer.get("exit_code"), answer.get("cpu")
        wall_seconds = time.monotonic() - self._began
        most = wall_seconds * _PROCESSORS
        return Execution(
            status=status, exit_code=code if type(code) is int and 0 <= code <= 255 else None,
            stdout=self._stdout.kept().decode("utf-8", "replace"),
            stderr=self._stderr.kept().decode("utf-8", "replace"),
            truncated=self._stdout.truncated or self._stderr.truncated,
            wall_seconds=wall_seconds, isolation=self._family.isolation,
            cpu_seconds=max(0.0, min(cpu, most)) if isinstance(cpu, int | float) else 0.0,
            result=result.encode("utf-8", "replace").decode() if isinstance(result, str) else None, reason=reason,
        )  # fmt: skip

    def lost(self, problem: ZygoteDied) -> Execution:
        """Return the execution of a cell after which no process of the session is left."""
        status, reason = self.killed or (Status.SANDBOX_ERROR, str(problem))
        self.killed = (status, f"{reason}; the session's state is lost")
        return replace(self._execution({}), reason=self.killed[1])
