"""Boxes: reusable places that children run in. The zygote owns them; each holds one child at a time.

A box is a private directory, a landlock ruleset that opens only it, and a page of memory through which a child says why
its exit code is not 0. In `full` the directory is a small file system, replaced when a child has changed it; in `flat`
a plain directory that is emptied and, under root, has its own user id.
"""

# os.* rather than Path: descriptors, and no surprises with symbolic links.
# ruff: noqa: PTH101, PTH102, PTH104, PTH106, PTH116, PTH118, PTH208

import contextlib
import fcntl
import itertools
import mmap
import os
import stat
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from .layers import kernel, landlock, namespaces
from .layers.visible import DEVICES
from .limits import Limits

MAX_BOXES = 256
MAX_BRANCHES = 64
"""Branches of a session over its life, the session included."""
_PREFIX = "reasondistill-sandbox-"


@dataclass(slots=True)
class Box:
    """One box. `inside` is the private directory's path for the child, `directory` its path for the zygote."""

    index: int
    root: str | None
    directory: str
    inside: str
    uid: int | None
    page: mmap.mmap
    ruleset: int = -1
    size: tuple[int, int] = (0, 0)
    spares: list[str] | None = None
    """In a session: names of prepared directories that no branch uses yet."""
    clean_since: int = -1
    """Change time of the directory when it was last known to be empty; any use of it sets a later one."""

    @property
    def dirty(self) -> bool:
        return os.stat(self.directory).st_ctime_ns != self.clean_since or bool(os.listdir(self.directory))


@dataclass(slots=True)
class Boxes:
    """All boxes of a zygote. `readable` are the paths that children may read."""

    flat_base: str | None
    """Parent of flat's directories; None in `full`."""
    private: str
    """Path of the private directory as children see it in `full`."""
    readable: Sequence[str]
    first_uid: int | None
    """User id of box 0 in flat under root; box i has first_uid + i."""
    free: list[Box] = field(default_factory=list)
    made: int = 0
    cleaners: set[int] = field(default_factory=set)
    """Processes that delete large directories."""

    def take(self, limits: Limits) -> Box:
        """Return a clean box for one child; raise OSError when all boxes are in use."""
        if self.free:
            box = self.free.pop()
        elif self.made == MAX_BOXES:
            raise OSError(f"more than {MAX_BOXES} children at once")
        else:
            index, page = self.made, mmap.mmap(-1, mmap.PAGESIZE)
            self.made += 1
            if self.flat_base is None:
                root = namespaces.add_box(str(index))
                box = Box(index, root, root + self.private, self.private, None, page)
            else:
                directory = str(Path(self.flat_base, str(index)))
                uid = None if self.first_uid is None else self.first_uid + index
                box = Box(index, None, directory, directory, uid, page)
                self._furnish(box)
        size = (limits.disk_bytes, limits.files)
        if box.root is not None and box.size != size:
            self._remount(box, size)
        box.page[:] = bytes(len(box.page))
        return box

    def give_back(self, box: Box) -> None:
        """Clean a box whose child, with everything that the child started, has ended."""
        if box.root is None:
            os.chmod(box.directory, 0o700)
        if box.dirty or box.spares is not None:
            if box.root is not None:
                self._remount(box, box.size)
            elif box.spares is None and _is_small(box.directory):
                empty_directory(box.directory)
                self._settle(box)
            else:  # it takes long to empty: a separate process deletes it
                trash = f"{box.directory}-{os.urandom(4).hex()}"
                os.rename(box.directory, trash)
                cleaner = os.fork()
                if cleaner == 0:
                    try:
                        delete_directory(trash)
                    finally:
                        os._exit(0)
                self.cleaners.add(cleaner)
                self._furnish(box)
        box.spares = None
        self.free.append(box)

    def furnish_for_session(self, box: Box) -> None:
        """Make the directories for a session's branches, and open only them.

        The box itself stays closed: a branch can neither list it nor create anything in it, so it never learns the
        name of another branch's directory.
        """
        box.spares = [os.urandom(16).hex() for _ in range(MAX_BRANCHES)]
        homes = [os.path.join(box.directory, name) for name in box.spares]
        for home in homes:
            os.mkdir(home, 0o700)
            if box.uid is not None:
                os.chown(home, box.uid, box.uid)
        readable = self.readable
        if box.root is not None:
            inside = box.inside.split("/")[1]
            names = [name for name in os.listdir(box.root) if name != inside and not name.startswith(".")]
            readable = [f"{box.root}/{name}" for name in names]
        self._open(box, readable, homes)
        os.chmod(box.directory, 0o100)

    def _open(self, box: Box, readable: Sequence[str], private: Sequence[str]) -> None:
        if box.ruleset >= 0:
            os.close(box.ruleset)
        devices = [(box.root or "") + device for device in DEVICES]
        box.ruleset = landlock.ruleset(readable=readable, writable=devices, private=private)

    def add_home(self, box: Box, name: str) -> None:
        """Give one of the prepared directories to a branch; raise OSError when none is left."""
        if not box.spares:
            raise OSError(f"a session has at most {MAX_BRANCHES} branches")
        self.rename_home(box, box.spares.pop(), name)

    def rename_home(self, box: Box, old: str, new: str) -> None:
        """Rename a branch's directory to a name that no other branch knows. Does nothing if the branch is gone."""
        os.chmod(box.directory, 0o700)
        try:
            with contextlib.suppress(FileNotFoundError):
                os.rename(os.path.join(box.directory, old), os.path.join(box.directory, new))
        finally:
            os.chmod(box.directory, 0o100)

    def _furnish(self, box: Box) -> None:
        os.mkdir(box.directory, 0o700)
        self._settle(box)
        self._open(box, self.readable, [box.directory])

    def _settle(self, box: Box) -> None:
        """Give an empty directory the owner, mode and times that every child starts with."""
        if box.uid is not None:
            os.chown(box.directory, box.uid, box.uid)
        os.chmod(box.directory, 0o700)
        os.utime(box.directory, (0, 0))
        box.clean_since = os.stat(box.directory).st_ctime_ns

    def _remount(self, box: Box, size: tuple[int, int]) -> None:
        assert box.root is not None
        if box.ruleset >= 0:
            kernel.unmount(box.directory)
        namespaces.mount_private(box.directory, size=size[0], files=size[1])
        self._open(box, [box.root], [box.directory])
        box.size, box.clean_since = size, os.stat(box.directory).st_ctime_ns


