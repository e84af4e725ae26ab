"""Whether a model's weights fit into memory, by their size in the files: told before anything is loaded."""

import json
import math
import struct
from pathlib import Path

from ..errors import ModelError

_CGROUP = Path("/sys/fs/cgroup")
_MEMINFO = Path("/proc/meminfo")
_FLOATS = ("F64", "F32", "F16", "BF16")
_LONGEST = 1 << 28


def weight_bytes(directory: Path, each: int) -> int:
    """Return the bytes of a directory's weights: `each` for floats of 16 bits or more, others as they are stored."""
    size = 0
    for path in directory.glob("*.safetensors"):
        with path.open("rb") as file:
            try:
                tensors = json.loads(file.read(min(struct.unpack("<Q", file.read(8))[0], _LONGEST)))
                for row in (row for name, row in tensors.items() if name != "__metadata__"):
                    start, end = row["data_offsets"]
                    size += math.prod(row["shape"]) * each if row["dtype"] in _FLOATS else end - start
            except (struct.error, ValueError, KeyError, TypeError, AttributeError):
                continue
    return size


def free_memory() -> int | None:
    """Return the bytes that a process may still take, here and in its container; None where nothing tells."""
    try:
        lines = _MEMINFO.read_text(encoding="ascii").splitlines()
        free = next(int(line.split()[1]) << 10 for line in lines if line.startswith("MemAvailable:"))
    except (OSError, StopIteration, ValueError, IndexError):
        return None
    try:
        limit, used = (int((_CGROUP / name).read_text()) for name in ("memory.max", "memory.current"))
        kept = (_CGROUP / "memory.stat").read_text().split()
        return min(free, limit - used + int(kept[kept.index("inactive_file") + 1]))
    except (OSError, ValueError, IndexError):  # no limit, or an older kernel
        return free


def require_memory(name: str, size: int, *, free: int | None, way_out: str) -> None:
    """Raise ModelError for weights of so many bytes where less memory is free.

    >>> require_memory("big", 16_000_000_000, free=8_000_000_000, way_out="use a smaller model")
    Traceback (most recent call last):
    reasondistill.errors.ModelError: big: its weights take 16.0 GB and 8.0 GB of memory are free; use a smaller model
    """
    if free is not None and size > free:
        sizes = f"its weights take {size / 1e9:.1f} GB and {max(0, free) / 1e9:.1f} GB of memory are free"
        raise ModelError(f"{name}: {sizes}; {way_out}")
