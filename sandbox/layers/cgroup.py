"""Control groups, v1 or v2, where they are writable: a ceiling over a zygote and all its children together.

It backs up the limits of each child. All share one group, as moving a process into a new group outlasts a run.
"""

import contextlib
import os
from pathlib import Path

_ROOT = Path("/sys/fs/cgroup")
_PREFIX = "reasondistill-sandbox-"
_MAX_TASKS = 4096
_SHARE_OF_MEMORY = 0.8
_TRIES = 20


def join(root: Path = _ROOT, membership: Path = Path("/proc/self/cgroup")) -> list[Path]:
    """Move this process into new groups with limits; return them, for `leave` to delete."""
    memory = int(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") * _SHARE_OF_MEMORY)
    settings = {
        "": {"memory.max": memory, "pids.max": _MAX_TASKS},
        "memory": {"memory.limit_in_bytes": memory},
        "pids": {"pids.max": _MAX_TASKS},
    }
    made = []
    try:
        lines = membership.read_text().splitlines()
    except OSError:
        return []
    for controllers, path in (line.split(":", 2)[1:] for line in lines):
        if controllers not in settings:
            continue
        parent = root / controllers / path.lstrip("/")
        group = parent / f"{_PREFIX}{os.getpid()}"
        leave(list(parent.glob(f"{_PREFIX}*")))  # empty groups of zygotes killed together with their owners
        for _ in range(_TRIES):
            try:
                group.mkdir()
                for name, value in settings[controllers].items():
                    with open(group / name, "r+") as file:  # noqa: PTH123  must exist, or this is a plain directory
                        file.write(str(value))
                (group / "cgroup.procs").write_text(str(os.getpid()))
                made.append(group)
                break
            except OSError:  # on v2 the controllers may not be enabled here; or another start took ours for a left one
                leave([group])
    return made


def leave(groups: list[Path]) -> None:
    """Delete groups whose processes have ended."""
    for group in groups:
        with contextlib.suppress(OSError):  # a process is still leaving; a later `join` deletes it
            group.rmdir()
