"""Runs programs and sessions on a remote sandbox over HTTP: SandboxFusion's API and NeMo-Skills' API.

An address that ends in /execute is NeMo-Skills, any other SandboxFusion. The server isolates as it can and sets all
limits but wall clock and memory. Neither API can branch a session, so a branch replays the cells.
"""

import http.client
import json
import time
import urllib.error
import urllib.request
import uuid
from typing import Any
from urllib.parse import urlsplit, urlunsplit

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
        self.dialect = _NemoSkills(self) if parts.path.endswith("/execute") else _SandboxFusion(self)

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
        """Send one request and return the JSON object that answers it; SandboxFusion's own kind of error on failure."""
        data = json.dumps(body).encode()
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(self.address + path, data=data, headers=headers, method="POST")
        try:
            with urllib.request.urlopen(request, timeout=seconds + _SLACK_SECONDS) as answer:
                row = json.loads(answer.read(_MAX_ANSWER_BYTES))
            if isinstance(row, dict):
                return row
            problem: object = "the answer is not a JSON object"
        except (OSError, urllib.error.URLError, http.client.HTTPException, ValueError) as error:
            problem = error
        return {"status": "SandboxError", "message": f"{self.isolation}{path}: {problem}"}


class RemoteSession:
    """Cells on a remote sandbox, with a Session's interface."""

    def __init__(self, place: Remote, limits: Limits, history: tuple[str, ...] = ()) -> None:
        self._place, self.limits, self._history = place, limits, list(history)
        self._name = uuid.uuid4().hex
        self._unsent = list(history) if place.dialect.keeps_state else []
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
        return [RemoteSession(self._place, self.limits, tuple(self._history)) for _ in range(n)]


class _SandboxFusion:
    keeps_state = False

    def __init__(self, place: Remote) -> None:
        self._place = place

    def run(self, code: str, stdin: str, limits: Limits) -> Execution:
        bounds = {"run_timeout": limits.wall_seconds, "memory_limit_MB": limits.memory_bytes // MIB}
        body = {"code": code, "language": "python", "stdin": stdin, **bounds}
        began = time.monotonic()
        answer = self._place.post("/run_code", body, limits.wall_seconds)
        result = answer.get("run_result")
        if answer.get("status") == "SandboxError" or not isinstance(result, dict):
            return _made(self._place, began, Status.SANDBOX_ERROR, reason=str(answer.get("message", "no result")))
        exit_code = result.get("return_code")
        if result.get("status") == "TimeLimitExceeded":
            status, reason = Status.TIMEOUT, f"over the wall clock's limit of {limits.wall_seconds:g} s"
        elif result.get("status") != "Finished":
            status, reason = Status.SANDBOX_ERROR, str(answer.get("message", ""))
        else:
            stderr, reason = str(result.get("stderr", "")), ""
            failed = Status.EXCEPTION if "Traceback (most recent call last)" in stderr else Status.NONZERO_EXIT
            if failed is Status.EXCEPTION and stderr.rstrip().rpartition("\n")[2].startswith("MemoryError"):
                failed = Status.MEMORY
            status = Status.OK if exit_code == 0 else failed
        return _made(self._place, began, status, limits, result, exit_code, reason)

    def cell(self, name: str, before: list[str], code: str, limits: Limits) -> Execution:
        """Run all cells again in one notebook, as this API keeps no state."""
        seconds = limits.wall_seconds * (len(before) + 1)
        body = {"cells": [*before, code], "cell_timeout": limits.wall_seconds, "total_timeout": seconds}
        began = time.monotonic()
        answer = self._place.post("/run_jupyter", body, seconds)
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
        answer = self._place.post("", body | more, limits.wall_seconds)
        outcome = answer.get("process_status")
        # This API reports no exit code: only a traceback distinguishes a failed program from a finished one.
        failed = outcome == "error" or "Traceback (most recent call last)" in str(answer.get("stderr", ""))
        ended = Status.EXCEPTION if failed else Status.OK
        by_outcome = {"timeout": Status.TIMEOUT, "completed": ended, "error": ended}
        status = by_outcome.get(str(outcome), Status.SANDBOX_ERROR)
        reason = str(answer.get("message", outcome)) if status is Status.SANDBOX_ERROR else ""
        return _made(self._place, began, status, limits, answer, reason=reason)


def _made(
    place: Remote, began: float, status: Status, limits: Limits | None = None, streams: dict[str, Any] | None = None,
    exit_code: object = None, reason: str = "", result: str | None = None,
) -> Execution:  # fmt: skip
    limit = (limits or Limits()).output_bytes
    stdout, stderr = (str((streams or {}).get(name) or "") for name in ("stdout", "stderr"))
    return Execution(
        status=status, exit_code=exit_code if type(exit_code) is int else None, stdout=_cut(stdout, limit),
        stderr=_cut(stderr, limit), truncated=len(stdout) > limit or len(stderr) > limit,
        wall_seconds=time.monotonic() - began, cpu_seconds=0.0, isolation=place.isolation, result=result, reason=reason,
    )  # fmt: skip


def _cut(text: str, limit: int) -> str:
    half = limit // 2
    return text if len(text) <= limit else f"{text[: limit - half]}\n[... {len(text) - limit} cut ...]\n{text[-half:]}"


def _text(code: str | bytes) -> str:
    return code if isinstance(code, str) else code.decode("utf-8", "replace")
