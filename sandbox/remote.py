"""Runs programs and sessions on a remote sandbox over HTTP: SandboxFusion's API and NeMo-Skills' API.

An address that ends in /execute is NeMo-Skills, any other SandboxFusion (its /run_code and /run_jupyter). The server
isolates as it can: `isolation` of every result is its address without credentials. It also sets all limits except the
wall clock and memory. Neither API can branch a session, so a branch replays the cells.
"""

import http.client
import json
import time
import urllib.error
import urllib.request
import uuid
from typing import Any, Protocol
from urllib.parse import urlsplit, urlunsplit

from .errors import SandboxError
from .limits import MIB, Execution, Limits, Status

_SLACK_SECONDS = 10.0
"""Time of a request beyond the program's: queueing, starting, transfer."""
_MAX_ANSWER_BYTES = 64 * MIB


class Remote:
    """A remote sandbox with a Pool's interface.

    >>> Remote("http://user:secret@127.0.0.1:8080").isolation
    'http://127.0.0.1:8080'
    """

    def __init__(self, address: str) -> None:
        self.address = address.rstrip("/")
        parts = urlsplit(self.address)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"isolation must be a kind or an http address, got {self.isolation!r}")
        self.dialect: _Dialect = _NemoSkills(self) if parts.path.endswith("/execute") else _SandboxFusion(self)

    @property
    def isolation(self) -> str:
        parts = urlsplit(self.address)
        return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))

    def run(self, code: str | bytes, *, stdin: str | bytes = "", limits: Limits | None = None) -> Execution:
        """Run one program on the server."""
        return self.dialect.run(_text(code), _text(stdin), limits or Limits())

    def session(self, *, limits: Limits | None = None) -> "RemoteSession":
        """Start a session, whose state the server keeps or the client replays."""
        return RemoteSession(self, limits or Limits())

    def close(self) -> None:
        """Do nothing: no connection is kept between calls."""

    def __enter__(self) -> "Remote":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def post(self, path: str, body: dict[str, Any], seconds: float) -> dict[str, Any]:
        """Send one request and return the JSON object that answers it; raises SandboxError."""
        data = json.dumps(body).encode()
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(self.address + path, data=data, headers=headers, method="POST")
        try:
            with urllib.request.urlopen(request, timeout=seconds + _SLACK_SECONDS) as answer:
                row = json.loads(answer.read(_MAX_ANSWER_BYTES))
        except (OSError, urllib.error.URLError, http.client.HTTPException, ValueError) as problem:
            raise SandboxError(f"{self.isolation}{path}: {problem}") from None
        if not isinstance(row, dict):
            raise SandboxError(f"{self.isolation}{path}: the answer is not a JSON object")
        return row


class RemoteSession:
    """Cells on a remote sandbox, with a Session's interface."""

    def __init__(self, place: Remote, limits: Limits, history: tuple[str, ...] = ()) -> None:
        self._place, self.limits, self._history = place, limits, list(history)
        self._name = uuid.uuid4().hex
        self.address = place.address
        self._unsent = list(history)
        """Cells that the server has not seen under this session's name."""

    def execute(self, code: str | bytes, *, limits: Limits | None = None) -> Execution:
        """Run one cell."""
        text, limits = _text(code), limits or self.limits
        while self._unsent:
            self._place.dialect.cell(self._name, [], self._unsent.pop(0), limits)
        execution = self._place.dialect.cell(self._name, self._history, text, limits)
        if execution.status is not Status.SANDBOX_ERROR:
            self._history.append(text)
        return execution

    def fork(self, n: int = 1) -> "list[RemoteSession]":
        """Return branches of this state, made by running its cells again."""
        keeps = self._place.dialect.keeps_state
        branches = [RemoteSession(self._place, self.limits, tuple(self._history)) for _ in range(n)]
        for branch in branches:
            branch._unsent = branch._unsent if keeps else []
        return branches

    def close(self) -> None:
        """Do nothing: the server drops old sessions itself."""

    def __enter__(self) -> "RemoteSession":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _Dialect(Protocol):
    """API of one kind of server."""

    keeps_state: bool

    def run(self, code: str, stdin: str, limits: Limits) -> Execution: ...
    def cell(self, name: str, before: list[str], code: str, limits: Limits) -> Execution: ...


