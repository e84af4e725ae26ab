"""The zygote: a warm process that forks one child per task. Started by a Pool, it serves one owner and dies with it.

One thread, one loop: orders from the owner, deaths of children, requests to fork; when all is quiet, spare children.
Neither programs nor tests ever pass through its memory, of which every child has a copy, only descriptors that hold
them. It believes nothing that comes from a child and never waits for one. Its control socket ends, or its owner's
process does: it kills all children and goes.
"""

# os.* rather than Path: descriptors, and no surprises with symbolic links.

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
from .box import Boxes
from .child import FAILED, LISTENER, READY, Job, Kind, Walls, become
from .errors import BadMessage
from .layers import kernel
from .orders import directory_name, parse_jobs
from .spares import TICK_SECONDS, Child, Launch, Spares
from .wire import close_all, pack, receive, send, unpack

_SESSION_TICK_SECONDS = 0.2
_QUIET_SECONDS = 0.01
"""How long nothing may have happened before a spare is made: an owner in a hurry has its children forked on demand."""


class Zygote:
    """One owner's children, from their fork to their burial."""

    def __init__(self, control: socket.socket, owner: int, boxes: Boxes, walls: Walls) -> None:
        self._control, self._boxes, self._walls = control, boxes, walls
        self._children: dict[int, Child] = {}
        self._spares = Spares()
        self._poll = select.epoll()
        self._handlers: dict[int, Callable[[], None]] = {}
        self._running = True
        self._next_tick = 0.0
        self._next_sessions = 0.0
        """When sessions are looked at again, all at once: a look through /proc for each would take all the time."""
        self._own_pids = -1 if walls.flat else os.open("/proc/self/ns/pid", os.O_RDONLY | os.O_CLOEXEC)
        control.setblocking(False)
        self._watch(control.fileno(), self._orders)
        self._watch(owner, self._stop)

    def serve(self) -> None:
        """Run until the owner is gone, then leave nothing behind."""
        while self._running:
            works = len(self._children) > len(self._spares) or bool(self._boxes.cleaners)
            ready = self._poll.poll(_QUIET_SECONDS if self._spares.wanted else TICK_SECONDS if works else None)
            for descriptor, events, handler in [
                (number, events, self._handlers.get(number)) for number, events in ready
            ]:
                # A handler that ran before may have closed this descriptor and given its number to another.
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
        self._boxes.remove()

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
        """Carry out one order of the owner; False when there is none."""
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
            self._order(head, descriptors)
        except BadMessage as problem:
            self._refuse(descriptors, str(problem))
        return True

    def _refuse(self, descriptors: list[int], reason: str) -> None:
        """Tell whoever sent a bad order: by convention its first descriptor is the events socket."""
        if descriptors:
            tell(os.dup(descriptors[0]), {"failed": reason})
        close_all(descriptors)

    def _order(self, head: dict[str, Any], descriptors: list[int]) -> None:
        match head.get("op"):
            case "launch":
                self._launch(head, descriptors)
            case "allow_fork":
                close_all(descriptors)
                self._allow_fork(head)
            case "rename_home":
                close_all(descriptors)
                for child in self._named(head):
                    self._boxes.rename_home(child.box, directory_name(head), directory_name(head, "new_home"))
            case other:
                raise BadMessage(f"no such order: {other!r}")

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
            tell(os.dup(events.fileno()), {"failed": str(problem)})
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
        """Give a job to a spare, or to a child forked for it. Raises OSError."""
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
        try:
            self._spares.add(self._fork(kind, ahead=True))
        except OSError:
            return  # whoever wants to start a child next will hear of it

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
                become(kind, box, self._walls, theirs, home=home, ahead=ahead)
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
            self._watch(ours.fileno(), lambda: self._meet(child))
        return child

    def _hand_over(self, child: Child, job: Job) -> bool:
        """Tell a child what it is to do; False if it is dead."""
        try:
            send(child.line, pack({"entry": job.entry, "roles": list(job.descriptors)}), list(job.descriptors.values()))
        except OSError:
            return False
        return True

    def _meet(self, child: Child) -> None:
        """Take the descriptor on which the child's forks will be announced; the rest of what it says can wait."""
        if self._hear(child) == LISTENER:
            self._unwatch(child.line.fileno())

    def _hear(self, child: Child) -> bytes:
        """Take in one thing that a child says on its line; nothing when there is none."""
        try:
            message, descriptors = receive(child.line)
        except (OSError, BadMessage):
            message, descriptors = b"", []
        said = message[:1]
        if said == LISTENER and len(descriptors) == 1 and child.listener < 0:
            child.listener = descriptors.pop()
            self._watch(child.listener, lambda: self._fork_request(child))
        elif said == READY:
            child.began = True
        elif said == FAILED:
            child.failure = message[1:].decode("utf-8", "replace")
        close_all(descriptors)
        return said

    def _allow_fork(self, head: dict[str, Any]) -> None:
        for child in self._named(head):
            try:
                if home := directory_name(head, "new_home"):
                    self._boxes.add_home(child.box, home)
            except OSError:
                continue  # without a permission the fork will fail, and the owner hears of it
            child.forks_allowed = min(child.forks_allowed + 1, watch.HOARD_LIMIT)

    def _named(self, head: dict[str, Any]) -> list[Child]:
        """The session that an order is about, if it is still alive."""
        wanted = (head.get("number"), head.get("index"))
        sessions = (child for child in self._children.values() if child.kind.session and child.launch is not None)
        return [child for child in sessions if child.launch and (child.launch.number, child.index) == wanted]

    def _fork_request(self, child: Child) -> None:
        self._orders()  # a permission that was sent before the request must count
        request = bytearray(80)
        try:
            fcntl.ioctl(child.listener, kernel.SECCOMP_IOCTL_NOTIF_RECV, request)
        except OSError:
            return  # the asker was killed meanwhile
        number, pid = struct.unpack_from("<QI", request)
        yes = self._may_fork(child, pid)
        answer = struct.pack(
            "<QqiI", number, 0, 0 if yes else -errno.EAGAIN, kernel.SECCOMP_USER_NOTIF_FLAG_CONTINUE if yes else 0
        )
        try:
            fcntl.ioctl(child.listener, kernel.SECCOMP_IOCTL_NOTIF_SEND, answer)
        except OSError:
            return

    def _may_fork(self, child: Child, asker: int) -> bool:
        if child.kind.session:
            granted = child.forks_allowed > 0
            child.forks_allowed -= granted
            return granted
        if child.forks >= child.kind.limits.processes:
            child.forks = len(watch.group(child.pid)) - 1
        child.forks += 1
        return child.forks <= child.kind.limits.processes

    def _tell(self, launch: Launch, head: dict[str, Any], descriptors: list[int] | None = None) -> None:
        try:
            send(launch.events, pack(head), descriptors or [])
        except OSError:
            self._abandon(launch)

    def _abandon(self, launch: Launch) -> None:
        """Nobody waits for these children any more."""
        for child in launch.children.values():
            self._kill(child, "owner left")

    def _kill(self, child: Child, reason: str) -> None:
        child.killed_for = child.killed_for or reason
        try:
            signal.pidfd_send_signal(child.pidfd, signal.SIGKILL)
        except ProcessLookupError:
            return

    def _tick(self) -> None:
        """Look at every child that has lived for a while and kill those over a limit that only shows from outside."""
        self._deaths()
        now = time.monotonic()
        sessions = now >= self._next_sessions
        if sessions:
            self._next_sessions = now + _SESSION_TICK_SECONDS
        groups: dict[int, list[watch.Process]] = {}
        for child in list(self._children.values()):
            due = sessions if child.kind.session else now >= child.next_look
            if child.launch is None or child.killed_for or not due:
                continue
            if reason := self._over_limit(child, groups):
                self._kill(child, reason)

    def _over_limit(self, child: Child, groups: dict[int, list[watch.Process]]) -> str:
        """Say which limit a child is over, or nothing. `groups` is filled at the first need and serves one tick."""
        limits, session = child.kind.limits, child.kind.session
        alone = watch.process(child.pid) if not child.forks and not session else None
        if alone is None and not groups:
            groups.update(watch.groups())
        processes = [alone] if alone is not None else groups.get(child.pid, [])
        if session:
            reason = watch.stop_crowds(processes, limits)
        else:
            reason = watch.over_limit(processes, limits, self._walls.base_resident)
        if not reason and self._walls.flat:
            reason = watch.directory_over_limit(child.box.directory, processes, limits)
        return reason

    def _deaths(self) -> None:
        while self._reap():
            continue

    def _reap(self, block: bool = False) -> bool:
        """Take in one dead process; False when there is none."""
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
        """A child's first process is dead: bury whatever it started, tell the owner, clean the box."""
        if self._walls.flat:
            _signal_group(child.pid)
        _, status, usage = os.wait4(child.pid, 0)
        if self._walls.flat:
            _bury_group(child.pid)
        del self._children[child.pid]
        self._spares.remove(child)
        while self._hear(child):
            continue
        for descriptor in (child.listener, child.pidfd, child.line.detach()):
            if descriptor >= 0:
                self._unwatch(descriptor)
                os.close(descriptor)
        code, cpu = os.waitstatus_to_exitcode(status), usage.ru_utime + usage.ru_stime
        ended = {
            "ended": child.index,
            "status": code,
            "cpu": cpu,
            "began": child.began,
            "failure": child.failure,
            "note": child.box.page[0],
            "killed_for": child.killed_for,
        }
        self._boxes.give_back(child.box)
        launch = child.launch
        if launch is None:
            return
        self._spares.want(child.kind)
        del launch.children[child.index]
        self._tell(launch, ended)
        if not launch.children:
            self._unwatch(launch.events.fileno())
            launch.events.close()


def _signal_group(leader: int) -> None:
    try:
        os.killpg(leader, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return


def _bury_group(leader: int) -> None:
    """Wait for the other processes of a group that has been killed. They are ours: this process adopts orphans."""
    while True:
        try:
            os.killpg(leader, signal.SIGKILL)
            os.waitpid(-leader, 0)
        except (ProcessLookupError, PermissionError):
            return
        except ChildProcessError:
            continue  # its parent is in the group too and about to die


def tell(descriptor: int, head: dict[str, Any]) -> None:
    """Send one message on a descriptor that may be anything, and close it."""
    try:
        with socket.socket(fileno=descriptor) as events:
            send(events, pack(head))
    except OSError:
        close_all([descriptor])
