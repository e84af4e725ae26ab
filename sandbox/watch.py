"""Measures from outside what resource limits cannot bound: the whole tree's memory and tasks, and flat's directory.

A measurement costs microseconds for an ordinary child and is bounded for a hostile one. An unreadable process (another
user's in a container without ptrace) counts as nothing, as resource limits still hold for it.
"""

import contextlib
import os
import signal
import stat
from dataclasses import dataclass
from pathlib import Path

from .box import MAX_BRANCHES
from .limits import Limits

# os.* rather than Path: descriptors, and no surprises with symbolic links.
# ruff: noqa: PTH116, PTH123, PTH208

_PAGE = os.sysconf("SC_PAGE_SIZE")
_MAX_NESTING = 100
_MANY_DESCRIPTORS, _SOCKET_BYTES = 32, 256 << 10
MAX_UNUSED_FORKS = 64
"""Permissions to fork that a session may leave unused, as a hostile one could save them up."""


@dataclass(frozen=True, slots=True)
class Process:
    """Group, threads, resident bytes and parent of a process, from /proc/PID/stat."""

    pid: int
    group: int
    threads: int
    resident: int
    parent: int = 0


def process(pid: int | str) -> Process | None:
    """Return one process, or None if it is gone."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            values = file.read().rpartition(b")")[2].split()
    except OSError:
        return None
    return Process(int(pid), int(values[2]), int(values[17]), int(values[21]) * _PAGE, int(values[1]))


def pid_of(pidfd: int) -> int:
    """Return the number by which this process sees another one, -1 after its end."""
    lines = Path(f"/proc/self/fdinfo/{pidfd}").read_text().splitlines()
    return next(int(line[4:]) for line in lines if line.startswith("Pid:"))


def groups() -> dict[int, list[Process]]:
    """Return all processes of this /proc by the leader of their group: one pass serves all children."""
    by_leader: dict[int, list[Process]] = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit() and (one := process(entry)) is not None:
            by_leader.setdefault(one.group, []).append(one)
    return by_leader


def over_limit(processes: list[Process], limits: Limits, base: int) -> str:
    """Return the limit that a tree exceeds, or "". `base` is the resident memory of a fresh fork."""
    tasks = sum(one.threads for one in processes)
    if len(processes) > limits.processes + 1:
        return f"processes: more than {limits.processes}"
    if tasks > limits.threads + limits.processes:
        return f"threads: more than {limits.threads}"
    return memory_over_limit(processes, limits, base)


def memory_over_limit(processes: list[Process], limits: Limits, base: int, slack: int = 0) -> str:
    """Return the limit that the memory of a tree exceeds, or "". Each process beyond the first may hold `slack`."""
    buffers = _buffered_bytes(processes)
    held = sum(max(0, one.resident - base) for one in processes) + buffers
    if held > limits.memory_bytes and (buffers or len(processes) > 1):
        # Where shares are unreadable, a program's processes count whole; a session's share nearly all.
        held = buffers + sum(proportional(one, len(processes) if slack else 1) for one in processes)
        if held > limits.memory_bytes + base + slack * (len(processes) - 1):
            return f"memory: the processes together hold more than {limits.memory_bytes} bytes"
    return ""


def _buffered_bytes(processes: list[Process]) -> int:
    """Return what the sockets of processes can hold at most, where they are many."""
    sockets: set[str] = set()
    for one in processes:
        with contextlib.suppress(OSError):
            if len(numbers := os.listdir(f"/proc/{one.pid}/fd")) > _MANY_DESCRIPTORS:
                links = {str(Path(f"/proc/{one.pid}/fd/{number}").readlink()) for number in numbers}
                sockets |= {link for link in links if link.startswith("socket:")}
    return len(sockets) * _SOCKET_BYTES


def children(parent: int) -> set[int]:
    """Return the children of a process."""
    try:
        return {int(number) for number in Path(f"/proc/{parent}/task/{parent}/children").read_text().split()}
    except OSError:  # a kernel without that file, or the process has ended
        return {one.pid for group in groups().values() for one in group if one.parent == parent}


def stop_child(pid: int, parent: int) -> None:
    with contextlib.suppress(OSError):
        held = os.pidfd_open(pid)  # before a look: the number may have gone to a stranger
        born = process(pid)
        if born is not None and born.parent == parent:
            signal.pidfd_send_signal(held, signal.SIGKILL)
        os.close(held)


def stop_crowds(processes: list[Process], limits: Limits) -> str:
    """Kill the processes of a session with too many threads; return the limit that their number exceeds, or ""."""
    for one in processes:
        if one.threads > limits.threads:
            with contextlib.suppress(ProcessLookupError):
                os.kill(one.pid, signal.SIGKILL)
    most = 2 * MAX_BRANCHES + MAX_UNUSED_FORKS
    return f"processes: more than {most}" if len(processes) > most else ""


def proportional(one: Process, sharers: int = 1) -> int:
    """Return resident bytes with shared pages counted by share, which is guessed where it is unreadable."""
    try:
        lines = Path(f"/proc/{one.pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return one.resident // sharers
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:")), one.resident)


def directory_over_limit(directory: str, processes: list[Process], limits: Limits) -> str:
    """Return the limit that a directory, with the nameless files of its processes, exceeds, or ""."""
    try:
        files, size = _measure(directory, limits)
    except RecursionError as deep:
        return str(deep)
    if files > limits.files:
        return f"files: more than {limits.files}"
    if size + _nameless_bytes(processes, directory) > limits.disk_bytes:
        return f"disk: more than {limits.disk_bytes} bytes"
    return ""


def largest(directory: str, limits: Limits, homes: dict[str, Process]) -> str:
    """Return the home that takes most of a session's directory, with nameless files of the process at home there."""

    def weight(name: str) -> int:
        own = [homes[name]] if name in homes else []
        return _measure(f"{directory}/{name}", limits)[1] + _nameless_bytes(own, directory)

    return max(os.listdir(directory), key=weight)


