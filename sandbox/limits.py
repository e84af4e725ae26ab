"""Records that the whole package shares: limits of a run and its result. No behaviour."""

from dataclasses import dataclass
from enum import StrEnum

KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30
MAX_LIMIT = 1 << 50


class Status(StrEnum):
    """How a run ended. Only `SANDBOX_ERROR` is the sandbox's fault; it says nothing about the program."""

    OK = "ok"
    EXCEPTION = "exception"
    NONZERO_EXIT = "nonzero_exit"
    TIMEOUT = "timeout"
    MEMORY = "memory"
    OUTPUT_LIMIT = "output_limit"
    KILLED = "killed"
    SANDBOX_ERROR = "sandbox_error"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Resources of one child.

    >>> Limits(wall_seconds=2).memory_bytes // GIB
    1
    """

    wall_seconds: float = 5.0
    """Wall clock from the fork on, after which the whole process tree is killed."""
    cpu_seconds: float | None = None
    """Processor time of one process, rounded up to whole seconds by the kernel; None means the wall clock's limit."""
    memory_bytes: int = GIB
    """Address space of one process on top of the warm interpreter's own, and resident memory of the whole tree."""
    output_bytes: int = 256 * KIB
    """Bytes kept of each of stdout and stderr: the first and the last half."""
    flood_bytes: int = 64 * MIB
    """Bytes on stdout and stderr together above which the child is killed: status output_limit."""
    result_bytes: int = 16 * MIB
    """Bytes that a child may write to its private result channel."""
    disk_bytes: int = 64 * MIB
    """Bytes in the child's directory, and the size of any one file."""
    files: int = 4096
    """Entries in the child's directory."""
    descriptors: int = 256
    processes: int = 16
    """Forks of the child alive at the same time. 0 forbids fork."""
    threads: int = 256

    def __post_init__(self) -> None:
        sizes = ("memory_bytes", "output_bytes", "flood_bytes", "disk_bytes")
        for name in ("wall_seconds", *sizes, "files", "descriptors", "threads"):
            if not 0 < getattr(self, name) <= MAX_LIMIT:
                raise ValueError(f"Limits.{name} must be above 0 and at most 2**50, got {getattr(self, name)!r}")
        if self.processes < 0 or self.result_bytes < 0:
            raise ValueError("Limits.processes and Limits.result_bytes must not be negative")


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    """Result of one run, or of one cell of a session."""

    status: Status
    exit_code: int | None
    """None when a signal ended the process, and for a session that continues."""
    stdout: str
    stderr: str
    """Ends with the traceback, trimmed to the program's own frames, when the status is exception."""
    truncated: bool
    """Whether the middle of stdout or stderr was cut out."""
    wall_seconds: float
    cpu_seconds: float
    isolation: str
    result: str | None = None
    """A session cell's last expression, as a notebook echoes it."""
    reason: str = ""
    """Limit or signal that ended the run, or the sandbox's own failure."""

    @property
    def ok(self) -> bool:
        return self.status is Status.OK
