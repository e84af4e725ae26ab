"""The zygote: a warm process that forks one child per task. Started by a Pool, it serves one owner and dies with it.

One thread, one loop: orders from the owner, deaths of children, requests to fork. It believes nothing that comes from
a child and never waits for one. Its control socket ends, or its owner's process does: it kills all children and goes.
"""

# os.* rather than Path: descriptors, and no surprises with symbolic links.

import errno
import fcntl
import gc
import json
import os
import resource
import select
import signal
import socket
import struct
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, NoReturn

from . import prewarm, watch
from .box import BRANCH_LIMIT, Box, Boxes, delete_directory, make_base
from .child import ROLES, Job, Walls, become, prepare_for_children
from .errors import BadMessage
from .inside import Entry, Note, load_entries
from .layers import cgroup, kernel, namespaces, seccomp, visible
from .limits import Limits
from .wire import close_all, pack, receive, send, unpack

_TICK_SECONDS = 0.04
_SESSION_TICK_SECONDS = 0.2
_HOARD_LIMIT = 64
"""Permissions to fork that a session may leave unused: a hostile one could save them up."""
FIRST_UID = 61_184
"""User ids for children of a zygote started as root: the range that systemd also uses for users that come and go."""


@dataclass(slots=True)
class Child:
    """One running task."""

    pid: int
    index: int
    launch: "Launch"
    box: Box
    pidfd: int
    limits: Limits
    session: bool = False
    introduction: socket.socket | None = None
    listener: int = -1
    forks_allowed: int = 0
    forks: int = 0
    killed_for: str = ""
    next_look: float = field(default_factory=lambda: time.monotonic() + _TICK_SECONDS / 2)


@dataclass(slots=True)
class Launch:
    """Tasks that were started together. `events` is where the owner hears of them."""

    number: int
    events: socket.socket
    children: dict[int, Child] = field(default_factory=dict)


