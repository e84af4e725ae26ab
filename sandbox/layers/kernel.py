"""Linux calls that the standard library does not wrap, through ctypes: one function each, OSError on failure."""

import ctypes
import functools
import os
import platform
import struct
from typing import Any

from .syscall_numbers import numbers

CLONE_NEWNS, CLONE_NEWUTS, CLONE_NEWIPC = 0x00020000, 0x04000000, 0x08000000
CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET = 0x10000000, 0x20000000, 0x40000000
MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REC, MS_PRIVATE = 2, 4, 8, 1 << 14, 1 << 18
MNT_DETACH = 2
AT_FDCWD, AT_EMPTY_PATH, AT_RECURSIVE = -100, 0x1000, 0x8000
OPEN_TREE_CLONE, OPEN_TREE_CLOEXEC = 1, os.O_CLOEXEC
MOVE_MOUNT_F_EMPTY_PATH = 4
MOUNT_ATTR_RDONLY, MOUNT_ATTR_NOSUID, MOUNT_ATTR_NODEV = 1, 2, 4
PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_KEEPCAPS, PR_SET_CHILD_SUBREAPER, PR_SET_NO_NEW_PRIVS = 1, 4, 8, 36, 38
SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER = 1, 8
SECCOMP_IOCTL_NOTIF_RECV, SECCOMP_IOCTL_NOTIF_SEND = 0xC0502100, 0xC0182101
SECCOMP_USER_NOTIF_FLAG_CONTINUE = 1
MADV_COLLAPSE, HUGE_PAGE = 25, 2 << 20
CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH = 1, 2

_libc = ctypes.CDLL(None, use_errno=True)
_CAPABILITY_VERSION = 0x20080522
_numbers = functools.cache(numbers)


def machine() -> str:
    return {"amd64": "x86_64", "arm64": "aarch64"}.get(platform.machine().lower(), platform.machine())


def unshare(flags: int) -> None:
    check(_libc.unshare(flags), "unshare")


def setns(descriptor: int, kind: int) -> None:
    check(_libc.setns(descriptor, kind), "setns")


def prctl(option: int, value: int) -> None:
    check(_libc.prctl(option, ctypes.c_ulong(value), 0, 0, 0), f"prctl({option})")


def mount(source: str, target: str, kind: str, flags: int, data: str = "") -> None:
    words = (source.encode(), target.encode(), kind.encode(), ctypes.c_ulong(flags), data.encode())
    check(call("mount", *words), f"mount of {kind or source} on {target}")


def unmount(target: str) -> None:
    check(call("umount2", target.encode(), MNT_DETACH), f"umount of {target}")


def pivot_root(new: str, old: str) -> None:
    check(call("pivot_root", new.encode(), old.encode()), "pivot_root")


def clone_tree(path: str) -> int:
    """Return a detached copy of the mounts at `path`, as a descriptor."""
    flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE
    return check(call("open_tree", AT_FDCWD, path.encode(), flags), f"open_tree of {path}")


def attach_tree(tree: int, target: str) -> None:
    moved = call("move_mount", tree, b"", AT_FDCWD, target.encode(), MOVE_MOUNT_F_EMPTY_PATH)
    check(moved, f"move_mount to {target}")


def restrict_tree(tree: int, attributes: int) -> None:
    """Set mount attributes (read-only, nosuid, nodev) on a detached tree and all below it."""
    setting = struct.pack("<QQQQ", attributes, 0, 0, 0)
    flags, size = AT_EMPTY_PATH | AT_RECURSIVE, ctypes.c_size_t(len(setting))
    check(call("mount_setattr", tree, b"", flags, setting, size), "mount_setattr")


def keep_capabilities(mask: int = 0) -> None:
    """Reduce this thread's permitted and effective capabilities to `mask`, inheritable to nothing."""
    head = struct.pack("<Ii", _CAPABILITY_VERSION, 0)
    low, high = mask & 0xFFFFFFFF, mask >> 32
    check(call("capset", head, struct.pack("<IIIIII", low, low, 0, high, high, 0)), "capset")


def capabilities() -> int:
    """Return this thread's effective capabilities as a bit mask."""
    head = ctypes.create_string_buffer(struct.pack("<Ii", _CAPABILITY_VERSION, 0), 8)
    data = ctypes.create_string_buffer(24)
    check(call("capget", head, data), "capget")
    fields: tuple[int, ...] = struct.unpack("<IIIIII", data.raw)
    return fields[0] | fields[3] << 32


def seccomp_filter(program: bytes, flags: int = 0) -> int:
    """Install a BPF program (8 bytes an instruction) for this process; return the listener with NEW_LISTENER."""
    code = ctypes.create_string_buffer(program, len(program))
    where = struct.pack("<HxxxxxxQ", len(program) // 8, ctypes.addressof(code))
    return check(call("seccomp", SECCOMP_SET_MODE_FILTER, ctypes.c_uint(flags), where), "seccomp")


def use_huge_pages() -> None:
    """Move this process's private memory into huge pages where they fit (Linux 6.1), so that a fork copies few."""
    with open("/proc/self/maps") as maps:  # noqa: PTH123
        lines = [line.split() for line in maps]
    for place, access, _, _, _, *name in lines:
        begin, end = (int(one, 16) for one in place.split("-"))
        begin, end = -(-begin // HUGE_PAGE) * HUGE_PAGE, end // HUGE_PAGE * HUGE_PAGE
        if access == "rw-p" and name in ([], ["[heap]"]) and begin < end:
            _libc.madvise(ctypes.c_void_p(begin), ctypes.c_size_t(end - begin), MADV_COLLAPSE)


def reserve_little() -> None:
    """Keep glibc from reserving address space that would count against a child's limit.

    By default it takes 64 MiB for each thread's heap and 8 MiB for its stack, of which 4 MiB hold Python's usual depth.
    """
    if hasattr(_libc, "pthread_setattr_default_np"):
        _libc.mallopt(-8, 1)
        attributes = ctypes.create_string_buffer(128)
        _libc.pthread_attr_init(attributes)
        _libc.pthread_attr_setstacksize(attributes, ctypes.c_size_t(4 << 20))
        _libc.pthread_setattr_default_np(attributes)


def call(name: str, *arguments: Any) -> int:
    return int(_libc.syscall(ctypes.c_long(_numbers(machine())[name]), *arguments))


def check(outcome: int, what: str) -> int:
    if outcome < 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{what}: {os.strerror(code)}")
    return outcome
