"""Files that a child may read: the interpreter's and shared libraries, time zones. No home, no project."""

# os.* rather than Path: descriptors, and no surprises with symbolic links.
# ruff: noqa: PTH110

import contextlib
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
    wanted |= set(_SYSTEM) | (set(_FLAT_ONLY) if flat else set())
    with contextlib.suppress(OSError):  # shared objects in use, such as libpython and the loader, wherever they are
        fields = (line.split(maxsplit=5) for line in Path("/proc/self/maps").read_text().splitlines())
        mapped = {field[5] for field in fields if len(field) == 6 and field[5].startswith("/")}
        wanted |= {path for path in mapped if ".so" in Path(path).name}
    wanted -= {str(Path(path).absolute()) for path in hidden}
    outermost: list[str] = []
    for path in sorted(wanted, key=lambda one: (one.count("/"), one)):
        real = os.path.realpath(path)
        inside = path == real and any(real.startswith(other + "/") for other in outermost)
        if os.path.exists(path) and path != "/" and not inside:
            outermost.append(path)
    return outermost
