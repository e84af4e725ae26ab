"""Records of children and launches, and the spares: confined children forked ahead of their job.

A spare is used once, like any other child. Spares are few and end with the zygote.
"""

import socket
import time
from collections import deque
from dataclasses import dataclass, field

from .box import Box
from .child import Kind

TICK_SECONDS = 0.04
MAX_SPARES = 8
_MAX_ALIKE = 2
"""Spares of one kind: a program and its tester may be of the same kind."""


@dataclass(slots=True, eq=False)
class Child:
    """One forked process. Without a launch it is a spare."""

    pid: int
    pidfd: int
    kind: Kind
    box: Box
    line: socket.socket
    """Carries the job to the child, and the child's messages until it begins."""
    launch: "Launch | None" = None
    index: int = 0
    began: bool = False
    """Whether it has reported that its job begins."""
    failure: str = ""
    """Reason why it could not begin."""
    listener: int = -1
    members: dict[int, "Member"] = field(default_factory=dict)
    """In a session: the processes that may continue it, by the owner's key."""
    orphans: dict[int, float] = field(default_factory=dict)
    """In a session: processes without a parent that the owner has not named, and when each was first seen."""
    forks: int = 0
    killed_for: str = ""
    next_look: float = 0.0

    def begin(self, launch: "Launch", index: int) -> None:
        """Join a launch."""
        self.launch, self.index = launch, index
        launch.children[index] = self
        self.next_look = time.monotonic() + TICK_SECONDS / 2


@dataclass(slots=True)
class Member:
    """A process of a session, as the owner named it."""

    pid: int
    pidfd: int
    home: str
    forks_allowed: int = 0


@dataclass(slots=True)
class Launch:
    """Tasks that were started together. `events` is the socket to the owner."""

    number: int
    events: socket.socket
    children: dict[int, Child] = field(default_factory=dict)


class Spares:
    """The waiting spares, and the kinds used last, of which more should be made.

    >>> Spares().next_kind() is None
    True
    """

    def __init__(self) -> None:
        self._waiting: list[Child] = []
        self._wanted: deque[Kind] = deque(maxlen=MAX_SPARES)

    @property
    def wanted(self) -> bool:
        """Whether a kind has been used for which no spare has been considered yet."""
        return bool(self._wanted)

    def __len__(self) -> int:
        return len(self._waiting)

    def take(self, kind: Kind) -> Child | None:
        """Remove and return a spare of a kind, or None."""
        place = next((place for place, child in enumerate(self._waiting) if child.kind == kind), None)
        return None if place is None else self._waiting.pop(place)

    def add(self, child: Child) -> None:
        self._waiting.append(child)

    def remove(self, child: Child) -> None:
        if child in self._waiting:
            self._waiting.remove(child)

    def want(self, kind: Kind) -> None:
        """Request a spare of a kind that has just been used, except of sessions, which are rare and large."""
        if not kind.session:
            self._wanted.append(kind)

    def next_kind(self) -> Kind | None:
        """Return the kind of the next spare to make, or None."""
        while self._wanted:
            kind = self._wanted.popleft()
            if sum(child.kind == kind for child in self._waiting) < _MAX_ALIKE:
                return kind
        return None

    def surplus(self) -> Child | None:
        """Remove and return the oldest spare if there is no room for another; None otherwise."""
        return self._waiting.pop(0) if len(self._waiting) >= MAX_SPARES else None
