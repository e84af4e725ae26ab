"""Pool: warm zygotes and the requests to them, from any thread and from forks of the owner.

A zygote starts on first use, restarts after its death, and ends with its owner, however the owner ends.
"""

import atexit
import importlib.util
import itertools
import json
import os
import socket
import subprocess
import sys
import sysconfig
import threading
import weakref
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from . import prewarm
from .bubblewrap import wrapped
from .errors import BadMessage, SandboxUnavailable, ZygoteDied
from .launch import NOT_READY, Task, TaskResult, launch
from .layers import cgroup
from .limits import Execution, Limits, Status
from .wire import receive, unpack

ISOLATIONS = ("auto", "full", "flat", "bubblewrap")
_START_SECONDS = 120.0
_PACKAGE = __name__.rpartition(".")[0]
_BOOT = """
import sys, types
sys.path.insert(0, {root!r})
package = sys.modules[{package!r}] = types.ModuleType({package!r})
package.__path__, package.__file__ = [{path!r}], {path!r} + "/__init__.py"
from {package}.start import main
main()
"""
"""Starts a zygote without this package's own imports, which every child would carry along."""


class Pool:
    """Run tasks in children of one warm process.

    `isolation` is auto (the stronger of full and flat that this machine allows), full, flat or bubblewrap; `prewarm`
    names libraries to import ahead. Where the machine cannot enforce it, starting raises SandboxUnavailable, unless
    `allow_weaker` lets programs run without landlock: they can then read whatever their user can, and results say
    `weaker`.

    >>> with Pool(prewarm=["math"]) as pool:
    ...     pool.run("print(1 + 1)").stdout
    '2\\n'
    """

    def __init__(
        self, *, isolation: str = "auto", prewarm: Sequence[str] = prewarm.DEFAULT, allow_weaker: bool = False
    ) -> None:
        if isolation not in ISOLATIONS:
            raise ValueError(f"isolation must be one of {', '.join(ISOLATIONS)}, got {isolation!r}")
        self._asked, self._prewarm, self._allow_weaker = isolation, tuple(prewarm), allow_weaker
        self._libraries = tuple(name for name in self._prewarm if name.partition(".")[0] not in sys.stdlib_module_names)
        self._mentions = _mentions(self._libraries)
        self._locks = {True: threading.Lock(), False: threading.Lock()}
        self._zygotes: dict[bool, Zygote] = {}
        self._numbers = itertools.count(1)
        _POOLS.add(self)

    def run(self, code: str | bytes, *, stdin: str | bytes = "", limits: Limits | None = None) -> Execution:
        """Run one program, as `python FILE.py` would, and return its result."""
        task = Task(entry="program", payload=as_bytes(code), stdin=as_bytes(stdin), limits=limits or Limits())
        return self.launch([task])[0].execution()

    def launch(self, tasks: Sequence[Task], *, wall_seconds: float | None = None) -> list[TaskResult]:
        """Start children side by side, wait for them, and return their results in the order of the tasks.

        All are killed after `wall_seconds` (by default the largest of the tasks' limits), and when every task with a
        result channel has ended. Two linked tasks hold the ends of one stream socket.
        """
        for attempt in (1, 2):
            zygote = self.zygote(libraries=any(name in task.payload for task in tasks for name in self._mentions))
            try:
                number, isolation = next(self._numbers), zygote.isolation
                results = launch(zygote.control, tasks, isolation=isolation, wall_seconds=wall_seconds, number=number)
                # A child killed before it began (the machine may be out of memory) is started once more.
                if attempt == 2 or not any(one.reason.startswith(NOT_READY) for one in results):
                    return results
            except ZygoteDied as problem:
                self._discard(zygote)
                if attempt == 2:
                    return [_lost(task, zygote.isolation, str(problem)) for task in tasks]
            except BadMessage as problem:
                return [_lost(task, zygote.isolation, str(problem)) for task in tasks]
        raise AssertionError("unreachable")

    @property
    def isolation(self) -> str:
        """Isolation of the children: full, flat or bubblewrap. Starts the zygote if necessary."""
        return self.zygote().isolation

    def zygote(self, *, libraries: bool = False) -> "Zygote":
        """Return the running zygote, started if necessary; raise SandboxUnavailable where it cannot start.

        A pool has two: programs that mention none of the prewarmed libraries are forked from a process without them,
        which forks three times as fast.
        """
        kind = libraries and bool(self._libraries)
        with self._locks[kind]:
            zygote = self._zygotes.get(kind)
            if zygote is not None and not zygote.alive():
                zygote.stop()
                zygote = None
            if zygote is None:
                names = self._prewarm if kind else [name for name in self._prewarm if name not in self._libraries]
                zygote = self._zygotes[kind] = _start(self._modes(), names)
            return zygote

    def next_number(self) -> int:
        """Return an unused number for a launch."""
        return next(self._numbers)

    def close(self) -> None:
        """End the zygote and every child. The pool starts another one if it is used again."""
        for kind, lock in self._locks.items():
            with lock:
                zygote = self._zygotes.pop(kind, None)
            if zygote is not None:
                zygote.stop()

    def __enter__(self) -> "Pool":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _modes(self) -> list[str]:
        asked = ["full", "flat"] if self._asked == "auto" else [self._asked]
        return [*asked, "weaker"] if self._allow_weaker else asked

    def _discard(self, zygote: "Zygote") -> None:
        for kind, lock in self._locks.items():
            with lock:
                if self._zygotes.get(kind) is zygote:
                    del self._zygotes[kind]
        zygote.stop()

    def _forget_after_fork(self) -> None:
        """In a fork of the owner: leave the zygotes to the parent; this process starts new ones."""
        self._locks = {True: threading.Lock(), False: threading.Lock()}
        for zygote in self._zygotes.values():
            zygote.control.close()
        self._zygotes = {}


