"""Layer `full`: namespaces entered once by the zygote, with a root file system that holds only what Python needs.

Needs user namespaces that may mount (Linux 5.12 for mount_setattr); where they are denied, entering raises OSError.
Under root, the user id is dropped before the user namespace is created, so that nothing inside maps to root outside.
"""

# os.* rather than Path: descriptors, and no surprises with symbolic links.
# ruff: noqa: PTH110, PTH112, PTH114, PTH115, PTH118, PTH120

import os
import socket
from collections.abc import Iterable, Sequence
from pathlib import Path

from . import kernel
from .visible import DEVICES

INSIDE_UID = 1000
TEMPLATE, BOXES = "/.template", "/.boxes"
_OTHERS = kernel.CLONE_NEWNS | kernel.CLONE_NEWPID | kernel.CLONE_NEWNET | kernel.CLONE_NEWIPC | kernel.CLONE_NEWUTS
_READ_ONLY = kernel.MOUNT_ATTR_RDONLY | kernel.MOUNT_ATTR_NOSUID


def enter(paths: Sequence[str], *, private: str, drop_to: int | None) -> None:
    """Move this process into new namespaces, as PID 1; the calling process stays outside and waits for it.

    `private` is the path of a child's private directory. `drop_to` is the user id that root takes first.
    """
    if drop_to is not None:
        kernel.unshare(kernel.CLONE_NEWNS)
        _build_root(paths, private, drop_to)
        drop_user(drop_to)
    uid, gid = os.getuid(), os.getgid()
    kernel.unshare(kernel.CLONE_NEWUSER | _OTHERS)
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{INSIDE_UID} {uid} 1")
    Path("/proc/self/gid_map").write_text(f"{INSIDE_UID} {gid} 1")
    socket.sethostname("sandbox")
    child = os.fork()
    if child:
        os.closerange(3, 1 << 20)
        status = os.waitpid(child, 0)[1]
        os._exit(os.waitstatus_to_exitcode(status) & 0xFF)
    kernel.prctl(kernel.PR_SET_PDEATHSIG, 9)
    if drop_to is None:
        _build_root(paths, private, INSIDE_UID)
    kernel.mount("proc", "/proc", "proc", kernel.MS_NOSUID | kernel.MS_NODEV | kernel.MS_NOEXEC)


def drop_user(uid: int) -> None:
    """Become an unprivileged user for good."""
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)
    kernel.prctl(kernel.PR_SET_DUMPABLE, 1)  # or /proc/self would now belong to root


def add_box(name: str) -> str:
    """Attach one more read-only copy of the root and return its path."""
    path = f"{BOXES}/{name}"
    Path(path).mkdir()
    tree = kernel.clone_tree(TEMPLATE)
    kernel.attach_tree(tree, path)
    os.close(tree)
    return path


def mount_private(path: str, *, size: int, files: int) -> None:
    """Mount a fresh, bounded, empty file system."""
    options = f"size={size},nr_inodes={files + 1},mode=0700"
    kernel.mount("tmpfs", path, "tmpfs", kernel.MS_NOSUID | kernel.MS_NODEV | kernel.MS_NOEXEC, options)


def _build_root(paths: Iterable[str], private: str, uid: int) -> None:
    kernel.mount("none", "/", "", kernel.MS_REC | kernel.MS_PRIVATE)
    wanted = [_resolve(path) for path in (*paths, *DEVICES) if os.path.exists(path)]
    trees = {real: kernel.clone_tree(real) for _, real in wanted}
    directories = {real for real in trees if os.path.isdir(real)}
    process_files = kernel.clone_tree("/proc")
    root = "/tmp" if os.path.isdir("/tmp") else "/mnt"
    kernel.mount("tmpfs", root, "tmpfs", kernel.MS_NOSUID | kernel.MS_NODEV, f"size=4m,mode=0755,uid={uid},gid={uid}")
    os.umask(0o022)
    for real in sorted(trees, key=len):
        place = Path(root + real)
        if place.exists():
            continue  # inside a tree that is attached already
        place.parent.mkdir(parents=True, exist_ok=True)
        if real in directories:
            place.mkdir()
        else:
            place.touch()
        kernel.restrict_tree(trees[real], _READ_ONLY | (0 if real in DEVICES else kernel.MOUNT_ATTR_NODEV))
        kernel.attach_tree(trees[real], str(place))
    for link, target in (pair for links, _ in wanted for pair in links):
        place = Path(root + link)
        if not place.is_symlink() and not place.exists():
            place.parent.mkdir(parents=True, exist_ok=True)
            place.symlink_to(target)
    for directory in (private, "/proc", "/etc", "/dev", TEMPLATE, BOXES):
        Path(f"{root}{directory}").mkdir(parents=True, exist_ok=True)
    os.chown(f"{root}{BOXES}", uid, uid)
    Path(root, "dev/shm").symlink_to(private)
    Path(root, "etc/passwd").write_text(f"sandbox:x:{INSIDE_UID}:{INSIDE_UID}::{private}:/bin/false\n")
    Path(root, "etc/group").write_text(f"sandbox:x:{INSIDE_UID}:\n")
    template = kernel.clone_tree(root)
    kernel.restrict_tree(template, kernel.MOUNT_ATTR_RDONLY)
    kernel.attach_tree(template, root + TEMPLATE)
    kernel.attach_tree(process_files, f"{root}/proc")
    for tree in (*trees.values(), template, process_files):
        os.close(tree)
    os.chdir(root)
    kernel.pivot_root(".", ".")
    kernel.unmount(".")
    os.chdir("/")


def _resolve(path: str) -> tuple[list[tuple[str, str]], str]:
    """Return the symbolic links on the way to a path, and the real path behind them."""
    links: list[tuple[str, str]] = []
    for _ in range(40):
        prefix = ""
        for part in Path(path).parts[1:]:
            prefix = f"{prefix}/{part}"
            if os.path.islink(prefix):
                target = os.readlink(prefix)
                links.append((prefix, target))
                path = os.path.normpath(os.path.join(os.path.dirname(prefix), target) + path[len(prefix) :])
                break
        else:
            return links, path
    raise OSError(f"too many symbolic links on the way to {path}")
