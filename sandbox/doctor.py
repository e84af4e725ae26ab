"""Tests what this machine can enforce: each line names a kernel feature and whether it works."""

import os
import platform
import sys
from collections.abc import Iterator
from pathlib import Path

from .errors import SandboxUnavailable
from .layers import kernel
from .layers.syscall_numbers import numbers
from .pool import Pool

_REQUIREMENTS = {
    "full": "user namespaces that may mount (Linux 5.12), landlock (5.13), seccomp",
    "flat": "landlock (5.13), seccomp with listeners (5.5)",
}


def examine() -> list[tuple[str, str]]:
    """Return pairs of a name and a finding, the verdict last.

    >>> dict(examine())["system"].split()[0] == platform.system()
    True
    """
    return list(_findings())


def _findings() -> Iterator[tuple[str, str]]:
    yield "system", f"{platform.system()} {platform.release()} {platform.machine()}, Python {platform.python_version()}"
    if sys.platform != "linux":
        yield "verdict", "code cannot run here: use Linux, a container, or the address of a remote sandbox"
        return
    yield "user", f"uid {os.getuid()}" + (", drops its rights before running code" if os.getuid() == 0 else "")
    yield "seccomp", _seccomp()
    version = kernel.landlock_version()
    yield "landlock", f"ABI {version}" if version else "missing: the kernel lacks it or disables it (lsm=...)"
    yield "cgroups", _cgroups()
    works = []
    for mode, needed in _REQUIREMENTS.items():
        try:
            with Pool(isolation=mode, prewarm=()) as pool:
                ran = pool.run("print(1)")
            yield mode, "works" if ran.ok else f"starts, but a program ended with {ran.status.value}: {ran.reason}"
            works += [mode] if ran.ok else []
        except SandboxUnavailable as problem:
            yield mode, f"not available; needs {needed}. {problem}"
    verdict = f"programs run in {works[0]}" if works else "nothing here confines hostile code; use a remote sandbox"
    yield "verdict", verdict


def _seccomp() -> str:
    try:
        known = numbers(kernel.machine())
    except KeyError:
        return f"no table of system calls for {kernel.machine()}"
    actions = Path("/proc/sys/kernel/seccomp/actions_avail")
    available = actions.read_text().split() if actions.exists() else []
    return f"{len(known)} calls known; actions: {' '.join(available) or 'unknown (not a plain Linux kernel?)'}"


def _cgroups() -> str:
    places = [Path("/sys/fs/cgroup"), Path("/sys/fs/cgroup/pids"), Path("/sys/fs/cgroup/memory")]
    writable = [str(place) for place in places if os.access(place, os.W_OK)]
    return f"writable: {', '.join(writable)}" if writable else "not writable: limits come from the kernel and the watch"
