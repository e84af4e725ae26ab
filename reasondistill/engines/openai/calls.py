"""Tool calls of an answer, joined from the pieces of a stream, whatever their numbering."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ...records import Row


@dataclass(slots=True)
class Calls:
    """Calls so far. Servers number pieces wrongly or not, name a call late, and make up ids or repeat them."""

    rows: list[Row] = field(default_factory=list)
    _places: dict[str, int] = field(default_factory=dict)
    """Position of the last call by the number that its pieces carry."""

    def add(self, piece: Mapping[str, Any], *, whole: bool) -> None:
        """Add a whole call, or a piece that begins or continues one."""
        function = piece.get("function") or {}
        given = function.get("arguments")
        text = given if isinstance(given, str) else "" if given is None else json.dumps(given, ensure_ascii=False)
        number = str(piece.get("index"))
        at = None if whole or not self.rows else self._continued(piece, function, text, number)
        if at is None:
            self._places[number] = len(self.rows)
            row = {key: value for key, value in piece.items() if key != "index"}
            self.rows.append(row | ({"function": {**function, "arguments": text}} if given is not None else {}))
            return
        call, known = self.rows[at], dict(self.rows[at].get("function") or {})
        before = known.get("arguments") or ""
        # Some servers send the arguments so far with each piece.
        repeats = before.startswith("{") and text.startswith(before)
        name, more = known.get("name") or "", function.get("name") or ""
        name += more if name != more and not before else ""  # a late name, or its next piece
        known |= {"name": name or more, "arguments": text if repeats else before + text}
        call |= {"id": call.get("id") or piece.get("id"), "function": known}

    def finished(self) -> tuple[Row, ...]:
        """Return the calls without those that are only the repeated name of another."""
        for row in self.rows:
            if (function := row.get("function")) and (once := _encoded_once(function.get("arguments"))):
                row["function"] = {**function, "arguments": once}
        named = [row for row in self.rows if row.get("id") or (row.get("function") or {}).get("arguments")]
        return tuple(named or self.rows)

    def _continued(self, piece: Mapping[str, Any], function: Mapping[str, Any], text: str, number: str) -> int | None:
        """Return the position of the call that a piece continues; None if it begins another one."""
        identifier, name = piece.get("id"), function.get("name")
        same = [i for i, row in enumerate(self.rows) if identifier and row.get("id") == identifier]
        at = same[-1] if same else self._places.get(number)
        if at is None and number != "None" and (identifier or name):
            return None
        at = len(self.rows) - 1 if at is None else at
        call, known = self.rows[at], self.rows[at].get("function") or {}
        before, other_id = known.get("arguments") or "", bool(identifier and call.get("id") and not same)
        if is_object(before):
            another = (text.lstrip().startswith("{") and text != before) or other_id or (name and known.get("name"))
            return None if another and not (same and not text.strip()) else at
        # Arguments that are no JSON yet, or bare code: only another call has both another id and a name.
        begins = other_id and name and before.strip() and (not before.lstrip().startswith("{") or is_object(text))
        return None if begins else at


def _encoded_once(text: object) -> str | None:
    while isinstance(text, str) and text.startswith('"'):
        try:
            text = json.loads(text)
        except (ValueError, RecursionError):
            return None
        if isinstance(text, str) and is_object(text):
            return text
    return None


def is_object(text: str) -> bool:
    """Return whether a text is a JSON object.

    >>> is_object('{"code": "1"}'), is_object('{"code": "1'), is_object("[]")
    (True, False, False)
    """
    if not text.rstrip().endswith("}"):
        return False
    try:
        return isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False
