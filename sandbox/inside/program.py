"""Entry `program`: run one source file as `python FILE.py` would. The payload is the file's content."""

import atexit
import linecache
import os
import sys
import threading
import traceback
from collections.abc import Callable
from types import TracebackType

from . import Channels, Note

FILE = "program.py"


def main(channels: Channels, payload: bytes) -> int:
    """Run the program to its end, exit handlers and threads included, and return its exit code."""
    source = payload.decode("utf-8", "replace")
    linecache.cache[FILE] = (len(source), None, source.splitlines(keepends=True), FILE)
    namespace = main_namespace()
    code = guarded(channels, lambda: exec(compile(payload, FILE, "exec", dont_inherit=True), namespace))
    return finish() or code


def finish() -> int:
    """Finish as the interpreter does: join threads, run exit handlers, flush; return flush's exit code."""
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    return flush()


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
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None and not stream.closed:
                stream.flush()
        except Exception:  # noqa: BLE001  the program may have replaced a stream by anything
            code = 120
    return code