class Zygote:
    """The owner's end of a running zygote."""

    def __init__(
        self, process: "subprocess.Popen[bytes]", control: socket.socket, isolation: str, details: dict[str, Any]
    ) -> None:
        self.process, self.control, self.isolation, self.details = process, control, isolation, details
        self._stopping = threading.Lock()

    def alive(self) -> bool:
        return self.process.poll() is None

    def stop(self) -> None:
        """Close the control socket, which ends the zygote, and wait for it."""
        with self._stopping:
            self.control.close()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
            cgroup.leave([Path(group) for group in self.details.get("cgroups", [])])


def _mentions(libraries: Sequence[str]) -> tuple[bytes, ...]:
    """Return words of which a program's text holds one if it may use these libraries, or others built on numpy."""
    built_on_numpy = ("scipy", "pandas", "matplotlib", "sklearn", "networkx") if "numpy" in libraries else ()
    return tuple(name.encode() for name in (*libraries, *built_on_numpy))


def _start(modes: Sequence[str], prewarm: Sequence[str]) -> Zygote:
    """Start a zygote in the first of these modes that this machine can enforce."""
    _refuse_other_systems()
    reasons = []
    for mode in modes:
        process, control = _spawn(mode, prewarm)
        control.settimeout(_START_SECONDS)
        try:
            answer = unpack(receive(control)[0])[0]
        except (OSError, BadMessage):
            answer = {"unavailable": f"the zygote did not start: {_last_words(process)}"}
        control.settimeout(None)
        if process.stderr is not None:
            process.stderr.close()
        if "ready" in answer:
            return Zygote(process, control, mode, answer["details"])
        control.close()
        process.wait()
        reasons.append(f"{mode}: {answer.get('unavailable', answer)}")
    raise SandboxUnavailable("this machine cannot enforce the requested isolation. " + "; ".join(reasons))


