"""Starts a zygote: confines itself, warms libraries, settles memory, then serves.

The main program of its process; the configuration is its one argument, as JSON.
"""

import gc
import json
import os
import resource
import select
import signal
import socket
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from . import prewarm
from .box import Boxes, delete_directory, make_base
from .child import Walls, become, prepare_for_children
from .inside import load_entries
from .inside.rehearsal import rehearse
from .layers import cgroup, kernel, landlock, namespaces, seccomp, visible
from .wire import pack, send
from .zygote import Born, Zygote

FIRST_UID = 61_184
"""First user id for children under root, from the range that systemd uses for dynamic users."""
_LINE = 1000
_MIN_HUGE_BYTES = 40 << 20
"""Resident bytes from which huge pages pay; in a smaller process children write to most pages anyway."""


def main() -> NoReturn:
    """Prepare and serve, or report to the owner why this machine cannot enforce the mode."""
    # An owner may ignore or block signals; ignoring SIGCHLD would keep us from waiting for children.
    for number in signal.valid_signals() - {signal.SIGPIPE, signal.SIGXFSZ}:  # which Python itself ignores
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    settings = json.loads(sys.argv[1])
    control = socket.socket(fileno=settings["control"])
    try:
        zygote = _prepare(settings, control)
    except OSError as problem:
        send(control, pack({"unavailable": str(problem)}))
        os._exit(3)
    details = {"landlock": landlock.abi(), "cgroups": settings["cgroups"]}
    send(control, pack({"ready": settings["mode"], "pid": os.getpid(), "details": details}))
    facts: tuple[Any, ...] = ()
    try:
        zygote.serve()
    except Born as born:
        facts = born.args
    if not facts:
        os._exit(0)
    kind, box, line, home, ahead = facts
    walls = zygote.forget(box)
    del zygote, control, settings, details, facts
    become(kind, box, walls, line, home=home, ahead=ahead)


def _prepare(settings: dict[str, Any], control: socket.socket) -> Zygote:
    flat, machine, version = settings["mode"] == "flat", kernel.machine(), landlock.abi()
    if not version and not settings["weaker"]:
        raise OSError("this kernel has no landlock (Linux 5.13 or newer, with landlock among its security modules)")
    kernel.reserve_little()
    settings["cgroups"] = [str(group) for group in cgroup.join()]
    # The owner's boot code put the first entry there to find this package.
    sys.path[:] = [e for e in dict.fromkeys([*sys.path[1:], *settings["paths"]]) if e not in settings["hidden"]]
    sys.argv[:] = [""]
    entries = load_entries()
    readable = visible.readable_paths(flat=flat, hidden=settings["hidden"])
    private = "/box" if any(path.startswith("/tmp") for path in readable) else "/tmp"
    as_root = os.geteuid() == 0
    base, keep = None, 0
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if flat:
        keep = _needed_capabilities([path for path in readable if os.access(path, os.R_OK)]) if as_root else 0
        kernel.prctl(kernel.PR_SET_CHILD_SUBREAPER, 1)
        base, _ = make_base()
    else:
        namespaces.enter(readable, private=private, drop_to=FIRST_UID if as_root else None)
    prewarm.warm(settings["prewarm"], proceed=lambda: _lives(settings["owner"]))
    if not _lives(settings["owner"]):
        if base is not None:
            delete_directory(base)
        os._exit(0)
    prepare_for_children(private)
    rehearse()
    gc.collect()
    gc.freeze()
    if _memory_bytes()[1] > _MIN_HUGE_BYTES:
        kernel.use_huge_pages()
    total, resident = _memory_bytes()
    walls = Walls(
        machine=machine, landlock=version, flat=flat, base_bytes=total, base_resident=resident, keep=keep,
        alive=os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK),
        score=os.open("/proc", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC), tasks=0 if flat and as_root else 4096,
        line=min(_LINE, hard - 1 if hard > 0 else _LINE), entries=entries,
    )  # fmt: skip
    seccomp.fork_listener(machine)
    boxes = Boxes(flat_base=base, private=private, readable=readable, first_uid=FIRST_UID if flat and as_root else None)
    return Zygote(control, settings["owner"], boxes, walls)


def _lives(owner: int) -> bool:
    """Whether the owner, given by its process descriptor, is alive."""
    return not select.select([owner], [], [], 0)[0]


def _memory_bytes() -> tuple[int, int]:
    total, resident = Path("/proc/self/statm").read_text().split()[:2]
    return int(total) * os.sysconf("SC_PAGE_SIZE"), int(resident) * os.sysconf("SC_PAGE_SIZE")


def _needed_capabilities(paths: Sequence[str]) -> int:
    """Return the capabilities that an unprivileged child needs to read the interpreter's files, usually none.

    An interpreter below a directory that only root may enter (/root) is out of reach without the capability to read;
    landlock still limits the child to `paths`.
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