class _SandboxFusion:
    keeps_state = False

    def __init__(self, place: Remote) -> None:
        self._place = place

    def run(self, code: str, stdin: str, limits: Limits) -> Execution:
        bounds = {"run_timeout": limits.wall_seconds, "memory_limit_MB": limits.memory_bytes // MIB}
        body = {"code": code, "language": "python", "stdin": stdin, **bounds}
        began = time.monotonic()
        try:
            answer = self._place.post("/run_code", body, limits.wall_seconds)
        except SandboxError as problem:
            return _made(self._place, began, Status.SANDBOX_ERROR, reason=str(problem))
        result = answer.get("run_result")
        if answer.get("status") == "SandboxError" or not isinstance(result, dict):
            return _made(self._place, began, Status.SANDBOX_ERROR, reason=str(answer.get("message", "no result")))
        exit_code = result.get("return_code")
        if result.get("status") == "TimeLimitExceeded":
            status, reason = Status.TIMEOUT, f"over the wall clock's limit of {limits.wall_seconds:g} s"
        elif result.get("status") != "Finished":
            status, reason = Status.SANDBOX_ERROR, str(answer.get("message", ""))
        else:
            status, reason = _status_of(exit_code, str(result.get("stderr", ""))), ""
        return _made(self._place, began, status, limits, result, exit_code, reason)

    def cell(self, name: str, before: list[str], code: str, limits: Limits) -> Execution:
        """Run all cells again in one notebook, as this API keeps no state."""
        seconds = limits.wall_seconds * (len(before) + 1)
        body = {"cells": [*before, code], "cell_timeout": limits.wall_seconds, "total_timeout": seconds}
        began = time.monotonic()
        try:
            answer = self._place.post("/run_jupyter", body, seconds)
        except SandboxError as problem:
            return _made(self._place, began, Status.SANDBOX_ERROR, reason=str(problem))
        cells = answer.get("cells")
        if answer.get("status") == "SandboxError" or not isinstance(cells, list) or not cells:
            return _made(self._place, began, Status.SANDBOX_ERROR, reason=str(answer.get("message", "no cells")))
        if len(cells) <= len(before):
            return _made(self._place, began, Status.TIMEOUT, reason="the notebook stopped before the cell")
        last = cells[-1]
        status = Status.EXCEPTION if last.get("error") else Status.OK
        shown = [one["text/plain"] for one in last.get("display") or [] if "text/plain" in one]
        return _made(self._place, began, status, limits, last, result=str(shown[-1]) if shown else None)


class _NemoSkills:
    keeps_state = True

    def __init__(self, place: Remote) -> None:
        self._place = place

    def run(self, code: str, stdin: str, limits: Limits) -> Execution:
        return self._execute({"language": "python", "std_input": stdin, "session_id": None}, code, limits)

    def cell(self, name: str, before: list[str], code: str, limits: Limits) -> Execution:
        return self._execute({"language": "ipython", "session_id": name}, code, limits)

    def _execute(self, more: dict[str, Any], code: str, limits: Limits) -> Execution:
        bounds = {"timeout": limits.wall_seconds, "max_output_characters": limits.output_bytes}
        body = {"generated_code": code, "traceback_verbosity": "Plain", **bounds}
        began = time.monotonic()
        try:
            answer = self._place.post("", body | more, limits.wall_seconds)
        except SandboxError as problem:
            return _made(self._place, began, Status.SANDBOX_ERROR, reason=str(problem))
        outcome, stderr = answer.get("process_status"), str(answer.get("stderr", ""))
        if outcome == "timeout":
            status = Status.TIMEOUT
        elif outcome in ("completed", "error"):
            # This API reports no exit code: only a traceback distinguishes a failed program from a finished one.
            failed = outcome == "error" or "Traceback (most recent call last)" in stderr
            status = Status.EXCEPTION if failed else Status.OK
        else:
            status = Status.SANDBOX_ERROR
        reason = str(outcome) if status is Status.SANDBOX_ERROR else ""
        return _made(self._place, began, status, limits, answer, reason=reason)


def _status_of(code: object, stderr: str) -> Status:
    if code == 0:
        return Status.OK
    if "Traceback (most recent call last)" not in stderr:
        return Status.NONZERO_EXIT
    return Status.MEMORY if stderr.rstrip().rpartition("\n")[2].startswith("MemoryError") else Status.EXCEPTION


def _made(
    place: Remote,
    began: float,
    status: Status,
    limits: Limits | None = None,
    streams: dict[str, Any] | None = None,
    exit_code: object = None,
    reason: str = "",
    result: str | None = None,
) -> Execution:
    limit = (limits or Limits()).output_bytes
    stdout, stderr = (str((streams or {}).get(name) or "") for name in ("stdout", "stderr"))
    return Execution(
        status=status,
        exit_code=exit_code if type(exit_code) is int else None,
        stdout=_cut(stdout, limit),
        stderr=_cut(stderr, limit),
        truncated=len(stdout) > limit or len(stderr) > limit,
        wall_seconds=time.monotonic() - began,
        cpu_seconds=0.0,
        isolation=place.isolation,
        result=result,
        reason=reason,
    )


def _cut(text: str, limit: int) -> str:
    half = limit // 2
    return text if len(text) <= limit else f"{text[: limit - half]}\n[... {len(text) - limit} cut ...]\n{text[-half:]}"


def _text(code: str | bytes) -> str:
    return code if isinstance(code, str) else code.decode("utf-8", "replace")