def _refuse_other_systems() -> None:
    if sys.platform != "linux":
        raise SandboxUnavailable(f"running code needs Linux, a container or a remote sandbox; this is {sys.platform}")


def _spawn(mode: str, prewarm: Sequence[str]) -> tuple["subprocess.Popen[bytes]", socket.socket]:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    owner = os.pidfd_open(os.getpid())
    root = str(Path(__file__).resolve().parent.parent)
    paths = _library_paths(prewarm)
    hidden = [] if _is_library(root, paths) else [root]
    settings = {
        "mode": "full" if mode == "full" else "flat",
        "weaker": mode == "weaker",
        "prewarm": list(prewarm),
        "hidden": hidden,
        "paths": paths,
        "control": theirs.fileno(),
        "owner": owner,
    }
    boot = _BOOT.format(root=root, package=_PACKAGE, path=str(Path(__file__).resolve().parent))
    try:
        command = [sys.executable, "-I", "-B", "-c", boot, json.dumps(settings)]
        wrapper = mode == "bubblewrap"
        process = subprocess.Popen(
            wrapped(command, root, sys.executable, hidden) if wrapper else command,
            executable=None if wrapper else _interpreter(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            pass_fds=(theirs.fileno(), owner),
            env=_environment(),
            cwd="/",
            start_new_session=True,
        )
    finally:
        theirs.close()
        os.close(owner)
    return process, ours


def _interpreter() -> str:
    """Return the interpreter to start: the running program itself where its path is closed to this user."""
    return sys.executable if os.access(sys.executable, os.X_OK) else "/proc/self/exe"


def _environment() -> dict[str, str]:
    """Return the zygote's environment, which is also a child's /proc/self/environ: almost nothing of the owner's."""
    fixed = {"LC_ALL": "C.UTF-8", "LANG": "C.UTF-8", "PATH": "/usr/bin:/bin"}
    fixed |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS"), "1")
    libraries = os.environ.get("LD_LIBRARY_PATH")  # an interpreter built with a shared library may not start without it
    return fixed | ({"LD_LIBRARY_PATH": libraries} if libraries else {})


def _is_library(root: str, paths: Sequence[str]) -> bool:
    """Whether this package is installed among the libraries; a checkout is hidden from children."""
    libraries = (sysconfig.get_path("purelib"), sysconfig.get_path("platlib"))
    return root in {os.path.realpath(path) for path in (*libraries, *paths)}


def _library_paths(names: Sequence[str]) -> list[str]:
    """Return the directories that hold the libraries to prewarm."""
    found = []
    for name in names:
        try:
            spec = importlib.util.find_spec(name)
        except (ImportError, ValueError):
            continue
        if spec is not None and spec.origin and spec.has_location:
            place = Path(spec.origin).parent
            found.append(str(place.parent if spec.submodule_search_locations else place))
    return sorted(set(found))


def _last_words(process: "subprocess.Popen[bytes]") -> str:
    process.kill()
    _, output = process.communicate()
    return output.decode("utf-8", "replace").strip().rpartition("\n")[2] or "no message"


def as_bytes(text: str | bytes) -> bytes:
    """Return text as UTF-8; lone surrogates are kept."""
    return text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text


def _lost(task: Task, isolation: str, reason: str) -> TaskResult:
    return TaskResult(
        status=Status.SANDBOX_ERROR, exit_code=None, stdout=b"", stderr=b"", truncated=False, result=b"",
        wall_seconds=0.0, cpu_seconds=0.0, isolation=isolation, reason=reason,
    )  # fmt: skip


_POOLS: "weakref.WeakSet[Pool]" = weakref.WeakSet()


def _after_fork() -> None:
    for pool in list(_POOLS):
        pool._forget_after_fork()


def _at_exit() -> None:
    for pool in list(_POOLS):
        pool.close()


os.register_at_fork(after_in_child=_after_fork)
atexit.register(_at_exit)
