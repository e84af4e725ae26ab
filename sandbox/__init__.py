"""Runs code that nobody trusts, thousands of times, in milliseconds: a warm process forks one walled-in child per run.

    with Pool() as pool:
        pool.run("print(1 + 1)").stdout

A program, or a cell of a session, sees the interpreter's libraries and one private directory. It cannot create or
change a file elsewhere, open a socket, start a program, reach another process, or outlive its run; memory, processor
time, processes, files and output are bounded. Each result says under which layers it ran:

- `full`: namespaces entered once (Linux 5.12 and user namespaces that may mount), with a root file system that holds
  nothing else, and what flat has.
- `flat`: landlock (Linux 5.13; from 6.12 it also keeps signals in), a seccomp allowlist (5.5 for programs that fork),
  resource limits, and a watch over the directory and the process tree. What Docker and Ubuntu 24.04 allow.
- `bubblewrap`: flat inside bubblewrap's namespaces, when asked for. An http address runs the code on a remote server.

Anything weaker is refused. Started as root, children get user ids of their own and no capability (but for reading,
where the interpreter lies in a directory that only root may enter).

What honest programs miss: `multiprocessing` locks, queues and pools in flat, where there is no /dev/shm (threads, fork
and `ThreadPoolExecutor` work; in full all of it does), sockets, and starting other programs.

What this does not stop: a hole in the kernel or in the processor; a program that answers by the clock or the load that
it sees; in flat, questions about the existence, size and times of outside files (their content stays closed), and a
child's own forks surviving for as long as they sleep if owner and zygote are both killed at one moment.

What runs inside is a Task: an entry out of a fixed table (`sandbox.inside.ENTRIES`: program, session, candidate,
tester) and a payload of bytes. `Pool.launch` starts one or several at once; two linked tasks hold the ends of one
stream socket (`channels.link`), and a task with `result=True` has a private channel to the owner
(`channels.result.write`), which only the owner reads. Each entry is a module of `sandbox.inside` with
`main(channels: Channels, payload: bytes) -> int` (the exit code), called after every wall is up. Children of one launch
are strangers: neither sees, signals or reads the other, and neither holds a descriptor but 0, 1, 2 and its own ends.

    asked, told = pool.launch([Task(entry="candidate", payload=code, linked=True),
                               Task(entry="tester", payload=tests, linked=True, result=True)])
    told.status, told.result
"""

from .channel import Channel
from .errors import BadMessage, SandboxError, SandboxUnavailable
from .launch import Task, TaskResult
from .limits import Execution, Limits, Status
from .places import place, shared_pool
from .pool import Pool
from .session import Session

__all__ = [
    "BadMessage",
    "Channel",
    "Execution",
    "Limits",
    "Pool",
    "SandboxError",
    "SandboxUnavailable",
    "Session",
    "Status",
    "Task",
    "TaskResult",
    "available",
    "run",
    "shared_pool",
]


def available() -> str | None:
    """Return what this machine can enforce, full or flat, or None when it can enforce neither."""
    with Pool(prewarm=()) as pool:
        try:
            return pool.isolation
        except SandboxUnavailable:
            return None


def run(
    code: str | bytes, *, stdin: str | bytes = "", limits: Limits | None = None, isolation: str = "auto"
) -> Execution:
    """Run one program and return what came of it. The warm process behind it is kept for the next call.

    >>> run("print(6 * 7)").stdout
    '42\\n'
    """
    where = place(isolation) if "://" in isolation else shared_pool(isolation)
    return where.run(code, stdin=stdin, limits=limits)