def _measure(directory: str, limits: Limits) -> tuple[int, int]:
    """Return entries and bytes of a directory, both known only as far as the limits; RecursionError when too deep."""
    files = size = 0
    top = _open(directory, None)
    pending = [(top, os.listdir(top))]
    try:
        while pending and files <= limits.files and size <= limits.disk_bytes:
            handle, names = pending[-1]
            if not names:
                os.close(pending.pop()[0])
                continue
            name = names.pop()
            try:
                facts = os.stat(name, dir_fd=handle, follow_symlinks=False)
                files, size = files + 1, size + facts.st_blocks * 512
                inner = _open(name, handle) if stat.S_ISDIR(facts.st_mode) else -1
            except OSError:
                continue  # deleted meanwhile
            if inner >= 0:
                pending.append((inner, []))  # closed below, whatever listdir raises
                pending[-1][1].extend(os.listdir(inner))
            if len(pending) > _MAX_NESTING:
                raise RecursionError(f"files: directories nested more than {_MAX_NESTING} deep")
    finally:
        for handle, _ in pending:
            os.close(handle)
    return files, size


def _open(name: str, handle: int | None) -> int:
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        return os.open(name, flags, dir_fd=handle)
    except PermissionError:
        os.chmod(name, 0o700, dir_fd=handle)
        return os.open(name, flags, dir_fd=handle)


def _nameless_bytes(processes: list[Process], directory: str) -> int:
    """Return the bytes of deleted files that processes hold open, or only mapped: of the latter the mapped size."""
    opened: dict[int, int] = {}
    mapped: dict[bytes, int] = {}
    for place in (f"/proc/{one.pid}" for one in processes):
        with contextlib.suppress(OSError):
            for number in os.listdir(f"{place}/fd"):
                facts = os.stat(f"{place}/fd/{number}")
                unnamed = stat.S_ISREG(facts.st_mode) and facts.st_nlink == 0
                # Files in memory are the owner's: stdin.
                if unnamed and not str(Path(place, "fd", number).readlink()).startswith("/memfd:"):
                    opened[facts.st_ino] = facts.st_blocks * 512
        here: dict[bytes, int] = {}
        with contextlib.suppress(OSError), open(f"{place}/maps", "rb") as maps:
            for line in maps:
                if line.endswith(b" (deleted)\n") and directory.encode() in line:
                    begin, end = (int(part, 16) for part in line.split(b" ", 1)[0].split(b"-"))
                    here[line.split()[4]] = here.get(line.split()[4], 0) + end - begin
        mapped |= {inode: max(size, mapped.get(inode, 0)) for inode, size in here.items()}
    return sum(opened.values()) + sum(size for inode, size in mapped.items() if int(inode) not in opened)
