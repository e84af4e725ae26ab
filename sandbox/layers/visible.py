"""Files that a child may read: the interpreter's and shared libraries, time zones. No home, no project."""

# os.* rather than Path: descriptors, and no surprises with symbolic links.
# ruff: noqa: PTH110

import os
import sys
from collections.abc import Iterable
from pathlib import Path

DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")
_SYSTEM = (
    "/lib", "/lib64", "/lib32", "/usr/lib", "/usr/lib64", "/usr/local/lib", "/usr/share/zoneinfo",
    "/etc/ld.so.cache", "/etc/localtime",
)  # fmt: skip
_FLAT_ONLY = ("/proc/cpuinfo", "/proc/meminfo", "/sys/devices/system/cpu/online")


def readable_paths(*, flat: bool, hidden: Iterable[str] = ()) -> list[str]:
    """Return absolute paths of files and trees, shortest first, without those inside another one or in `hidden`.

    Call it in the process whose `sys.path` the children use.
    """
    prefixes = {sys.prefix, sys.base_prefix, sys.exec_prefix, sys.base_exec_prefix}
    wanted = {str(Path(prefix, name)) for prefix in prefixes for name in ("lib", "lib64")}
    wanted |= {str(Path(entry).absolute()) for entry in sys.path if entry and Path(entry).is_dir()}
    wanted |= set(_SYSTEM) | _mapped_libraries() | (set(_FLAT_ONLY) if flat else set())
    wanted -= {str(Path(path).absolute()) for path in hidden}
    return _outermost(path for path in wanted if os.path.exists(path) and path != "/")


def _mapped_libraries() -> set[str]:
    """Return the shared objects in use, such as libpython and the loader, wherever they are installed."""
    try:
        lines = Path("/proc/self/maps").read_text().splitlines()
    except OSError:
        return set()
    paths = {line.split(maxsplit=5)[5] for line in lines if line.count("/") and len(line.split(maxsplit=5)) == 6}
    return {path for path in paths if path.startswith("/") and ".so" in Path(path).name}


def _outermost(paths: Iterable[str]) -> list[str]:
    outermost: list[str] = []
    for path in sorted(paths, key=lambda one: (one.count("/"), one)):
        real = os.path.realpath(path)
        if path != real or not any(real.startswith(other + "/") for other in outermost):
            outermost.append(path)
    return outermost
