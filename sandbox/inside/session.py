"""Entry `session`: cells of code in one namespace, like a notebook. Orders arrive on the control socket.

A cell order brings descriptors for a checkpoint, a fork that waits on its own control socket: the owner continues with
it if the cell kills this process. A branch is a copy that is kept. The zygote refuses every fork that the owner has not
ordered, so a cell cannot fork.
"""

import ast
import gc
import inspect
import linecache
import os
import signal
import socket
import sys
import tempfile
import time
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

from ..errors import BadMessage
from ..wire import close_all, pack, receive, send, unpack
from . import Channels
from .program import exit_code, flush, main_namespace, prepare, print_exception

_FORK = os.fork  # a cell may replace os.fork
MAX_RESULT = 16 * 1024
"""Characters of an echoed expression."""
_READY = pack({"ready": True})


class CellTimeout(BaseException):
    """Raised inside a cell that has used up its time; not an Exception, which `except Exception` would catch."""

    __module__ = "builtins"  # printed without the name of this module


def main(channels: Channels, payload: bytes) -> int:
    """Serve until the owner closes the control socket."""
    if channels.control is None:
        return 70
    return _Kernel(socket.socket(fileno=channels.control.fileno())).serve()


class _Kernel:
    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._namespace = main_namespace()
        self._cells = 0
        self._base = Path(os.environ["HOME"]).parent
        self._inside_cell = False
        signal.signal(signal.SIGUSR1, self._interrupt)
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # killed checkpoints leave no zombies

    def serve(self) -> int:
        prepare(b"")
        self._tell(_READY)
        while True:
            try:
                message, descriptors = receive(self._control)
                head, code = unpack(message)
            except (OSError, BadMessage):
                return 0  # the owner is gone, or the peer is not the owner
            if head.get("long"):
                with os.fdopen(descriptors.pop(0), "rb") as file:
                    file.seek(0)
                    code = file.read()
            _set_home(str(self._base / head["home"]))
            new_home = head.get("new_home")
            if head["op"] == "renew":
                flush()
                self._use(socket.socket(fileno=descriptors[0]), descriptors[1], descriptors[2])
                continue
            forked = self._fork(descriptors, None if new_home is None else self._base / new_home)
            if not forked and head["op"] == "cell":
                self._tell(pack(self._cell(code)))

    def _fork(self, descriptors: list[int], new_home: Path | None) -> bool:
        """Fork a copy that uses the descriptors (control, stdout, stderr); return True in the copy.

        Everything is prepared before the fork, because after it each write must first copy a page.
        """
        if len(descriptors) != 3:
            close_all(descriptors)
            return False
        flush()
        control, out, err = socket.socket(fileno=descriptors[0]), *descriptors[1:]
        target = None if new_home is None else str(new_home)
        gc.disable()
        try:
            copy = _FORK() == 0
        except OSError:
            copy = False
        finally:
            gc.enable()
        if copy:
            self._use(control, out, err, target)
        else:
            control.close()
            close_all([out, err])
        return copy

    def _use(self, control: socket.socket, out: int, err: int, home: str | None = None) -> None:
        """Take new streams, and a new home, and greet the owner on the new control socket."""
        self._control, control = control, self._control
        control.close()
        os.dup2(out, 1)
        os.dup2(err, 2)
        close_all([out, err])
        if home is not None:  # not earlier: the zygote makes the directory before it allows the fork
            _move_home(home)
        self._tell(_READY)

    def _cell(self, code: bytes) -> dict[str, Any]:
        self._cells += 1
        name = f"<cell {self._cells}>"
        text = code.decode("utf-8", "replace")
        linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
        began = time.process_time()
        answer: dict[str, Any] = {"status": "ok", "exit_code": None, "result": None}
        try:
            self._inside_cell = True
            answer["result"] = self._run(code, name)
        except CellTimeout as late:
            self._inside_cell = False
            answer["status"] = "timeout"
            print_exception(late)
        except SystemExit as stop:
            answer["exit_code"] = exit_code(stop)
            answer["status"] = "nonzero_exit" if answer["exit_code"] else "ok"
        except BaseException as problem:  # noqa: BLE001  any failure of the cell is its result
            self._inside_cell = False
            answer["status"] = "memory" if isinstance(problem, MemoryError) else "exception"
            print_exception(problem)
        finally:
            self._inside_cell = False
        flush()
        return answer | {"cpu": time.process_time() - began}

    def _run(self, code: bytes, name: str) -> str | None:
        """Run a cell and return the text of its last expression, unless that is None."""
        tree = ast.parse(code, name)
        last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
        self._execute(compile(tree, name, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True))
        if not isinstance(last, ast.Expr):
            return None
        ending = ast.Expression(last.value)
        value = self._execute(compile(ending, name, "eval", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True))
        if value is None or code.rstrip().endswith(b";"):
            return None
        self._namespace["_"] = value
        text = repr(value)
        if len(text) > MAX_RESULT:
            half = MAX_RESULT // 2
            text = f"{text[:half]}[... {len(text) - 2 * half} characters cut ...]{text[-half:]}"
        return text

    def _execute(self, code: CodeType) -> object:
        value = eval(code, self._namespace)
        if not code.co_flags & inspect.CO_COROUTINE:
            return value
        import asyncio  # large, and rarely needed

        return asyncio.run(value)

    def _interrupt(self, _number: int, _frame: FrameType | None) -> None:
        if self._inside_cell:
            raise CellTimeout("the cell took too long")

    def _tell(self, message: bytes) -> None:
        try:
            send(self._control, message)
        except (OSError, BadMessage):
            os._exit(0)  # the owner is gone


def _set_home(home: str) -> None:
    if os.environ.get("HOME") != home:
        os.environ["HOME"] = os.environ["TMPDIR"] = home
        tempfile.tempdir = None


def _move_home(target: str) -> None:
    """Copy the home's files to `target`, make it the home, and keep the working directory relative to it."""
    home = os.environ["HOME"]
    try:
        with os.scandir(home) as entries:
            if next(entries, None) is not None:
                import shutil

                shutil.copytree(home, target, symlinks=True, dirs_exist_ok=True)
        working = os.getcwd()  # noqa: PTH109  a path object would touch more pages
        inside = working == home or working.startswith(home + "/")
        os.chdir(target + working[len(home) :] if inside else target)
    except (OSError, ValueError, RecursionError) as problem:  # shutil.Error is an OSError
        print(f"not all files were copied to the branch: {problem}", file=sys.stderr)
        os.chdir(target)
    _set_home(target)
