"""The zygote: a warm process that forks one child per task. Started by a Pool, it serves one owner and dies with it.

One thread, one loop: orders from the owner, deaths of children, requests to fork; when idle, spare children. Programs
and tests never pass through its memory, of which every child has a copy. It trusts nothing from a child and never waits
for one. When its control socket or its owner's process ends, it kills all children and exits.
"""

import contextlib
import errno
import fcntl
import os
import select
import signal
import socket
import struct
import time
from collections.abc import Callable
from typing import Any

from . import watch
from .box import Box, Boxes, delete_directory, empty_directory
from .child import FAILED, LISTENER, READY, Job, Kind, Walls
from .errors import BadMessage
from .layers import kernel
from .orders import directory_name, parse_jobs
from .spares import TICK_SECONDS, Child, Launch, Member, Spares
from .wire import close_all, pack, receive, send, unpack

_SESSION_TICK_SECONDS = 0.2
_DYING_SECONDS = 0.05
_PATIENCE_SECONDS = 2.0
"""Life of an orphan in a session that the owner has not named."""
_SLACK_BYTES = 8 << 20
"""Memory that each process of a session may copy of the others' without having asked for any."""
_QUIET_SECONDS = 0.01
"""Idle time before a spare is made: for an owner in a hurry, children are forked on demand."""


class Born(BaseException):
    """Raised in a new child with `become`'s arguments, to leave the zygote's frames: a program must not find them."""


