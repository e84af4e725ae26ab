"""Runs untrusted code, thousands of times, in milliseconds: a warm process forks one confined child per run.

    with Pool() as pool:
        pool.run("print(1 + 1)").stdout

A program, or a cell of a session, sees the interpreter's libraries and one private directory. It cannot create or
change a file elsewhere, open a socket, start a program, reach another process, or outlive its run; memory, processor
time, processes, files and output are bounded. Each result names the layers that confined it:

- `full`: the layers of flat, inside namespaces entered once (Linux 5.12 and user namespaces that may mount) with a
  root file system that holds nothing else.
- `flat`: landlock (Linux 5.13; from 6.12 it also keeps signals in), a seccomp allowlist (5.5 for programs that fork),
  resource limits, and a watch over the directory and the process tree. Docker and Ubuntu 24.04 allow this.
- `bubblewrap`: flat inside bubblewrap's namespaces, on request. An http address runs the code on a remote server.

Anything weaker is refused. A pool started as root gives each child its own user id and no capability (except reading,
where the interpreter lies in a directory that only root may enter).

Honest programs lack: `multiprocessing` locks, queues and pools in flat, where there is no /dev/shm (threads, fork
and `ThreadPoolExecutor` work; in full all but managers, which need sockets), sockets, and starting other programs.

Not stopped: a hole in the kernel or in the processor; a program that answers by the clock or the load that it sees; in
flat, questions about the existence, size and times of outside files (their content stays closed), and forks of a child
that sleep on if owner and zygote are both killed at the same moment.

A child runs a Task: an entry from a fixed table (`sandbox.inside.ENTRIES`: program, session, candidate, tester) and a
payload of bytes. `Pool.launch` starts one or several at once; two linked tasks hold the ends of one stream socket
(`channels.link`), and a task with `result=True` has a private channel to the owner (`channels.result.write`). Each
entry is a module of `sandbox.inside` with `main(channels: Channels, payload: bytes) -> int` (the exit code), called
once the child is confined. Children of one launch are strangers: neither sees, signals or reads the other, and neither
holds a descriptor except 0, 1, 2 and its own ends.

    candidate, tester = pool.launch([Task(entry="candidate", payload=code, linked=True),
                                     Task(entry="tester", payload=tests, linked=True, result=True)])
    tester.status, tester.result
"""

from .errors import BadMessage, SandboxError, SandboxUnavailable
from .launch import Task, TaskResult
from .limits import Execution, Limits, Status
from .pool import Pool, place, shared_pool
from .session import Session
from .wire import Channel

__all__ = [
    "BadMessage", "Channel", "Execution", "Limits", "Pool", "SandboxError", "SandboxUnavailable", "Session", "Status",
    "Task", "TaskResult", "available", "run", "shared_pool",
]  # fmt: skip


def available() -> str | None:
    """Return the strongest isolation that this machine can enforce: full, flat, or None."""
    with Pool(prewarm=()) as pool:
        try:
            return pool.isolation
        except SandboxUnavailable:
            return None


def run(
    code: str | bytes, *, stdin: str | bytes = "", limits: Limits | None = None, isolation: str = "auto"
) -> Execution:
    """Run one program and return its result. The warm process behind it is kept for the next call.

    >>> run("print(6 * 7)").stdout
    '42\\n'
    """
    where = place(isolation) if "://" in isolation else shared_pool(isolation)
    return where.run(code, stdin=stdin, limits=limits)
