"""The run folder: its lock, manifest, log and tables. One process writes it at a time."""

import json
import os
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from ..errors import DataError, StoreError
from .files import Warn, store_errors, write_atomic
from .secrets import mask_secrets
from .table import Table

LOCK_SECONDS = 5.0
"""How long a run waits for the folder's lock: the child of a killed run needs a moment to exit."""


class RunFolder:
    """One run's folder: its lock, tables, manifest and log. Use it as a context manager to hold the lock.

    The lock is inherited by child processes through `lock_fd`, so that a stage that outlives a killed parent still
    keeps a second writer out.
    """

    def __init__(
        self, path: Path, *, clock: Callable[[], float] = time.time, lock_seconds: float = LOCK_SECONDS
    ) -> None:
        self.path = path
        self._clock = clock
        self._lock_seconds = lock_seconds
        self.lock_fd: int | None = None

    def __enter__(self) -> Self:
        with store_errors(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
        self.lock_fd = _take_lock(self.path / "lock", self._lock_seconds)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.lock_fd is not None:
            os.close(self.lock_fd)
            self.lock_fd = None

    def claim(self, owner: str) -> None:
        """Note whose run this folder holds. Raises StoreError when it holds another's, or anything but a run."""
        noted = (self.read_json("manifest.json") or {}).get("run")
        if noted not in (None, owner):
            raise StoreError(f"{self.path}: holds the run {noted!r}, not {owner!r}; choose another folder")
        # The folder of a run that was killed before its first manifest was whole holds these and nothing else.
        if noted is None and any(p.name not in ("lock", "manifest.json.tmp") for p in self.path.iterdir()):
            raise StoreError(f"{self.path}: is not empty and holds no run; choose another folder")
        self.update_manifest(run=owner)

    def table(self, name: str, *, key: str, writable: bool = False, warn: Warn | None = None) -> Table:
        """Open the table in the sub-folder `name`."""
        return Table(self.path / name, key=key, writable=writable, warn=warn)

    def read_json(self, name: str) -> Any:
        """Return the JSON value of a file in the folder, or None when there is no such file."""
        path = self.path / name
        if not path.exists():
            return None
        try:
            return json.loads(path.read_text())
        except ValueError:
            raise DataError(f"{path}: not JSON; the file is damaged, delete it and run again") from None

    def write_json(self, name: str, value: object) -> None:
        """Replace a JSON file in the folder, whole or not at all."""
        write_atomic(self.path / name, json.dumps(value, indent=1, ensure_ascii=True) + "\n")

    def update_manifest(self, **entries: object) -> None:
        """Merge entries into manifest.json, secrets masked."""
        self.write_json("manifest.json", {**(self.read_json("manifest.json") or {}), **mask_secrets(entries)})

    def log(self, event: str, **details: object) -> None:
        """Append one line to log.jsonl, secrets masked."""
        entry = {"time": round(self._clock(), 3), "event": event, **mask_secrets(details)}
        with store_errors(self.path), (self.path / "log.jsonl").open("a") as file:
            file.write(json.dumps(entry) + "\n")

    def supersede(self, name: str) -> None:
        """Move a file or folder that a changed recipe made stale to `superseded/`; nothing is deleted."""
        old = self.path / name
        if not old.exists():
            return
        place = self.path / "superseded"
        with store_errors(self.path):
            place.mkdir(exist_ok=True)
            targets = (place / f"{name.replace('/', '.')}-{number}" for number in count(1))
            old.replace(target := next(path for path in targets if not path.exists()))
        self.log("superseded", name=name, to=target.name)


def _take_lock(path: Path, patience: float) -> int:
    """Lock the file for this process and its children; the kernel frees it when the last of them is gone."""
    with store_errors(path):
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    give_up = time.monotonic() + patience
    while not _locked(handle):
        if time.monotonic() >= give_up:
            owner = os.pread(handle, 32, 0).decode(errors="replace").strip() or "unknown"
            os.close(handle)
            busy = f"another process (pid {owner}) is writing this run"
            raise StoreError(f"{path.parent}: {busy}; wait for it or choose another folder")
        time.sleep(0.05)
    with store_errors(path):
        os.ftruncate(handle, 0)
        os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
    return handle


def _locked(handle: int) -> bool:
    import fcntl

    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
