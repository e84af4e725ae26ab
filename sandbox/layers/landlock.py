"""Landlock: limits a child's files, whatever its user id allows. Needs Linux 5.13 (ABI 1); later ABIs restrict more.

ABI 2 lets files move between directories, 3 (6.2) governs truncation, 4 (6.7) TCP, 5 (6.10) device ioctls,
6 (6.12) signals and abstract sockets. The seccomp filter denies what an older ABI cannot deny.
"""

# os.* rather than Path: descriptors, and no surprises with symbolic links.
# ruff: noqa: PTH112

import os
import struct
from collections.abc import Iterable

from . import kernel

WRITE_FILE, READ_FILE, READ_DIR, REMOVE_DIR, REMOVE_FILE = 1 << 1, 1 << 2, 1 << 3, 1 << 4, 1 << 5
MAKE_DIR, MAKE_REG, MAKE_FIFO, MAKE_SYM, REFER, TRUNCATE = 1 << 7, 1 << 8, 1 << 10, 1 << 12, 1 << 13, 1 << 14
_RIGHTS_OF_ABI = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}
_READ = READ_FILE | READ_DIR
_ALL = _READ | WRITE_FILE | REMOVE_DIR | REMOVE_FILE | MAKE_DIR | MAKE_REG | MAKE_FIFO | MAKE_SYM | REFER | TRUNCATE
_DIRECTORY_ONLY = READ_DIR | REMOVE_DIR | REMOVE_FILE | MAKE_DIR | MAKE_REG | MAKE_FIFO | MAKE_SYM | REFER


def ruleset(*, readable: Iterable[str], writable: Iterable[str], private: Iterable[str]) -> int:
    """Build a ruleset and return its descriptor; paths that do not exist are left out.

    `readable` files and trees may be read, `writable` files (devices) also written, `private` directories used freely.
    Nothing may be executed. Without landlock the result is -1, which only a pool with `allow_weaker` accepts.
    """
    version = kernel.landlock_version()
    if not version:
        return -1
    handled = (1 << _RIGHTS_OF_ABI[min(version, 5)]) - 1
    attributes = struct.pack("<Q", handled)
    if version >= 4:
        attributes += struct.pack("<Q", 3)
    if version >= 6:
        attributes += struct.pack("<Q", 3)
    rules = kernel.landlock_ruleset(attributes)
    for paths, access in ((readable, _READ), (writable, READ_FILE | WRITE_FILE), (private, _ALL)):
        for path in paths:
            _allow(rules, path, access & handled)
    return rules


def _allow(rules: int, path: str, access: int) -> None:
    try:
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except (FileNotFoundError, PermissionError, NotADirectoryError):
        return
    try:
        if not os.path.isdir(path):
            access &= ~_DIRECTORY_ONLY
        kernel.landlock_allow(rules, access, descriptor)
    finally:
        os.close(descriptor)
