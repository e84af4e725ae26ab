"""Entry `program`: run one source file as `python FILE.py` would. The payload is the file's content."""

import atexit
import builtins
import contextlib
import functools
import gc
import io
import linecache
import os
import sys
import threading
import traceback
from collections.abc import Callable
from types import TracebackType
from typing import Any

from . import Channels, Note

FILE = "program.py"


def main(channels: Channels, payload: bytes) -> int:
    """Run the program to its end, exit handlers and threads included, and return its exit code."""
    source = payload.decode("utf-8", "replace")
    linecache.cache[FILE] = (len(source), None, source.splitlines(keepends=True), FILE)
    namespace = main_namespace()
    prepare(payload)
    code = guarded(channels, lambda: exec(compile(payload, FILE, "exec", dont_inherit=True), namespace))
    return finish(payload) or code


def prepare(source: bytes) -> None:
    """Provide what programs expect beyond a plain interpreter: integers of any length, and their streams as files."""
    sys.set_int_max_str_digits(0)
    if b"/dev/" in source or b"/fd/" in source:  # there is no /proc, which these files lead to
        builtins.open = io.open = _knowing_streams(io.open)
        os.open = _knowing_streams(os.open)


def _knowing_streams(function: Callable[..., Any]) -> Callable[..., Any]:
    streams = {f"/dev/{name}": number for number, name in enumerate(("stdin", "stdout", "stderr"))}
    streams |= {f"{place}/fd/{number}": number for place in ("/dev", "/proc/self") for number in range(3)}

    @functools.wraps(function)
    def opening(file: Any, *arguments: Any, **named: Any) -> Any:
        number = streams.get(os.fspath(file)) if isinstance(file, str | os.PathLike) else None
        if number is None:
            return function(file, *arguments, **named)
        return os.dup(number) if function.__module__ == "posix" else function(os.dup(number), *arguments, **named)

    return opening


def finish(source: bytes) -> int:
    """Finish as the interpreter does: join threads, run exit handlers, flush; return flush's exit code."""
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    code = flush()
    if b"open" in source or b"Text" in source or b"Buffered" in source:  # other files: the interpreter flushes all
        objects = gc.get_objects()
        for kind in (io.TextIOWrapper, io.BufferedWriter, io.BufferedRandom):
            for one in objects:
                if issubclass(type(one), kind):
                    with contextlib.suppress(Exception):
                        one.flush()
    return code


def main_namespace() -> dict[str, object]:
    """Install a new `__main__` and return its namespace."""
    module = type(sys)("__main__")
    module.__dict__.update(__file__=FILE, __builtins__=__builtins__, __spec__=None)
    sys.modules["__main__"] = module
    sys.argv[:] = [FILE]
    return module.__dict__


def guarded(channels: Channels, action: Callable[[], None]) -> int:
    """Run untrusted code and return its exit code, its traceback printed."""
    try:
        action()
    except SystemExit as stop:
        return exit_code(stop)
    except BaseException as problem:  # noqa: BLE001  any failure of the program is its result
        channels.note(Note.MEMORY if isinstance(problem, MemoryError) else Note.EXCEPTION)
        print_exception(problem)
        return 1
    return 0


def exit_code(stop: SystemExit) -> int:
    """Return the exit code of `sys.exit(value)`, as the interpreter has it."""
    if stop.code is None:
        return 0
    if isinstance(stop.code, int):
        return stop.code & 0xFF
    print(stop.code, file=sys.stderr)
    return 1


def print_exception(problem: BaseException) -> None:
    """Print a traceback without the frames of this package."""
    trim(problem)
    try:
        traceback.print_exception(problem)
    except BaseException:  # noqa: BLE001  a hostile __str__, a closed stderr, no memory
        os.write(2, f"{type(problem).__name__}\n".encode())


def trim(problem: BaseException) -> None:
    """Drop this package's frames from an exception and from those that led to it."""
    seen: set[int] = set()
    todo: list[BaseException | None] = [problem]
    while todo:
        one = todo.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        frames = one.__traceback__
        while frames is not None and _is_ours(frames):
            frames = frames.tb_next
        one.__traceback__ = frames
        while frames is not None and frames.tb_next is not None:  # where a timeout was raised
            if _is_ours(frames.tb_next):
                frames.tb_next = None
            frames = frames.tb_next
        todo += [one.__cause__, one.__context__]


def _is_ours(frames: TracebackType) -> bool:
    return frames.tb_frame.f_globals.get("__package__") == __package__


def flush() -> int:
    """Flush what the program printed; 120, as Python has it, if that fails. Closed streams are left alone."""
    code = 0
    for stream in (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__):
        try:
            if stream is not None and not stream.closed:
                stream.flush()
        except Exception:  # noqa: BLE001  the program may have replaced a stream by anything
            code = 120
    return code
