"""Rollouts that are under way, saved as they grow, so that a kill costs the last moment and not the whole.

One file of JSON lines, each what a rollout has gained since its line before. What is finished is forgotten; the file
goes when nothing is left in it.
"""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from ..records import Message, Row, Usage, to_messages
from ..store import read_rows, store_errors, write_atomic
from .strategies.base import LASTING_MARKS, Attempt

FLUSH_SECONDS = 0.02
"""What comes within this time is written together; a kill costs no more."""
_PER_ROLLOUT_SECONDS = 0.0005
"""Added for each rollout under way, so that many of them do not write all the time."""
_COMPACT_BYTES = 64 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """What there is of a rollout."""

    messages: tuple[Message, ...] = ()
    usage: Usage = field(default_factory=Usage)
    seconds: float = 0.0
    tools: tuple[Row, ...] = ()
    marks: Row = field(default_factory=dict)

    def to_row(self) -> Row:
        """Return the line that says it all."""
        return {"at": 0, "then": [m.to_row() for m in self.messages], **self._costs(), **self._noticed(Begun())}

    def step(self, later: "Begun") -> Row:
        """Return the line that makes `later` of this."""
        same = next((i for i, (a, b) in enumerate(zip(self.messages, later.messages, strict=False)) if a != b), None)
        at = min(len(self.messages), len(later.messages)) if same is None else same
        row: Row = {"at": at, **later._costs(), **later._noticed(self)}
        if at == len(self.messages) - 1 and at < len(later.messages):
            gained = _gained(self.messages[at], later.messages[at])
            if gained is not None:
                row |= gained
                at += 1
        row["then"] = [m.to_row() for m in later.messages[at:]]
        return row

    def after(self, row: Row) -> "Begun":
        """Return what this is after a line."""
        kept = list(self.messages[: row["at"]])
        if "content" in row:
            last = self.messages[row["at"]]
            reasoning = (last.reasoning or "") + row["reasoning"] if "reasoning" in row else last.reasoning
            kept.append(
                Message(
                    role=last.role,
                    content=last.content + row["content"],
                    reasoning=reasoning,
                    tool_calls=last.tool_calls,
                )
            )
        messages = (*kept, *to_messages(row["then"]))
        return Begun(
            messages=messages,
            usage=Usage(**row["usage"]),
            seconds=row["seconds"],
            tools=tuple(row.get("tools", self.tools)),
            marks=row.get("marks", self.marks),
        )

    def _costs(self) -> Row:
        return {"usage": asdict(self.usage), "seconds": round(self.seconds, 3)}

    def _noticed(self, before: "Begun") -> Row:
        """Return tools and marks where they are not those of before."""
        tools: Row = {"tools": list(self.tools)} if self.tools != before.tools else {}
        return tools | ({"marks": self.marks} if self.marks != before.marks else {})


def _gained(old: Message, new: Message) -> Row | None:
    """Return what a message has gained at its end, or None where it changed otherwise."""
    if (old.role, old.tool_calls) != (new.role, new.tool_calls) or not new.content.startswith(old.content):
        return None
    row: Row = {"content": new.content[len(old.content) :]}
    if new.reasoning != old.reasoning:
        if new.reasoning is None or not new.reasoning.startswith(old.reasoning or ""):
            return None
        row["reasoning"] = new.reasoning[len(old.reasoning or "") :]
    return row


class PartialLog:
    """The rollouts under way of one table. Use as a context manager in an event loop, while holding the folder's lock.

    `begun(id)` is what an earlier process, or an earlier try, left of a rollout.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._path = folder / "log.jsonl"
        self._states: dict[str, Begun] = {}
        self._waiting: dict[str, Begun] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._file: Any = None
        self._size = 0

    def __enter__(self) -> Self:
        if self._path.exists():
            for row in read_rows(self._path):
                self._states[row["id"]] = self._states.get(row["id"], Begun()).after(row)
            self._rewrite()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.flush()
        if not self._path.exists():
            return
        self._rewrite()
        if not self._states:
            self._path.unlink()
            self.folder.rmdir()

    def begun(self, identifier: str) -> Begun | None:
        """Return what there is of a rollout, if anything."""
        return self._waiting.get(identifier) or self._states.get(identifier)

    def ids(self) -> Sequence[str]:
        """Return the rollouts of which something is there."""
        return [*self._states]

    def note(self, identifier: str, begun: Begun) -> None:
        """Save what there is of a rollout: a further turn at once, since it was paid for, and a longer one soon."""
        known = self.begun(identifier) or Begun()
        self._waiting[identifier] = begun
        if len(begun.messages) > len(known.messages) or any(m.tool_calls for m in begun.messages[-1:]):
            self.flush()
        elif self._timer is None:
            wait = FLUSH_SECONDS + _PER_ROLLOUT_SECONDS * len(self._states)
            self._timer = asyncio.get_running_loop().call_later(wait, self.flush)

    def forget(self, identifier: str) -> None:
        """Drop a rollout that is finished and stored."""
        self._waiting.pop(identifier, None)
        self._states.pop(identifier, None)

    def flush(self) -> None:
        """Write what waits."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if not self._waiting:
            return
        lines = []
        for identifier, begun in self._waiting.items():
            row = self._states.get(identifier, Begun()).step(begun)
            lines.append(_line(identifier, row))
            self._states[identifier] = begun
        self._waiting.clear()
        with store_errors(self.folder):
            if self._file is None:
                self.folder.mkdir(parents=True, exist_ok=True)
                self._file = self._path.open("ab", buffering=0)
                self._size = self._file.tell()
            data = b"".join(lines)
            self._file.write(data)
        self._size += len(data)
        if self._size > _COMPACT_BYTES:
            self._rewrite()

    def _rewrite(self) -> None:
        """Leave one line for each rollout."""
        text = b"".join(_line(i, begun.to_row()) for i, begun in self._states.items()).decode("ascii")
        if self._file is not None:
            self._file.close()
            self._file = None
        write_atomic(self._path, text)
        self._size = self._path.stat().st_size


def of_attempt(attempt: Attempt, before: Begun | None) -> Begun:
    """Return what there is of a rollout when an attempt has come so far; `before` is what it went on from."""
    begun = before or Begun()
    lasting = {name: mark for name, mark in begun.marks.items() if name in LASTING_MARKS}
    return Begun(
        messages=attempt.messages,
        usage=begun.usage + attempt.usage,
        seconds=begun.seconds + attempt.seconds,
        tools=attempt.tools,
        marks={**lasting, **attempt.marks},
    )


def _line(identifier: str, row: Row) -> bytes:
    return json.dumps({"id": identifier, **row}, separators=(",", ":")).encode() + b"\n"
