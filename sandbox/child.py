"""From the fork to the entry: turns a fresh copy of the zygote into a confined child. No step can be reversed.

The order matters: user id and capabilities first, then landlock, then seccomp, and only then a look at the job.
"""

import contextlib
import os
import random
import resource
import select
import signal
import socket
import sys
import tempfile
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from .box import Box
from .inside import Channels, Entry, Note
from .inside.rehearsal import rehearse
from .layers import kernel, landlock, seccomp
from .limits import Limits
from .wire import Channel, receive, send, unpack

ROLES = ("stdin", "stdout", "stderr", "link", "result", "control", "payload")
STACK_BYTES = 64 << 20
LISTENER, READY, FAILED = b"L", b"R", b"F"
"""A child's messages on its line: the listener for its forks; it begins; it cannot begin, because (text)."""
_PATIENCE_SECONDS = 0.002
"""Wait of a spare for its job before it rehearses."""
NOBODY_ELSE = 0x7FEDCBA9
"""Placeholder in a prepared filter for the child's process id, which is known only after the fork."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """Properties of a child that has no job yet: children of one kind are interchangeable."""

    limits: Limits
    session: bool = False
    """Whether the owner may fork the child; such a child takes descriptors and sends no signals."""

    @property
    def forks(self) -> bool:
        """Whether the zygote decides on each fork of such a child."""
        return self.session or self.limits.processes > 0

    def resources(self, walls: "Walls") -> Sequence[tuple[int, int]]:
        """Return the resource limits of such a child."""
        limits = self.limits
        cpu = int(-(-(limits.cpu_seconds or limits.wall_seconds) // 1)) + 1
        if self.session and limits.cpu_seconds is None:
            cpu = resource.RLIM_INFINITY  # the owner limits each cell
        tasks = walls.tasks or (limits.processes + limits.threads) * (8 if self.session else 1)
        nothing = (resource.RLIMIT_CORE, resource.RLIMIT_MEMLOCK, resource.RLIMIT_MSGQUEUE)
        return (
            (resource.RLIMIT_CPU, cpu), (resource.RLIMIT_AS, walls.base_bytes + limits.memory_bytes),
            (resource.RLIMIT_FSIZE, limits.disk_bytes), (resource.RLIMIT_NPROC, tasks),
            *((what, 0) for what in nothing),
        )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A child's job, checked by the zygote."""

    kind: Kind
    entry: str
    descriptors: Mapping[str, int]
    """Descriptors by role, the payload among them: content in the zygote's memory would be copied to all children."""
    home: str = ""
    """Name of the child's working directory in the box; each branch of a session has its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Walls:
    """Settings shared by all children of a zygote."""

    machine: str
    landlock: int
    flat: bool
    base_bytes: int
    """Address space of the zygote; a child's limit is added to it."""
    base_resident: int
    keep: int
    """Capabilities of a child; 0 unless its interpreter lies in a directory that only root may enter."""
    alive: tuple[int, int]
    """A pipe whose write end only the zygote holds: reading it shows whether the zygote lives."""
    score: int
    """/proc as a directory descriptor, or -1."""
    tasks: int
    """RLIMIT_NPROC where the limit counts other processes of the user too; 0 where each box has its own user id."""
    line: int
    """Number of the descriptor on which a child waits for its job. The filter allows receiving descriptors only there;
    before the program runs it is closed and, by the limit on descriptors, out of reach."""
    entries: Mapping[str, Entry]

    def filter(self, kind: Kind) -> bytes:
        """Return the seccomp filter of a kind of child."""
        alone = not self.flat or self.landlock >= 6
        policy = seccomp.Policy(
            machine=self.machine, flat=self.flat, keeps_modes=self.flat or kind.session, landlock=self.landlock,
            forks=kind.forks, pid=None if alone else NOBODY_ELSE, signals=not kind.session,
            receives_at=None if kind.session else self.line,
        )  # fmt: skip
        return seccomp.filter_program(policy)


def become(kind: Kind, box: Box, walls: Walls, line: socket.socket, *, home: str, ahead: bool) -> NoReturn:
    """Turn this process, just forked, into a child, wait for its job on `line` and do it.

    A child forked `ahead` of any job rehearses one first, so that its real job starts faster.
    """
    try:
        os.setsid()
        if walls.score >= 0:  # the first victim when the machine, or the pool's cgroup, runs out of memory
            with contextlib.suppress(OSError):
                descriptor = os.open("self/oom_score_adj", os.O_WRONLY, dir_fd=walls.score)
                os.write(descriptor, b"1000")
                os.close(descriptor)
        if kind.session:
            _leave_a_keeper()
        if box.root is not None:
            os.chroot(box.root)
        os.chdir(Path(box.inside, home))
        os.umask(0o022)
        for what, value in kind.resources(walls):
            _set_limit(what, value)
        hard = resource.getrlimit(resource.RLIMIT_STACK)[1]  # programs raise it; the address space bounds it
        resource.setrlimit(resource.RLIMIT_STACK, (STACK_BYTES if hard < 0 else min(STACK_BYTES, hard), hard))
        _drop_user(kind, box, walls)
        _lock(kind, box, walls, line)
        # All of the zygote's descriptors go but the line, which moves to the one number that the filter allows.
        os.dup2(line.detach(), walls.line, inheritable=False)
        os.closerange(3, walls.line)
        os.closerange(walls.line + 1, 1 << 20)
        line = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET, 0, walls.line)
        _freshen(str(Path(box.inside, home)))
        if ahead and not select.select([walls.line], [], [], _PATIENCE_SECONDS)[0]:
            rehearse()
        entry, channels, payload = _receive_job(box, walls, line)
        _set_limit(resource.RLIMIT_NOFILE, kind.limits.descriptors)
        line.send(READY)
        line.close()  # before the program begins, so that it cannot write there
    except BaseException as problem:  # noqa: BLE001  a half confined child must not run; the zygote reports it
        if line.fileno() >= 0:
            line.send(FAILED + f"{type(problem).__name__}: {problem}".encode("utf-8", "replace")[:1000])
        os._exit(125)
    code = 70
    try:
        code = entry(channels, payload)
    except BaseException:  # noqa: BLE001  entries report the program's failures; this is a failure of an entry
        traceback.print_exc()
    finally:
        os._exit(code)