class Zygote:
    """One owner's children, from fork to reaping."""

    def __init__(self, control: socket.socket, owner: int, boxes: Boxes, walls: Walls) -> None:
        self._control, self._boxes, self._walls = control, boxes, walls
        self._children: dict[int, Child] = {}
        self._spares = Spares()
        self._poll = select.epoll()
        self._handlers: dict[int, Callable[[], None]] = {}
        self._running = True
        self._next_tick = 0.0
        self._next_sessions = 0.0
        """Time of the next look at all sessions together, as a look through /proc for each would be too slow."""
        self._own_pids = -1 if walls.flat else os.open("/proc/self/ns/pid", os.O_RDONLY | os.O_CLOEXEC)
        control.setblocking(False)
        self._watch(control.fileno(), self._orders)
        self._watch(owner, self._stop)

    def serve(self) -> None:
        """Run until the owner is gone, then kill the children and delete the boxes."""
        while self._running:
            works = len(self._children) > len(self._spares) or bool(self._boxes.cleaners)
            ready = self._poll.poll(_QUIET_SECONDS if self._spares.wanted else TICK_SECONDS if works else None)
            for descriptor, events, handler in [(one, events, self._handlers.get(one)) for one, events in ready]:
                # An earlier handler may have closed this descriptor, and its number may be in use again.
                if handler is None or self._handlers.get(descriptor) is not handler:
                    continue
                if events & select.EPOLLIN:
                    handler()
                else:
                    self._unwatch(descriptor)  # a listener whose last process is gone
            if works and time.monotonic() >= self._next_tick:
                self._tick()
                self._next_tick = time.monotonic() + TICK_SECONDS
            if not ready and self._spares.wanted:
                self._make_spare()
        for child in list(self._children.values()):
            self._kill(child, "owner")
        while self._reap(block=True):
            continue
        if self._boxes.flat_base is not None:
            delete_directory(self._boxes.flat_base)

    def forget(self, own: Box) -> Walls:
        """In a new child: unmap the pages of all other boxes and drop everything that is known about other children."""
        walls, others = self._walls, self._boxes.free
        for child in self._children.values():
            others.append(child.box)
            child.launch = None  # which refers to the child again
        for box in others:
            if box is not own:
                box.page.close()
        vars(self).clear()
        return walls

    def _stop(self) -> None:
        self._running = False

    def _watch(self, descriptor: int, handler: Callable[[], None]) -> None:
        self._handlers[descriptor] = handler
        self._poll.register(descriptor, select.EPOLLIN)

    def _unwatch(self, descriptor: int) -> None:
        if self._handlers.pop(descriptor, None) is not None:
            self._poll.unregister(descriptor)

    def _orders(self) -> None:
        while self._running and self._take_order():
            continue

    def _take_order(self) -> bool:
        """Carry out one order of the owner; return False when none is waiting."""
        try:
            message, descriptors = receive(self._control)
        except BlockingIOError:
            return False
        except BadMessage:
            return True
        except OSError:
            message, descriptors = b"", []
        if not message:
            close_all(descriptors)
            self._stop()
            return False
        try:
            head, _ = unpack(message)
            if head.get("op") == "launch":
                self._launch(head, descriptors)
                return True
            self._order(head, descriptors)
        except BadMessage as problem:
            if descriptors:  # by convention the first one is the order's events socket
                _answer(os.dup(descriptors[0]), {"failed": str(problem)})
        close_all(descriptors)
        return True

    def _order(self, head: dict[str, Any], descriptors: list[int]) -> None:
        """Carry out an order about a process of a session, if the session still lives."""
        op, key, home, new_home = (
            head.get("op"),
            head.get("key"),
            directory_name(head),
            directory_name(head, "new_home"),
        )
        if op not in ("own", "disown", "allow_fork", "rename_home", "sweep") or type(key) is not int:
            raise BadMessage(f"no such order: {op!r} for {key!r}")
        wanted = (head.get("number"), head.get("index"))
        sessions = (child for child in self._children.values() if child.kind.session and child.launch)
        child = next((one for one in sessions if one.launch and (one.launch.number, one.index) == wanted), None)
        member = child.members.get(key) if child is not None else None
        if child is not None and op == "own" and len(descriptors) == 1:
            with contextlib.suppress(OSError):
                pid, pidfd = watch.pid_of(descriptors[0]), os.dup(descriptors[0])
                child.members[key] = Member(pid, pidfd, home)
        if child is None or member is None:
            return
        match op:
            case "own" | "disown":
                os.close(member.pidfd)
                if op == "disown":
                    del child.members[key]
            case "allow_fork":
                with contextlib.suppress(OSError):  # without a permission the fork fails, which the owner notices
                    if new_home:
                        self._boxes.add_home(child.box, new_home)
                    member.forks_allowed = min(member.forks_allowed + 1, watch.MAX_UNUSED_FORKS)
            case "rename_home":
                self._boxes.rename_home(child.box, home, new_home)
                member.home = new_home
            case "sweep":
                member.forks_allowed = 0
                for pid in watch.children(member.pid) - {one.pid for one in child.members.values()}:
                    watch.stop_child(pid, member.pid)

    def _launch(self, head: dict[str, Any], descriptors: list[int]) -> None:
        jobs = parse_jobs(head, descriptors[1:], self._walls.entries)
        if not descriptors:
            raise BadMessage("a launch without an events socket")
        events = socket.socket(fileno=descriptors[0])
        events.setblocking(False)
        launch = Launch(head.get("number", 0), events)
        try:
            for index, job in enumerate(jobs):
                child = self._start(job)
                child.begin(launch, index)
        except OSError as problem:
            _answer(os.dup(events.fileno()), {"failed": str(problem)})
            for child in launch.children.values():
                self._kill(child, "launch failed")
        close_all(descriptors[1:])
        if not launch.children:
            events.close()
            return
        self._watch(events.fileno(), lambda: self._abandon(launch))
        started = [child.pid for child in launch.children.values()]
        self._tell(launch, {"started": started}, [child.pidfd for child in launch.children.values()])

    def _start(self, job: Job) -> Child:
        """Give a job to a spare, or to a child forked for it; raise OSError when neither is possible."""
        spare = self._spares.take(job.kind)
        if spare is not None and self._hand_over(spare, job):
            return spare
        child = self._fork(job.kind, job.home)
        if not self._hand_over(child, job):
            raise OSError("a child ended before it had its job")
        return child

    def _make_spare(self) -> None:
        kind = self._spares.next_kind()
        if kind is None:
            return
        surplus = self._spares.surplus()
        if surplus is not None:
            self._kill(surplus, "surplus")
        with contextlib.suppress(OSError):  # the next launch will report it
            self._spares.add(self._fork(kind, ahead=True))

    def _fork(self, kind: Kind, home: str = "", *, ahead: bool = False) -> Child:
        box = self._boxes.take(kind.limits)
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.setblocking(False)
        try:
            if kind.session:
                self._boxes.furnish_for_session(box)
                self._boxes.add_home(box, home)
            self._walls.filter(kind)  # built once, here, for all children of its kind
            if not self._walls.flat:
                kernel.setns(self._own_pids, kernel.CLONE_NEWPID)
                kernel.unshare(kernel.CLONE_NEWPID)
            pid = os.fork()
            if pid == 0:
                raise Born(kind, box, theirs, home, ahead)
            theirs.close()
            child = Child(pid, os.pidfd_open(pid), kind, box, ours)
        except OSError:
            ours.close()
            theirs.close()
            self._boxes.give_back(box)
            raise
        self._children[pid] = child
        self._watch(child.pidfd, self._deaths)
        if kind.forks:
            # Only the descriptor that announces its forks; its later messages can wait.
            line = ours.fileno()
            self._watch(line, lambda: self._unwatch(line) if self._hear(child) == LISTENER else None)
        return child

    def _hand_over(self, child: Child, job: Job) -> bool:
        """Send a child its job; return False if it is dead."""
        try:
            send(child.line, pack({"entry": job.entry, "roles": list(job.descriptors)}), list(job.descriptors.values()))
        except OSError:
            return False
        return True

    def _hear(self, child: Child) -> bytes:
        """Receive one message of a child on its line; return its first byte, empty when there is none."""
        try:
            message, descriptors = receive(child.line)
        except (OSError, BadMessage):
            message, descriptors = b"", []
        kind = message[:1]
        if kind == LISTENER and len(descriptors) == 1 and child.listener < 0:
            child.listener = descriptors.pop()
            self._watch(child.listener, lambda: self._fork_request(child))
        elif kind == READY:
            child.began = True
        elif kind == FAILED:
            child.failure = message[1:].decode("utf-8", "replace")
        close_all(descriptors)
        return kind

    def _fork_request(self, child: Child) -> None:
        self._orders()  # a permission sent before the request must count
        request = bytearray(80)
        try:
            fcntl.ioctl(child.listener, kernel.SECCOMP_IOCTL_NOTIF_RECV, request)
        except OSError:
            return  # the forking process was killed meanwhile
        number, pid = struct.unpack_from("<QI", request)
        if child.kind.session:
            member = next((one for one in child.members.values() if one.pid == pid), None)
            granted = member is not None and member.forks_allowed > 0
            if member is not None:
                member.forks_allowed -= granted
        else:
            if child.forks >= child.kind.limits.processes:
                child.forks = len(watch.groups().get(child.pid, ())) - 1
            child.forks += 1
            granted = child.forks <= child.kind.limits.processes
        verdict = (0, kernel.SECCOMP_USER_NOTIF_FLAG_CONTINUE) if granted else (-errno.EAGAIN, 0)
        with contextlib.suppress(OSError):
            fcntl.ioctl(child.listener, kernel.SECCOMP_IOCTL_NOTIF_SEND, struct.pack("<QqiI", number, 0, *verdict))

    def _tell(self, launch: Launch, head: dict[str, Any], descriptors: list[int] | None = None) -> None:
        try:
            send(launch.events, pack(head), descriptors or [])
        except OSError:
            self._abandon(launch)

    def _abandon(self, launch: Launch) -> None:
        for child in launch.children.values():
            self._kill(child, "owner left")

    def _kill(self, child: Child, reason: str) -> None:
        child.killed_for = child.killed_for or reason
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(child.pidfd, signal.SIGKILL)

    def _tick(self) -> None:
        """Kill every child over a limit that only shows from outside; the youngest are not checked yet."""
        self._deaths()
        now = time.monotonic()
        sessions = now >= self._next_sessions
        if sessions:
            self._next_sessions = now + _SESSION_TICK_SECONDS
        groups: dict[int, list[watch.Process]] = {}  # filled at the first need
        for child in list(self._children.values()):
            limits, session = child.kind.limits, child.kind.session
            due = sessions if session else now >= child.next_look
            if child.launch is None or child.killed_for or not due:
                continue
            alone = watch.process(child.pid) if not child.forks and not session else None
            if alone is None and not groups:
                groups = watch.groups()
            processes = [alone] if alone is not None else groups.get(child.pid, [])
            if session:
                reason = self._tend(child, processes, now)
            else:
                reason = watch.over_limit(processes, limits, self._walls.base_resident)
                if not reason and self._walls.flat:
                    reason = watch.directory_over_limit(child.box.directory, processes, limits)
            if reason:
                self._kill(child, reason)

    def _tend(self, child: Child, processes: list[watch.Process], now: float) -> str:
        """Stop what must not live on in a session: strays, and the one process that takes too much, not its siblings.

        Return the limit for which the whole session must end, or "".
        """
        limits, directory, known = child.kind.limits, child.box.directory, {m.pid for m in child.members.values()}
        orphans = [one.pid for one in processes if one.parent == child.pid and one.pid not in known]
        child.orphans = {pid: child.orphans.get(pid, now) for pid in orphans}
        for pid in orphans:
            if now - child.orphans[pid] > _PATIENCE_SECONDS:
                watch.stop_child(pid, child.pid)
        reason = watch.memory_over_limit(processes, limits, self._walls.base_resident, _SLACK_BYTES)
        greedy, home = 0, ""
        if reason:
            greedy = max(processes, key=watch.proportional).pid
        elif self._walls.flat and (reason := watch.directory_over_limit(directory, processes, limits)):
            at_home = {m.home: one for m in child.members.values() for one in processes if one.pid == m.pid}
            home = watch.largest(directory, limits, at_home)
            greedy = at_home[home].pid if home in at_home else 0
        named = next(((key, member) for key, member in child.members.items() if member.pid == greedy), None)
        if named is not None and child.launch is not None:
            self._tell(child.launch, {"over": named[0], "reason": reason})
        if greedy:
            with contextlib.suppress(ProcessLookupError):
                os.kill(greedy, signal.SIGKILL)
        if home:
            if named is not None:
                select.select([named[1].pidfd], [], [], _DYING_SECONDS)  # or it would fill the directory once more
            empty_directory(f"{directory}/{home}")
        return watch.stop_crowds(processes, limits)

    def _deaths(self) -> None:
        while self._reap():
            continue

    def _reap(self, block: bool = False) -> bool:
        """Reap one dead process; return False when there is none."""
        try:
            found = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOWAIT | (0 if block else os.WNOHANG))
        except ChildProcessError:
            return False
        if found is None:
            return False
        child = self._children.get(found.si_pid)
        if child is None:
            os.waitpid(found.si_pid, 0)
            self._boxes.cleaners.discard(found.si_pid)
        else:
            self._end(child)
        return True

    def _end(self, child: Child) -> None:
        """Clean up after a child's first process: reap its forks, tell the owner, clean the box."""
        if self._walls.flat:
            _kill_group(child.pid)
        _, status, usage = os.wait4(child.pid, 0)
        while self._walls.flat and _kill_group(child.pid):  # its forks, which this process has adopted
            with contextlib.suppress(ChildProcessError):  # its parent is in the group too and about to die
                os.waitpid(-child.pid, 0)
        del self._children[child.pid]
        self._spares.remove(child)
        while self._hear(child):
            continue
        members = [member.pidfd for member in child.members.values()]
        for descriptor in (child.listener, child.pidfd, child.line.detach(), *members):
            if descriptor >= 0:
                self._unwatch(descriptor)
                os.close(descriptor)
        ended = {
            "ended": child.index, "status": os.waitstatus_to_exitcode(status), "cpu": usage.ru_utime + usage.ru_stime,
            "began": child.began, "failure": child.failure, "note": child.box.page[0], "killed_for": child.killed_for,
            "forks": child.forks,
        }  # fmt: skip
        self._boxes.give_back(child.box)
        if (launch := child.launch) is not None:
            self._spares.want(child.kind)
            del launch.children[child.index]
            self._tell(launch, ended)
            if not launch.children:
                self._unwatch(launch.events.fileno())
                launch.events.close()


def _kill_group(leader: int) -> bool:
    """Kill a process group; return False when none of it is left."""
    try:
        os.killpg(leader, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def _answer(descriptor: int, head: dict[str, Any]) -> None:
    """Send one message on a descriptor of unknown kind, and close it."""
    try:
        with socket.socket(fileno=descriptor) as events:
            send(events, pack(head))
    except OSError:
        close_all([descriptor])
