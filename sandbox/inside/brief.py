"""Shows values as short text in reports: bounded in time and length, calling no method of the value."""

import contextlib
from typing import Any

_MAX_ITEMS = 60
_MAX_CHARACTERS = 400
_PAIRS: dict[type, tuple[str, str]] = {list: ("[", "]"), tuple: ("(", ")"), set: ("{", "}"), dict: ("{", "}")}


def brief(value: Any) -> str:
    """Return a value as a short text.

    >>> brief([1, "a"] * 100)[-12:]
    "'a', ...200]"
    """
    text = _brief(value, 0)
    return text if len(text) <= _MAX_CHARACTERS else f"{text[: _MAX_CHARACTERS - 20]} ... {text[-12:]}"


def _brief(value: Any, depth: int) -> str:
    kind = type(value)
    if kind in (str, bytes, bytearray):
        return repr(value) if len(value) <= _MAX_CHARACTERS else f"{value[:_MAX_CHARACTERS]!r}...{len(value)}"
    if kind is int:
        return repr(value) if value.bit_length() < 4000 else f"an integer of {value.bit_length()} bits"
    if kind in _PAIRS:
        opening, closing = _PAIRS[kind]
        if depth > 6:
            return f"{opening}...{closing}"
        parts: list[str] = []
        for item in value:
            if len(parts) == _MAX_ITEMS:
                parts.append(f"...{len(value)}")
                break
            parts.append(_brief(item, depth + 1) + (f": {_brief(value[item], depth + 1)}" if kind is dict else ""))
        comma = "," if kind is tuple and len(value) == 1 else ""
        return f"{opening}{', '.join(parts)}{comma}{closing}" if parts or kind is not set else "set()"
    if kind.__module__ in ("builtins", "fractions", "decimal", "datetime"):
        # An integer inside may have more digits than Python prints, an object's own text may raise anything.
        with contextlib.suppress(BaseException):
            return repr(value)[:_MAX_CHARACTERS]
    return kind.__name__ if kind.__module__ == "collections" else f"<{kind.__name__}>"


def text_of(error: BaseException) -> str:
    """Return an exception's text, cut; its arguments may have none."""
    try:
        return str(error)[:300]
    except BaseException:  # noqa: BLE001 - an argument's text may raise anything
        return "a text that cannot be shown"