def _leave_a_keeper() -> None:
    """Continue in a fork. The parent stays, without landlock and seccomp, to adopt and reap the session's orphans.

    As PID 1 of its namespace, or as the leader of its group, its death ends every process of the session.
    """
    kernel.prctl(kernel.PR_SET_CHILD_SUBREAPER, 1)
    kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.fork() == 0:
        return
    try:
        os.closerange(0, 1 << 20)
        while True:
            os.wait()
    except BaseException:  # noqa: BLE001  usually no children are left; the session is over in any case
        os._exit(0)


def _set_limit(what: int, value: int) -> None:
    hard = resource.getrlimit(what)[1]
    if hard != resource.RLIM_INFINITY:
        value = hard if value == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(what, (value, value))


def _drop_user(kind: Kind, box: Box, walls: Walls) -> None:
    if box.uid is not None:
        if walls.keep:
            kernel.prctl(kernel.PR_SET_KEEPCAPS, 1)
        os.setgroups([])
        os.setresgid(box.uid, box.uid, box.uid)
        os.setresuid(box.uid, box.uid, box.uid)
    kernel.keep_capabilities(walls.keep)
    # The zygote measures what it can read. In flat a branch could read its sibling's directory through /proc.
    kernel.prctl(kernel.PR_SET_DUMPABLE, 0 if walls.flat and kind.session else 1)
    kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
    os.close(walls.alive[1])
    try:
        os.read(walls.alive[0], 1)
    except BlockingIOError:
        return
    os._exit(125)  # an end of file: the zygote died before it could have taken this process with it


def _lock(kind: Kind, box: Box, walls: Walls, line: socket.socket) -> None:
    program = walls.filter(kind).replace(NOBODY_ELSE.to_bytes(4, "little"), os.getpid().to_bytes(4, "little"))
    kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
    if box.ruleset >= 0:
        landlock.restrict(box.ruleset)
    if kind.forks:
        listener = kernel.seccomp_filter(seccomp.fork_listener(walls.machine), kernel.SECCOMP_FILTER_FLAG_NEW_LISTENER)
        send(line, LISTENER, [listener])
    kernel.seccomp_filter(program)


def _receive_job(box: Box, walls: Walls, line: socket.socket) -> tuple[Entry, Channels, bytes]:
    message, descriptors = receive(line)
    if not message:
        os._exit(0)  # the zygote is gone, or gave up this spare
    head, _ = unpack(message)
    by_role = dict(zip(head["roles"], descriptors, strict=True))
    for number, role in enumerate(("stdin", "stdout", "stderr")):
        descriptor = by_role.pop(role)
        os.dup2(descriptor, number)
        os.close(descriptor)
    payload = b""
    if "payload" in by_role:
        with os.fdopen(by_role.pop("payload"), "rb") as file:
            file.seek(0)
            payload = file.read()
    page = box.page

    def note(what: Note) -> None:
        page[0] = what

    ends = {role: Channel(by_role[role]) if role in by_role else None for role in ("link", "result", "control")}
    return walls.entries[head["entry"]], Channels(note=note, **ends), payload


def _freshen(home: str) -> None:
    """Reseed and repoint state that every child would otherwise share with the zygote."""
    if os.environ["HOME"] != home:
        os.environ["HOME"] = os.environ["TMPDIR"] = home
    random.seed()
    if "numpy.random" in sys.modules:
        sys.modules["numpy.random"].seed(int.from_bytes(os.urandom(4), "little"))  # from a number: ten times as fast
    if "sympy.core.random" in sys.modules:
        sys.modules["sympy.core.random"].seed()


def prepare_for_children(home: str) -> None:
    """Set up the environment and the streams in the zygote, once for all children.

    The streams are opened over pipes, as children have them, and then pointed to /dev/null.
    """
    os.environ.clear()
    os.environ.update(environment(home))
    tempfile.tempdir = None
    ends = os.pipe()
    for number, end in ((0, ends[0]), (1, ends[1]), (2, ends[1])):
        os.dup2(end, number)
    sys.stdin = open(0, encoding="utf-8", errors="surrogateescape", closefd=False)  # noqa: SIM115
    sys.stdout = open(1, "w", encoding="utf-8", errors="surrogateescape", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", encoding="utf-8", errors="backslashreplace", buffering=1, closefd=False)  # noqa: SIM115
    sys.__stdin__, sys.__stdout__, sys.__stderr__ = sys.stdin, sys.stdout, sys.stderr  # type: ignore[misc]
    null = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(null, number)
    for number in (null, *ends):
        os.close(number)


def environment(home: str) -> dict[str, str]:
    """Return a child's whole environment.

    >>> environment("/tmp")["HOME"]
    '/tmp'
    """
    fixed = {"USER": "sandbox", "LOGNAME": "sandbox", "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8", "PATH": "/usr/bin:/bin"}
    one_thread = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    return {"HOME": home, "TMPDIR": home} | fixed | one_thread