class Zygote:
    def __init__(
        self, control: socket.socket, owner: int, boxes: Boxes, walls: Walls, entries: dict[str, Entry]
    ) -> None:
        self._control, self._boxes, self._walls, self._entries = control, boxes, walls, entries
        self._children: dict[int, Child] = {}
        self._poll = select.epoll()
        self._handlers: dict[int, Callable[[], None]] = {}
        self._running = True
        self._next_tick = 0.0
        self._own_pids = -1 if walls.flat else os.open("/proc/self/ns/pid", os.O_RDONLY | os.O_CLOEXEC)
        control.setblocking(False)
        self._watch(control.fileno(), self._orders)
        self._watch(owner, self._stop)

    def serve(self) -> None:
        """Run until the owner is gone, then leave nothing behind."""
        while self._running:
            ready = self._poll.poll(_TICK_SECONDS if self._children or self._boxes.cleaners else None)
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
            if (self._children or self._boxes.cleaners) and time.monotonic() >= self._next_tick:
                self._tick()
                self._next_tick = time.monotonic() + _TICK_SECONDS
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
            head, body = unpack(message)
            self._order(head, body, descriptors)
        except BadMessage as problem:
            self._refuse(descriptors, str(problem))
        return True

    def _refuse(self, descriptors: list[int], reason: str) -> None:
        """Tell whoever sent a bad order: by convention its first descriptor is the events socket."""
        if descriptors:
            tell(os.dup(descriptors[0]), {"failed": reason})
        close_all(descriptors)

    def _order(self, head: dict[str, Any], body: bytes, descriptors: list[int]) -> None:
        match head.get("op"):
            case "launch":
                self._launch(head, body, descriptors)
            case "allow_fork":
                close_all(descriptors)
                self._allow_fork(head)
            case "rename_home":
                close_all(descriptors)
                for child in self._named(head):
                    self._boxes.rename_home(child.box, _home(head), _home(head, "new_home"))
            case other:
                raise BadMessage(f"no such order: {other!r}")

    def _launch(self, head: dict[str, Any], body: bytes, descriptors: list[int]) -> None:
        jobs = parse_jobs(head, body, descriptors[1:], self._entries)
        if not descriptors:
            raise BadMessage("a launch without an events socket")
        events = socket.socket(fileno=descriptors[0])
        events.setblocking(False)
        launch = Launch(head.get("number", 0), events)
        try:
            for index, job in enumerate(jobs):
                self._fork(launch, index, job)
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

    def _fork(self, launch: Launch, index: int, job: Job) -> None:
        box = self._boxes.take(job.limits)
        if job.session:
            self._boxes.furnish_for_session(box)
            self._boxes.add_home(box, job.home)
        listened = job.session or job.limits.processes > 0
        ends = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET) if listened else None
        self._walls.filter(job)  # built once, here, for all children of its kind
        if not self._walls.flat:
            kernel.setns(self._own_pids, kernel.CLONE_NEWPID)
            kernel.unshare(kernel.CLONE_NEWPID)
        pid = os.fork()
        if pid == 0:
            become(job, box, self._walls, ends[1] if ends else None)
        child = Child(pid, index, launch, box, os.pidfd_open(pid), job.limits, job.session)
        self._children[pid] = launch.children[index] = child
        self._watch(child.pidfd, self._deaths)
        if ends is not None:
            ends[1].close()
            child.introduction = ends[0]
            self._watch(ends[0].fileno(), lambda: self._meet(child))

    def _meet(self, child: Child) -> None:
        """Take the descriptor on which the child's forks will be announced."""
        introduction = child.introduction
        if introduction is None:
            return
        try:
            _, descriptors = receive(introduction)
        except (OSError, BadMessage):
            descriptors = []
        self._forget_introduction(child)
        if len(descriptors) == 1 and child.pid in self._children:
            child.listener = descriptors[0]
            self._watch(child.listener, lambda: self._fork_request(child))
        else:
            close_all(descriptors)

    def _forget_introduction(self, child: Child) -> None:
        if child.introduction is not None:
            self._unwatch(child.introduction.fileno())
            child.introduction.close()
            child.introduction = None

    def _allow_fork(self, head: dict[str, Any]) -> None:
        for child in self._named(head):
            try:
                if home := _home(head, "new_home"):
                    self._boxes.add_home(child.box, home)
            except OSError:
                continue  # without a permission the fork will fail, and the owner hears of it
            child.forks_allowed = min(child.forks_allowed + 1, _HOARD_LIMIT)

    def _named(self, head: dict[str, Any]) -> list[Child]:
        """The session that an order is about, if it is still alive."""
        wanted = (head.get("number"), head.get("index"))
        found = (child for child in self._children.values() if (child.launch.number, child.index) == wanted)
        return [child for child in found if child.session]

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
        if child.session:
            granted = child.forks_allowed > 0
            child.forks_allowed -= granted
            return granted
        if child.forks >= child.limits.processes:
            child.forks = len(watch.group(child.pid)) - 1
        child.forks += 1
        return child.forks <= child.limits.processes

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
        for child in list(self._children.values()):
            if child.killed_for or now < child.next_look:
                continue
            child.next_look = now + (_SESSION_TICK_SECONDS if child.session else 0.0)
            alone = watch.process(child.pid) if not child.forks and not child.session else None
            processes = [alone] if alone is not None else watch.group(child.pid)
            if child.session:
                reason = _stop_crowds(processes, child.limits)
            else:
                reason = watch.over_limit(processes, child.limits, self._walls.base_resident)
            if not reason and self._walls.flat:
                reason = watch.directory_over_limit(child.box.directory, processes, child.limits)
            if reason:
                self._kill(child, reason)

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
        self._forget_introduction(child)
        if child.listener >= 0:
            self._unwatch(child.listener)
            os.close(child.listener)
        page = child.box.page
        note = page[0]
        failure = bytes(page[1:]).split(b"\0", 1)[0].decode("utf-8", "replace") if note == Note.FAILED_TO_START else ""
        self._unwatch(child.pidfd)
        os.close(child.pidfd)
        launch = child.launch
        cpu = usage.ru_utime + usage.ru_stime
        ended = {
            "ended": child.index,
            "status": os.waitstatus_to_exitcode(status),
            "cpu": cpu,
            "note": note,
            "failure": failure,
            "killed_for": child.killed_for,
        }
        del launch.children[child.index]
        self._boxes.give_back(child.box)
        self._tell(launch, ended)
        if not launch.children:
            self._unwatch(launch.events.fileno())
            launch.events.close()


