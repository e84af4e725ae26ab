"""Rollouts under way, saved as they grow, so that a kill costs the last moment and not the whole rollout.

Each JSON line is what a rollout has gained since its previous line; the file goes with its last rollout.
"""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Self

from ..records import Message, Rollout, Row, Usage, to_messages
from ..store import read_rows, store_errors, write_atomic
from .strategies.base import LASTING_ANNOTATIONS, Attempt

FLUSH_SECONDS = 0.02
"""Time within which notes are written together; a kill costs no more."""
_PER_ROLLOUT_SECONDS = 0.0005
"""Addition to it per rollout under way, so that many rollouts do not write all the time."""
_COMPACT_BYTES = 64 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class PartialRollout:
    """The part of a rollout that exists: under way, or truncated by a smaller cap."""

    messages: tuple[Message, ...] = ()
    usage: Usage = field(default_factory=Usage)
    seconds: float = 0.0
    tools: tuple[Row, ...] = ()
    annotations: Row = field(default_factory=dict)

    @classmethod
    def of(cls, rollout: Rollout) -> Self:
        """Return a stored rollout as the part to resume."""
        kept = {name: getattr(rollout, name) for name in ("usage", "seconds", "tools", "annotations")}
        return cls(messages=rollout.completion, **kept)

    def continued(self, attempt: Attempt) -> "PartialRollout":
        """Return this part with an attempt that resumed it; an empty part with a first attempt."""
        lasting = {name: value for name, value in self.annotations.items() if name in LASTING_ANNOTATIONS}
        return PartialRollout(
            messages=attempt.messages,
            usage=self.usage + attempt.usage,
            seconds=self.seconds + attempt.seconds,
            tools=attempt.tools,
            annotations={**lasting, **attempt.annotations},
        )

    def to_row(self) -> Row:
        """Return a line that holds all of it."""
        return PartialRollout().step(self)

    def step(self, later: "PartialRollout") -> Row:
        """Return the line that leads from this state to a later one."""
        same = next((i for i, (a, b) in enumerate(zip(self.messages, later.messages, strict=False)) if a != b), None)
        at = min(len(self.messages), len(later.messages)) if same is None else same
        row: Row = {"at": at, "usage": asdict(later.usage), "seconds": round(later.seconds, 3)}
        if later.tools != self.tools:
            row["tools"] = list(later.tools)
        if later.annotations != self.annotations:
            row["annotations"] = later.annotations
        is_last = at == len(self.messages) - 1 and at < len(later.messages)
        if is_last and (gained := _gained(self.messages[at], later.messages[at])):
            row |= gained
            at += 1
        row["then"] = [m.to_row() for m in later.messages[at:]]
        return row

    def after(self, row: Row) -> "PartialRollout":
        """Return the state after a line of `step`."""
        kept = list(self.messages[: row["at"]])
        if "content" in row:
            last = self.messages[row["at"]]
            reasoning = (last.reasoning or "") + row["reasoning"] if "reasoning" in row else last.reasoning
            kept.append(replace(last, content=last.content + row["content"], reasoning=reasoning))
        return PartialRollout(
            messages=(*kept, *to_messages(row["then"])),
            usage=Usage(**row["usage"]),
            seconds=row["seconds"],
            tools=tuple(row.get("tools", self.tools)),
            annotations=row.get("annotations", self.annotations),
        )


def _gained(old: Message, new: Message) -> Row | None:
    if (old.role, old.tool_calls) != (new.role, new.tool_calls) or not new.content.startswith(old.content):
        return None
    row: Row = {"content": new.content[len(old.content) :]}
    if new.reasoning != old.reasoning:
        if new.reasoning is None or not new.reasoning.startswith(old.reasoning or ""):
            return None
        row["reasoning"] = new.reasoning[len(old.reasoning or "") :]
    return row


class PartialLog:
    """Partial rollouts of one table. Use it as a context manager in an event loop, while holding the folder's lock."""

    def __init__(self, folder: Path) -> None:
        self.folder, self._path = folder, folder / "log.jsonl"
        self._states: dict[str, PartialRollout] = {}
        self._waiting: dict[str, PartialRollout] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._file: Any = None
        self._size = 0

    def __enter__(self) -> Self:
        if self._path.exists():
            for row in read_rows(self._path):
                self._states[row["id"]] = self._states.get(row["id"], PartialRollout()).after(row)
            self._rewrite()
        return self

    def __exit__(self, *_: object) -> None:
        self.flush()
        if self._path.exists():
            self._rewrite()
            if not self._states:
                self._path.unlink()
                self.folder.rmdir()

    def get(self, identifier: str) -> PartialRollout | None:
        """Return what an earlier process, or an earlier try, left of a rollout."""
        return self._waiting.get(identifier) or self._states.get(identifier)

    def ids(self) -> Sequence[str]:
        return [*self._states]

    def note(self, identifier: str, part: PartialRollout) -> None:
        """Save a rollout so far: another turn at once, since it was paid for, and a longer one soon."""
        known = self.get(identifier) or PartialRollout()
        self._waiting[identifier] = part
        if len(part.messages) > len(known.messages) or any(m.tool_calls for m in part.messages[-1:]):
            self.flush()
        elif self._timer is None:
            wait = FLUSH_SECONDS + _PER_ROLLOUT_SECONDS * len(self._states)
            self._timer = asyncio.get_running_loop().call_later(wait, self.flush)

    def forget(self, identifier: str) -> None:
        self._waiting.pop(identifier, None)
        self._states.pop(identifier, None)

    def flush(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if not self._waiting:
            return
        states = self._states
        data = b"".join(_line(i, states.get(i, PartialRollout()).step(part)) for i, part in self._waiting.items())
        states.update(self._waiting)
        self._waiting.clear()
        with store_errors(self.folder):
            if self._file is None:
                self.folder.mkdir(parents=True, exist_ok=True)
                self._file = self._path.open("ab", buffering=0)
                self._size = self._file.tell()
            self._file.write(data)
        self._size += len(data)
        if self._size > _COMPACT_BYTES:
            self._rewrite()

    def _rewrite(self) -> None:
        text = b"".join(_line(i, part.to_row()) for i, part in self._states.items()).decode("ascii")
        if self._file is not None:
            self._file.close()
            self._file = None
        write_atomic(self._path, text)
        self._size = self._path.stat().st_size


def _line(identifier: str, row: Row) -> bytes:
    return json.dumps({"id": identifier, **row}, separators=(",", ":")).encode() + b"\n"
