"""Control groups, v1 or v2, where they are writable: a ceiling over a zygote and all its children together.

The ceiling backs up the limits of each child, which work alone where no group is writable. All share one group,
because moving a process into a new group takes longer than a run.
"""

import os
from collections.abc import Iterator
from pathlib import Path

_ROOT = Path("/sys/fs/cgroup")
_PREFIX = "reasondistill-sandbox-"
_MAX_TASKS = 4096
_SHARE_OF_MEMORY = 0.8


def join(root: Path = _ROOT, membership: Path = Path("/proc/self/cgroup")) -> list[Path]:
    """Move this process into new groups with limits; return them, for `leave` to delete."""
    memory = int(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") * _SHARE_OF_MEMORY)
    made = []
    for parent, settings in _parents(root, membership, memory):
        group = parent / f"{_PREFIX}{os.getpid()}"
        try:
            sweep(parent)
            group.mkdir()
        except OSError:
            continue
        try:
            for name, value in settings.items():
                with open(group / name, "r+") as file:  # noqa: PTH123  must exist, or this is a plain directory
                    file.write(str(value))
            (group / "cgroup.procs").write_text(str(os.getpid()))
            made.append(group)
        except OSError:  # on v2 the controllers may not be enabled here
            group.rmdir()
    return made


def leave(groups: list[Path]) -> None:
    """Delete groups whose processes have ended."""
    for group in groups:
        try:
            group.rmdir()
        except OSError:
            continue  # a process is still leaving; the next sweep deletes it


def sweep(parent: Path) -> None:
    """Delete the empty groups of zygotes that were killed together with their owners."""
    leave(list(parent.glob(f"{_PREFIX}*")))


def _parents(root: Path, membership: Path, memory: int) -> Iterator[tuple[Path, dict[str, int]]]:
    try:
        lines = membership.read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if not controllers:
            yield root / path.lstrip("/"), {"memory.max": memory, "pids.max": _MAX_TASKS}
        elif controllers == "memory":
            yield root / controllers / path.lstrip("/"), {"memory.limit_in_bytes": memory}
        elif controllers == "pids":
            yield root / controllers / path.lstrip("/"), {"pids.max": _MAX_TASKS}