def _stop_crowds(processes: list[watch.Process], limits: Limits) -> str:
    """Kill those processes of a session that have too many threads; say so if there are too many processes."""
    for one in processes:
        if one.threads > limits.threads:
            try:
                os.kill(one.pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
    most = 2 * BRANCH_LIMIT + _HOARD_LIMIT
    return f"processes: more than {most}" if len(processes) > most else ""


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


def parse_jobs(head: dict[str, Any], body: bytes, descriptors: list[int], entries: dict[str, Entry]) -> list[Job]:
    """Check a launch order to the last field; raises BadMessage."""
    tasks = head.get("tasks")
    if not isinstance(tasks, list) or not 1 <= len(tasks) <= 8:
        raise BadMessage("a launch needs a list of 1 to 8 tasks")
    jobs, rest = [], list(descriptors)
    for task in tasks:
        if not isinstance(task, dict) or task.get("entry") not in entries:
            raise BadMessage("a task needs an entry that exists")
        roles, size = task.get("roles"), task.get("size")
        if (
            not isinstance(roles, list)
            or len(set(map(str, roles))) < len(roles)
            or not set(map(str, roles)) <= set(ROLES)
        ):
            raise BadMessage("a task's roles are wrong")
        if not {"stdin", "stdout", "stderr"} <= set(roles) or len(roles) > len(rest):
            raise BadMessage("a task's descriptors are missing")
        if type(size) is not int or not 0 <= size <= len(body):
            raise BadMessage("a task's payload is cut short")
        given, rest = dict(zip(roles, rest, strict=False)), rest[len(roles) :]
        jobs.append(
            Job(
                entry=entries[task["entry"]],
                payload=body[:size],
                descriptors=given,
                limits=parse_limits(task.get("limits")),
                session=task["entry"] == "session",
                home=_home(task),
            )
        )
        body = body[size:]
    return jobs


def _home(head: dict[str, Any], key: str = "home") -> str:
    name = head.get(key, "")
    if not isinstance(name, str) or (name and not (name.isascii() and name.isalnum() and len(name) <= 64)):
        raise BadMessage(f"not a directory's name: {name!r}")
    return name


def parse_limits(given: object) -> Limits:
    """Limits from their JSON; raises BadMessage."""
    known = {one.name for one in fields(Limits)}
    if not isinstance(given, dict) or not set(given) <= known:
        raise BadMessage("a task's limits are wrong")
    for name, value in given.items():
        seconds = name.endswith("_seconds")
        if value is None and name == "cpu_seconds":
            continue
        if type(value) not in ((int, float) if seconds else (int,)) or not 0 <= value <= 1 << 50:
            raise BadMessage(f"a task's {name} is {value!r}")
    try:
        return Limits(**given)
    except ValueError as problem:
        raise BadMessage(str(problem)) from None


def main() -> NoReturn:
    """Entry of the process: the configuration is the one argument, as JSON."""
    settings = json.loads(sys.argv[1])
    control = socket.socket(fileno=settings["control"])
    try:
        zygote = _prepare(settings, control)
    except OSError as problem:
        send(control, pack({"unavailable": str(problem)}))
        os._exit(3)
    send(control, pack({"ready": settings["mode"], "pid": os.getpid(), "details": _details(settings)}))
    zygote.serve()
    os._exit(0)


def _prepare(settings: dict[str, Any], control: socket.socket) -> Zygote:
    flat, machine, version = settings["mode"] == "flat", kernel.machine(), kernel.landlock_version()
    if not version and not settings["weaker"]:
        raise OSError("this kernel has no landlock (Linux 5.13 or newer, with landlock among its security modules)")
    kernel.one_malloc_arena()
    settings["cgroups"] = [str(group) for group in cgroup.join()]
    root = settings["root"]
    sys.path[:] = [entry for entry in [*sys.path, *settings["paths"]] if entry != root]
    sys.argv[:] = [""]
    entries = load_entries()
    readable = visible.readable_paths(flat=flat, hidden=[root])
    own = "/box" if any(path.startswith("/tmp") for path in readable) else "/tmp"
    as_root = os.geteuid() == 0
    base, keep = None, 0
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if flat:
        keep = _needed_capabilities([path for path in readable if os.access(path, os.R_OK)]) if as_root else 0
        kernel.prctl(kernel.PR_SET_CHILD_SUBREAPER, 1)
        base, _ = make_base()
    else:
        namespaces.enter(readable, own=own, drop_to=FIRST_UID if as_root else None)
    prewarm.warm(settings["prewarm"], goes_on=lambda: _waits(settings["owner"]))
    if not _waits(settings["owner"]):
        if base is not None:
            delete_directory(base)
        os._exit(0)
    prepare_for_children(own)
    gc.collect()
    gc.freeze()
    alive = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
    walls = Walls(
        machine=machine,
        landlock=version,
        flat=flat,
        base_bytes=_memory_pages()[0] * os.sysconf("SC_PAGE_SIZE"),
        base_resident=_memory_pages()[1] * os.sysconf("SC_PAGE_SIZE"),
        keep=keep,
        alive=alive,
        score=os.open("/proc", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC),
        tasks=0 if flat and as_root else 4096,
    )
    seccomp.fork_listener(machine)
    boxes = Boxes(flat_base=base, own=own, readable=readable, first_uid=FIRST_UID if flat and as_root else None)
    return Zygote(control, settings["owner"], boxes, walls, entries)


def _waits(owner: int) -> bool:
    """Whether the owner, a process descriptor, is still alive."""
    return not select.select([owner], [], [], 0)[0]


def _memory_pages() -> list[int]:
    """Total and resident pages of this process."""
    return [int(number) for number in Path("/proc/self/statm").read_text().split()[:2]]


def _needed_capabilities(paths: Sequence[str]) -> int:
    """What an unprivileged child of this root process needs to read the interpreter's own files.

    Nothing, mostly. An interpreter below a directory that only root may enter (/root) is out of reach without
    the capability to read; landlock still holds the child to `paths`.
    """
    child = os.fork()
    if child == 0:
        namespaces.drop_user(FIRST_UID)
        os._exit(0 if all(os.access(path, os.R_OK) for path in paths) else 1)
    if os.waitpid(child, 0)[1] == 0:
        return 0
    for capability in (kernel.CAP_DAC_READ_SEARCH, kernel.CAP_DAC_OVERRIDE):
        if kernel.capabilities() & 1 << capability:
            return 1 << capability
    return 0


def _details(settings: dict[str, Any]) -> dict[str, Any]:
    return {"landlock": kernel.landlock_version(), "cgroups": settings["cgroups"]}