def make_base() -> tuple[str, int]:
    """Make the parent directory of flat's boxes; return it and the lock that marks it as in use.

    Directories left by a zygote that was killed together with its owner are deleted first.
    """
    for left in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        _delete_if_unused(left)
    while True:  # until another start has not taken ours for such a one before it was locked
        base = tempfile.mkdtemp(prefix=_PREFIX)
        with contextlib.suppress(FileNotFoundError):
            lock = os.open(base, os.O_RDONLY | os.O_CLOEXEC)
            fcntl.flock(lock, fcntl.LOCK_EX)
            if os.fstat(lock).st_nlink:
                os.chmod(base, 0o711)
                return base, lock
            os.close(lock)


def _delete_if_unused(left: Path) -> None:
    with contextlib.suppress(OSError):  # in use, or another process deletes it
        lock = os.open(left, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            if os.fstat(lock).st_uid == os.geteuid():
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                delete_directory(str(left))
        finally:
            os.close(lock)


def _is_small(path: str, room: int = 64, depth: int = 4) -> bool:
    """Whether a tree has few entries, all of them readable."""
    try:
        entries = list(itertools.islice(os.scandir(path), room))
    except PermissionError:
        return False
    room -= len(entries)
    inner = [entry.path for entry in entries if entry.is_dir(follow_symlinks=False)]
    return room > 0 and (not inner or (depth > 0 and all(_is_small(one, room, depth - 1) for one in inner)))


def delete_directory(path: str) -> None:
    empty_directory(path)
    os.rmdir(path)


def empty_directory(path: str) -> None:
    """Delete everything in a directory filled by a hostile program, however deep or oddly named.

    Directories move to the top before they are emptied, so neither recursion nor path length grows.
    """
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
    top = os.open(path, flags)
    try:
        os.fchmod(top, 0o700)
        while names := os.listdir(top):
            for name in names:
                if not _is_directory(name, top):
                    os.unlink(name, dir_fd=top)
                    continue
                os.chmod(name, 0o700, dir_fd=top)
                inner = os.open(name, flags, dir_fd=top)
                try:
                    for child in os.listdir(inner):
                        if _is_directory(child, inner):
                            os.chmod(child, 0o700, dir_fd=inner)
                            os.rename(child, os.urandom(8).hex(), src_dir_fd=inner, dst_dir_fd=top)
                        else:
                            os.unlink(child, dir_fd=inner)
                finally:
                    os.close(inner)
                os.rmdir(name, dir_fd=top)
    finally:
        os.close(top)


def _is_directory(name: str, where: int) -> bool:
    return stat.S_ISDIR(os.stat(name, dir_fd=where, follow_symlinks=False).st_mode)
