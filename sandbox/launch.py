"""The owner's side of one launch: starts children through a zygote and watches them.

The owner reads every stream while the children run, keeps the clock, and kills. A child's own report is only a label.
"""

import contextlib
import fcntl
import os
import select
import signal
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from .errors import BadMessage, ZygoteDied
from .inside import Note
from .limits import Execution, Limits, Status
from .wire import close_all, pack, receive, send, unpack

OUR_FAULT = ("owner", "owner left", "launch failed")
"""Reasons for a kill that are neither a limit nor the program's doing."""
NOT_READY = "the child ended before it was ready"
_START_SECONDS = 30.0
_READ_SIZE = 1 << 16
_CUT = b"\n[... %d bytes cut ...]\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One sandboxed child. Two linked tasks of one launch share one stream socket and nothing else."""

    entry: str
    """A name from the fixed table in `sandbox.inside`: program, session, candidate, tester."""
    payload: bytes = b""
    """Argument of the entry's `main`. Any size."""
    stdin: bytes = b""
    limits: Limits = field(default_factory=Limits)
    linked: bool = False
    """Whether the child holds an end of the link. Exactly two tasks of a launch may."""
    result: bool = False
    """Whether the child has a private channel to the owner. The launch ends when all tasks that have one have ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskResult:
    """Result of one task; streams as bytes."""

    status: Status
    exit_code: int | None
    """None when a signal ended the child."""
    stdout: bytes
    stderr: bytes
    truncated: bool
    result: bytes
    wall_seconds: float
    cpu_seconds: float
    isolation: str
    reason: str = ""
    stdout_truncated: bool = False
    """Whether stdout itself was cut, where `truncated` may come from stderr."""
    forks: int = 0
    """Processes that the task has started."""

    def execution(self) -> Execution:
        """Return the same with the streams as text."""
        own = ("result", "stdout_truncated", "forks")
        shared = {name: getattr(self, name) for name in TaskResult.__slots__ if name not in own}
        for name in ("stdout", "stderr"):
            shared[name] = shared[name].decode("utf-8", "replace")
        return Execution(**shared)


class Stream:
    """Output of a child on one pipe: the head and the tail are kept, the middle only counted."""

    __slots__ = ("descriptor", "head", "limit", "tail", "total")

    def __init__(self, descriptor: int, limit: int) -> None:
        self.descriptor, self.limit = descriptor, limit
        self.head, self.tail, self.total = bytearray(), bytearray(), 0

    def read(self) -> bool:
        """Read what is available; return False at the end of the stream."""
        try:
            data = os.read(self.descriptor, _READ_SIZE)
        except BlockingIOError:
            return True
        self.total += len(data)
        room = self.limit - self.limit // 2 - len(self.head)
        self.head += data[:room] if room > 0 else b""
        self.tail += data[max(room, 0) :]
        if len(self.tail) > self.limit + _READ_SIZE:
            del self.tail[: len(self.tail) - self.limit // 2]
        return bool(data)

    def drain(self) -> None:
        """Read what is left in the pipe without waiting for its end, as another process may hold it open."""
        before = -1
        while before != self.total:
            before = self.total
            if not self.read():
                return

    @property
    def truncated(self) -> bool:
        return self.total > self.limit

    def kept(self) -> bytes:
        if not self.truncated:
            return bytes(self.head + self.tail)
        tail = self.tail[len(self.tail) - self.limit // 2 :]
        return bytes(self.head) + _CUT % (self.total - len(self.head) - len(tail)) + bytes(tail)


@dataclass(slots=True)
class _Running:
    task: Task
    stdout: Stream
    stderr: Stream
    result: Stream | None
    theirs: dict[str, int] = field(default_factory=dict)
    pid: int = 0
    pidfd: int = -1
    ended: dict[str, Any] | None = None
    killed_as: Status | None = None
    reason: str = ""
    wall_seconds: float = 0.0

    @property
    def streams(self) -> list[Stream]:
        return [stream for stream in (self.stdout, self.stderr, self.result) if stream is not None]


def launch(
    control: socket.socket, tasks: Sequence[Task], *, isolation: str, wall_seconds: float | None, number: int
) -> list[TaskResult]:
    """Run tasks side by side to their end and return their results in order.

    Raises ZygoteDied when the zygote dies meanwhile; nothing of the launch is left then.
    """
    linked = sum(task.linked for task in tasks)
    if linked not in (0, 2):
        raise ValueError(f"a launch links two tasks or none, got {linked}")
    links = [end.detach() for end in socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)] if linked else []
    running = [_open(task, links) for task in tasks]
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    try:
        descriptors = [theirs.fileno(), *(end for one in running for end in one.theirs.values())]
        described = [
            {"entry": one.task.entry, "roles": list(one.theirs), "limits": limits_json(one.task.limits)}
            for one in running
        ]
        try:
            send(control, pack({"op": "launch", "number": number, "tasks": described}), descriptors)
        except OSError as problem:
            raise ZygoteDied(f"the zygote accepts no orders: {problem}") from None
        finally:
            theirs.close()
            close_all(descriptors[1:])
        deadline = wall_seconds if wall_seconds is not None else max(task.limits.wall_seconds for task in tasks)
        _Watch(ours, running, deadline, isolation).until_the_end()
        return [_result(one, isolation) for one in running]
    finally:
        ours.close()
        for one in running:
            close_all([stream.descriptor for stream in one.streams])
            if one.pidfd >= 0:
                os.close(one.pidfd)


def _open(task: Task, links: list[int]) -> _Running:
    theirs = {"stdin": memory_file(task.stdin) if task.stdin else os.open(os.devnull, os.O_RDONLY)}
    streams: dict[str, Stream] = {}
    for role in ("stdout", "stderr", "result") if task.result else ("stdout", "stderr"):
        read, theirs[role] = os.pipe()
        os.set_blocking(read, False)
        streams[role] = Stream(read, task.limits.result_bytes if role == "result" else task.limits.output_bytes)
    if task.linked:
        theirs["link"] = links.pop()
    if task.payload:  # never through the zygote's memory, of which every child is a copy
        theirs["payload"] = memory_file(task.payload)
    return _Running(task, streams["stdout"], streams["stderr"], streams.get("result"), theirs)


def memory_file(content: bytes) -> int:
    """Return a descriptor at the beginning of an unchangeable file in memory."""
    descriptor = os.memfd_create("sandbox", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    view = memoryview(content)
    while view:
        view = view[os.write(descriptor, view) :]
    os.lseek(descriptor, 0, os.SEEK_SET)
    seals = fcntl.F_SEAL_WRITE | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_SEAL
    fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, seals)
    return descriptor


def limits_json(limits: Limits) -> dict[str, float | None]:
    """Return limits in the form that the zygote reads."""
    return {name: getattr(limits, name) for name in Limits.__slots__}


class _Watch:
    def __init__(self, events: socket.socket, running: Sequence[_Running], wall_seconds: float, isolation: str) -> None:
        self._events, self._running, self._wall_seconds, self._isolation = events, running, wall_seconds, isolation
        self._began = time.monotonic()
        self._deadline = self._began + _START_SECONDS
        self._started = False
        self._poll = select.poll()
        self._readers: dict[int, tuple[_Running, Stream]] = {}
        self._poll.register(events, select.POLLIN)
        for one in running:
            for stream in one.streams:
                self._poll.register(stream.descriptor, select.POLLIN)
                self._readers[stream.descriptor] = (one, stream)

    def until_the_end(self) -> None:
        try:
            while any(one.ended is None for one in self._running):
                left = self._deadline - time.monotonic()
                if left <= 0:
                    if not self._started:
                        raise ZygoteDied(f"the zygote did not start a child within {_START_SECONDS:.0f} s")
                    if all(one.killed_as for one in self._running if one.ended is None):
                        raise ZygoteDied(f"the zygote did not report a child's death within {_START_SECONDS:.0f} s")
                    self._kill_all(Status.TIMEOUT, f"over the wall clock's limit of {self._wall_seconds:g} s")
                    left, self._deadline = _START_SECONDS, time.monotonic() + _START_SECONDS
                for descriptor, _ in self._poll.poll(left * 1000):
                    if descriptor == self._events.fileno():
                        self._event()
                    elif descriptor in self._readers:
                        self._read(descriptor)
        except BaseException:
            self._kill_all(Status.KILLED, "the owner gave up")
            raise
        for one in self._running:
            for stream in one.streams:
                stream.drain()

    def _event(self) -> None:
        try:
            message, descriptors = receive(self._events)
            head = unpack(message)[0] if message else {}
        except (OSError, BadMessage) as problem:
            raise ZygoteDied(f"the zygote's answer cannot be read: {problem}") from None
        if not head:  # the zygote is gone and its children die with it; in flat the owner kills their forks
            for one in self._running:
                if one.pidfd >= 0:
                    _signal(one.pidfd)
                    bury(one.pid, self._isolation)
            raise ZygoteDied("the zygote died while a launch was running")
        if "started" in head:
            self._started = True
            for one, pid, pidfd in zip(self._running, head["started"], descriptors, strict=True):
                one.pid, one.pidfd = pid, pidfd
            self._began = time.monotonic()
            self._deadline = self._began + self._wall_seconds
        elif "ended" in head:
            one = self._running[head["ended"]]
            one.ended, one.wall_seconds = head, time.monotonic() - self._began
            leaders = [one for one in self._running if one.task.result]
            if leaders and all(one.ended is not None for one in leaders):
                self._kill_all(Status.KILLED, "its partner ended")
        else:
            close_all(descriptors)
            raise BadMessage(f"the zygote refused a launch: {head.get('failed', head)}")

    def _read(self, descriptor: int) -> None:
        one, stream = self._readers[descriptor]
        if not stream.read():
            self._poll.unregister(descriptor)
            del self._readers[descriptor]
        elif one.stdout.total + one.stderr.total > one.task.limits.flood_bytes:
            self._kill(one, Status.OUTPUT_LIMIT, f"wrote more than {one.task.limits.flood_bytes} bytes")
        elif one.result is not None and one.result.total > one.task.limits.result_bytes:
            self._kill(one, Status.OUTPUT_LIMIT, f"returned more than {one.task.limits.result_bytes} bytes")

    def _kill_all(self, status: Status, reason: str) -> None:
        for one in self._running:
            self._kill(one, status, reason)

    def _kill(self, one: _Running, status: Status, reason: str) -> None:
        if one.ended is None and one.killed_as is None and one.pidfd >= 0:
            one.killed_as, one.reason = status, reason
            _signal(one.pidfd)


def bury(leader: int, isolation: str) -> None:
    """Kill a child's forks when the zygote is gone. Only flat needs it: it has no PID namespace."""
    if isolation == "flat" and leader > 1:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(leader, signal.SIGKILL)


