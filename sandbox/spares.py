"""Children, and those that wait for their job: forked ahead of it, walled in, holding nothing of anybody's.

A spare is used once, like any other child. There are few, and they end with the zygote.
"""

import socket
import time
from collections import deque
from dataclasses import dataclass, field

from .box import Box
from .child import Kind

TICK_SECONDS = 0.04
SPARE_LIMIT = 8
_ALIKE = 2
"""Spares of one kind: a program and its tester may be of the same."""


@dataclass(slots=True, eq=False)
class Child:
    """One process that the zygote has forked. Without a launch it is a spare."""

    pid: int
    pidfd: int
    kind: Kind
    box: Box
    line: socket.socket
    """Takes the child's job there, and brings back what it says before it begins."""
    launch: "Launch | None" = None
    index: int = 0
    began: bool = False
    """Whether it has said that it has its job and begins."""
    failure: str = ""
    """Why it could not begin."""
    listener: int = -1
    forks_allowed: int = 0
    forks: int = 0
    killed_for: str = ""
    next_look: float = 0.0

    def begin(self, launch: "Launch", index: int) -> None:
        """Belong to a launch from now on."""
        self.launch, self.index = launch, index
        launch.children[index] = self
        self.next_look = time.monotonic() + TICK_SECONDS / 2


@dataclass(slots=True)
class Launch:
    """Tasks that were started together. `events` is where the owner hears of them."""

    number: int
    events: socket.socket
    children: dict[int, Child] = field(default_factory=dict)


class Spares:
    """Which spares there are, and of which kinds there should be more: those that were used last.

    >>> Spares().next_kind() is None
    True
    """

    def __init__(self) -> None:
        self._waiting: list[Child] = []
        self._wanted: deque[Kind] = deque(maxlen=SPARE_LIMIT)

    @property
    def wanted(self) -> bool:
        """Whether a kind of child has been used since spares were last looked after."""
        return bool(self._wanted)

    def __len__(self) -> int:
        return len(self._waiting)

    def take(self, kind: Kind) -> Child | None:
        """Return a spare of a kind, which is then none any more; None when there is none."""
        for place, child in enumerate(self._waiting):
            if child.kind == kind:
                return self._waiting.pop(place)
        return None

    def add(self, child: Child) -> None:
        """Keep a new spare."""
        self._waiting.append(child)

    def remove(self, child: Child) -> None:
        """Forget a child that died waiting."""
        if child in self._waiting:
            self._waiting.remove(child)

    def want(self, kind: Kind) -> None:
        """Ask for a spare of a kind that has just been used. A session is too rare and too large to keep one."""
        if not kind.session:
            self._wanted.append(kind)

    def next_kind(self) -> Kind | None:
        """Return the kind that the next spare should have; None when there are enough."""
        while self._wanted:
            kind = self._wanted.popleft()
            if sum(child.kind == kind for child in self._waiting) < _ALIKE:
                return kind
        return None

    def surplus(self) -> Child | None:
        """Return the spare to give up for another one: the one that has waited longest. None while there is room."""
        return self._waiting.pop(0) if len(self._waiting) >= SPARE_LIMIT else None
