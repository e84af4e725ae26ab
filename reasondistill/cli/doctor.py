"""`reasondistill doctor`: what this machine can run, one line for each requirement."""

import importlib.util
import os
import platform
import shutil
import sys
from argparse import ArgumentParser, Namespace
from dataclasses import asdict, dataclass
from pathlib import Path

from ..records import Row
from .output import print_result

HELP = "say what this machine can run; status 1 if not the quickstart"

NEEDED_MODULES = ("torch", "transformers", "trl", "datasets", "accelerate")
NEEDED_MEMORY_GB = 8.0
NEEDED_DISK_GB = 12.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One requirement and what this machine has."""

    name: str
    value: str
    ok: bool = True
    """False if the quickstart cannot run because of it."""

    def to_row(self) -> Row:
        """Return `{name, value, ok}`."""
        return asdict(self)


def add(parser: ArgumentParser) -> None:
    """Add no arguments."""


def run(args: Namespace) -> int:
    """Print what this machine can run; status 1 when the quickstart cannot."""
    findings = examine()
    able = all(f.ok for f in findings)
    lines = [f"{'ok ' if f.ok else 'NO '} {f.name}: {f.value}" for f in findings]
    verdict = "the quickstart can run here" if able else "the quickstart cannot run here: fix the lines marked NO"
    print_result(args, {"quickstart": able, "findings": [f.to_row() for f in findings]}, [*lines, verdict])
    return 0 if able else 1


def examine(folder: Path = Path()) -> list[Finding]:
    """Look at this machine; `folder` is where runs would be written. Loads no model and asks no network."""
    import sandbox
    from verifiers.clash import clash

    from ..engines.auto import fast_bfloat16
    from ..models.resolve import list_models
    from ..store.versions import versions

    python = f"{platform.python_version()} on {platform.system()}"
    models = {m.name: str(m.path) if m.path else f"not fetched ({m.size / 2**20:.0f} MB)" for m in list_models()}
    missing = [name for name in NEEDED_MODULES if importlib.util.find_spec(name) is None]
    isolation, other = sandbox.available(), clash()
    without = "none, code cannot be run here: `python -m sandbox doctor` says why"
    return [
        Finding(name="python", value=python, ok=sys.version_info >= (3, 11)),
        Finding(name="cores", value=f"{os.cpu_count()}{', bfloat16 in hardware' if fast_bfloat16() else ''}"),
        _memory(),
        _disk(folder),
        _gpu(),
        *(Finding(name=name, value=v) for name, v in versions().items() if name not in ("python", "platform")),
        *(Finding(name=n, value="not installed: pip install 'reasondistill[train]'", ok=False) for n in missing),
        *(Finding(name=f"model {name}", value=value) for name, value in models.items()),
        Finding(name="sandbox", value=f"{isolation} isolation for what models write" if isolation else without),
        Finding(name="import name `verifiers`", value=other or "no clash", ok=other is None),
    ]


def _memory() -> Finding:
    try:
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    except (ValueError, OSError, AttributeError):
        return Finding(name="memory", value="not known")
    enough = total >= NEEDED_MEMORY_GB
    need = "" if enough else f", the quickstart needs {NEEDED_MEMORY_GB:.0f}"
    return Finding(name="memory", value=f"{total:.1f} GB{need}", ok=enough)


def _disk(folder: Path) -> Finding:
    existing = next(p for p in (folder.resolve(), *folder.resolve().parents) if p.exists())
    free = shutil.disk_usage(existing).free / 2**30
    enough = free >= NEEDED_DISK_GB
    need = "" if enough else f", the quickstart needs {NEEDED_DISK_GB:.0f}"
    return Finding(name="disk", value=f"{free:.1f} GB free{need}", ok=enough)


def _gpu() -> Finding:
    if importlib.util.find_spec("torch") is None:
        return Finding(name="gpu", value="not known, torch is not installed")
    import torch

    if not torch.cuda.is_available():
        return Finding(name="gpu", value="none, models run on the CPU")
    names = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    return Finding(name="gpu", value=", ".join(names))
