"""Landlock: limits a child's files, whatever its user id allows. Needs Linux 5.13 (ABI 1); later ABIs restrict more.

ABI 2 lets files move between directories, 3 (6.2) governs truncation, 4 (6.7) TCP, 5 (6.10) device ioctls,
6 (6.12) signals and abstract sockets. The seccomp filter denies what an older ABI cannot deny.
"""

# os.* rather than Path: descriptors, and no surprises with symbolic links.
# ruff: noqa: PTH112

import ctypes
import os
import struct
from collections.abc import Iterable

from . import kernel
from .bpf import AUDIT_ARCH

WRITE_FILE, READ_FILE, READ_DIR, REMOVE_DIR, REMOVE_FILE = 1 << 1, 1 << 2, 1 << 3, 1 << 4, 1 << 5
MAKE_DIR, MAKE_REG, MAKE_FIFO, MAKE_SYM, REFER, TRUNCATE = 1 << 7, 1 << 8, 1 << 10, 1 << 12, 1 << 13, 1 << 14
_RIGHTS_OF_ABI = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}
_READ = READ_FILE | READ_DIR
_ALL = _READ | WRITE_FILE | REMOVE_DIR | REMOVE_FILE | MAKE_DIR | MAKE_REG | MAKE_FIFO | MAKE_SYM | REFER | TRUNCATE
_DIRECTORY_ONLY = READ_DIR | REMOVE_DIR | REMOVE_FILE | MAKE_DIR | MAKE_REG | MAKE_FIFO | MAKE_SYM | REFER


def abi() -> int:
    """Return the landlock ABI of this kernel, 0 without landlock."""
    if kernel.machine() not in AUDIT_ARCH:
        return 0
    return max(0, kernel.call("landlock_create_ruleset", None, ctypes.c_size_t(0), ctypes.c_uint(1)))


def restrict(rules: int) -> None:
    """Put this process under a ruleset."""
    kernel.check(kernel.call("landlock_restrict_self", rules, ctypes.c_uint(0)), "landlock_restrict_self")


def ruleset(*, readable: Iterable[str], writable: Iterable[str], private: Iterable[str]) -> int:
    """Build a ruleset and return its descriptor; paths that do not exist are left out.

    `readable` files and trees may be read, `writable` files (devices) also written, `private` directories used freely.
    Nothing may be executed. Without landlock the result is -1, which only a pool with `allow_weaker` accepts.
    """
    version = abi()
    if not version:
        return -1
    handled = (1 << _RIGHTS_OF_ABI[min(version, 5)]) - 1
    attributes = struct.pack("<Q", handled)
    attributes += struct.pack("<Q", 3) * ((version >= 4) + (version >= 6))
    size = ctypes.c_size_t(len(attributes))
    created = kernel.call("landlock_create_ruleset", attributes, size, ctypes.c_uint(0))
    rules = kernel.check(created, "landlock_create_ruleset")
    for paths, access in ((readable, _READ), (writable, READ_FILE | WRITE_FILE), (private, _ALL)):
        for path in paths:
            try:
                descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
            except (FileNotFoundError, PermissionError, NotADirectoryError):
                continue
            try:
                here = access & handled & (-1 if os.path.isdir(path) else ~_DIRECTORY_ONLY)
                rule = struct.pack("<Qi", here, descriptor)
                kernel.check(kernel.call("landlock_add_rule", rules, 1, rule, ctypes.c_uint(0)), "landlock_add_rule")
            finally:
                os.close(descriptor)
    return rules
