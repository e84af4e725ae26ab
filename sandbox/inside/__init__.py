"""Code inside a confined child. Each entry is a module with `main(channels, payload) -> int`.

Everything here shares its memory with hostile code. The owner trusts nothing that it says and only passes it on.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from importlib import import_module

from ..wire import Channel

ENTRIES = ("program", "session", "candidate", "tester")
"""Modules of this package. The zygote refuses any other name."""


class Note(IntEnum):
    """The child's own account of its end: a label for the exit code, not a verdict."""

    NOTHING = 0
    EXCEPTION = 1
    MEMORY = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Channels:
    """Connections of a child besides stdin, stdout and stderr."""

    link: Channel | None
    """To the other child of the launch."""
    result: Channel | None
    """To the owner, for `write` only."""
    control: Channel | None
    """Orders and answers of a session."""
    note: Callable[[Note], None]
    """Record why the exit code is not 0."""


Entry = Callable[[Channels, bytes], int]


def load_entries() -> dict[str, Entry]:
    """Import the entries."""
    return {entry: import_module(f".{entry}", __name__).main for entry in ENTRIES}
