"""Run a job that loads a model in a process of its own, so that its memory is returned when it exits.

The job is a JSON object on the child's standard input, the result one on its standard output; progress goes to standard
error. The child dies with its parent, and holds the run folder's lock as long as it lives.
"""

import ctypes
import importlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from .. import errors
from ..engines.auto import limit_openmp_spinning
from ..errors import EngineError, UserError
from ..records import Row
from ..store.options import dump_options, read_options
from ..store.run_context import Job


def run_job(job: Job, *, lock_fd: int | None = None) -> Row:
    """Run a job: in a child process if it loads a model, in this one otherwise.

    Raises what the job raised; EngineError when the child died without an answer (out of memory, say).
    """
    if not job.loads_model:
        return job.run()
    kind = type(job)
    row = {"job": f"{kind.__module__}:{kind.__qualname__}", "options": dump_options(job), "path": sys.path}
    text = json.dumps(row)
    # With -P no file of the working directory is taken for a module of Python or of a library.
    command = [sys.executable, "-P", "-m", "reasondistill.run.child_process", str(os.getpid())]
    fds = () if lock_fd is None else (lock_fd,)
    with _interrupts_held():
        child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, pass_fds=fds, text=True)
    with child:
        try:
            answer, _ = child.communicate(text)
        except KeyboardInterrupt:
            _end(child)
            raise
    return _read_answer(answer, child.returncode, kind.__name__)


def main() -> None:
    """Run the job on standard input; called in the child."""
    _die_with_parent(int(sys.argv[1]))
    limit_openmp_spinning()
    answer = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # libraries print to standard output, which is kept for the answer
    try:
        if hasattr(signal, "pthread_sigmask"):
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        request = json.loads(sys.stdin.read())
        sys.path += [place for place in request["path"] if place not in sys.path]  # the user's own members, last
        module, _, name = request["job"].partition(":")
        kind: type[Job] = getattr(importlib.import_module(module), name)
        result: Row = {"result": read_options(kind, request["options"], where="").run()}
    except UserError as error:
        result = {"error": type(error).__name__, "message": str(error)}
    except KeyboardInterrupt:
        sys.exit(130)
    answer.write(json.dumps(result))
    answer.close()
    # Libraries with threads of their own can hang or crash during shutdown; everything is stored by now.
    sys.stderr.flush()
    os._exit(0)


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """Hold Ctrl-C back for a moment; a child made in it starts so, and takes it when its imports are done."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    earlier = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, earlier)


def _end(child: subprocess.Popen[str]) -> None:
    """Let an interrupted child close its tables. A terminal has sent it the signal too, but `kill -INT` has not."""
    for number, patience in ((None, 10.0), (signal.SIGINT, 60.0), (signal.SIGKILL, None)):
        if number is not None:
            child.send_signal(number)
        try:
            child.wait(patience)
            return
        except subprocess.TimeoutExpired:
            continue


def _read_answer(answer: str, status: int, name: str) -> Row:
    if status == 130 or status == -signal.SIGINT:
        raise KeyboardInterrupt
    try:
        given = json.loads(answer)
    except ValueError:
        line = f"{name}: the process ended with status {status}; the lines above say why"
        if status < 0:
            hint = "; out of memory? lower concurrency or batch_size" if status == -signal.SIGKILL else ""
            line = f"{name}: the process ended with signal {-status}{hint}; the same command does what is missing"
        raise EngineError(line) from None
    if "error" in given:
        raise getattr(errors, given["error"], EngineError)(given["message"])
    return dict(given["result"])


def _die_with_parent(parent: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
    if os.getppid() != parent:
        os._exit(1)


if __name__ == "__main__":
    main()