def _signal(pidfd: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        signal.pidfd_send_signal(pidfd, signal.SIGKILL)


def _result(one: _Running, isolation: str) -> TaskResult:
    ended = one.ended or {}
    code = ended.get("status", 0)
    status, reason = _status(one, code, ended)
    return TaskResult(
        status=status, exit_code=code if code >= 0 else None, stdout=one.stdout.kept(), stderr=one.stderr.kept(),
        truncated=one.stdout.truncated or one.stderr.truncated, stdout_truncated=one.stdout.truncated,
        result=one.result.kept() if one.result is not None else b"",
        wall_seconds=one.wall_seconds, cpu_seconds=ended.get("cpu", 0.0), isolation=isolation, reason=reason,
        forks=ended.get("forks", 0),
    )  # fmt: skip


def _status(one: _Running, code: int, ended: dict[str, Any]) -> tuple[Status, str]:
    note, killed_for = ended.get("note"), ended.get("killed_for", "")
    if ended.get("failure"):
        return Status.SANDBOX_ERROR, ended["failure"]
    if one.killed_as is not None and code == -signal.SIGKILL:
        return one.killed_as, one.reason
    if killed_for in OUR_FAULT:
        return Status.SANDBOX_ERROR, f"the zygote ended the child: {killed_for}"
    if killed_for:
        return (Status.MEMORY if killed_for.startswith("memory") else Status.KILLED), killed_for
    if not ended.get("began"):
        return Status.SANDBOX_ERROR, f"{NOT_READY} (status {code})"
    if code < 0:
        cpu = one.task.limits.cpu_seconds or one.task.limits.wall_seconds
        if code == -signal.SIGXCPU or (code == -signal.SIGKILL and ended.get("cpu", 0.0) >= cpu):
            return Status.TIMEOUT, f"over the limit of {cpu:g} s of processor time"
        return Status.KILLED, f"ended by {signal.Signals(-code).name}"
    if code == 0:
        return Status.OK, ""
    if note == Note.MEMORY:
        return Status.MEMORY, "out of memory"
    return (Status.EXCEPTION if note == Note.EXCEPTION else Status.NONZERO_EXIT), ""
