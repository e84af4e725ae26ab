"""What runs inside a child, after all walls are up. Each entry is a module with `main(channels, payload) -> int`.

Everything here shares its memory with hostile code. Nothing that it says is believed outside; it is only passed on.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from importlib import import_module
from importlib.util import find_spec

from ..channel import Channel

ENTRIES = {"program": "program", "session": "session", "candidate": "candidate", "tester": "tester"}
"""Entry name -> module in this package. The zygote refuses any other name."""


class Note(IntEnum):
    """How the child says it ended: a label for the exit code, not a verdict."""

    NOTHING = 0
    EXCEPTION = 1
    MEMORY = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Channels:
    """What a child holds besides stdin, stdout and stderr."""

    link: Channel | None
    """To the other child of the launch."""
    result: Channel | None
    """To the owner. Only `write` makes sense."""
    control: Channel | None
    """A session's orders and answers."""
    note: Callable[[Note], None]
    """Tell why the exit code is not 0."""


Entry = Callable[[Channels, bytes], int]


def load_entries() -> dict[str, Entry]:
    """Import the entries that there are."""
    found = {}
    for entry, module in ENTRIES.items():
        if find_spec(f".{module}", __name__) is not None:
            found[entry] = import_module(f".{module}", __name__).main
    return found
