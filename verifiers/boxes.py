r"""Finds `\boxed{...}` and `\fbox{...}` in a text, in time linear in its length. Imports nothing heavy."""

import re

_MAX_SCANNED = 50_000
"""Characters that are searched for the ends of boxes."""
_MAX_BOXES = 60
_BRACES = re.compile(r"\\.|[{}]", re.DOTALL)
_BOX = re.compile(r"\\(?:boxed|fbox)\s*+(\{)?")
_BARE_BOX = re.compile(r"\\boxed\s+([^\s${}\\.,]+)")
_LIST_GAP = re.compile(
    r"(?:[.,;]?\s*)?(?:(?:[\w()]+ ){0,5}(?:and|or(?: maybe| perhaps| possibly)?)|,|;|/|\\&|&|,\s*(?:and|or))\s*"
    r"(?:[A-Za-z](?:_\{?\w+\}?)?\s*=)?",
    re.DOTALL,
)
_GAP_NOISE = re.compile(r"\$|\\[()\[\]]|\\q?quad|\\[,;:! ]|\\(?:text|textbf|mbox|mathrm)\s*\{([^{}]*)\}|\s+|~")
_PERCENT = re.compile(r"[\s$]*(?:\\\))?\s*(?:\\?%|percent\b|pct\b)")


def joined_boxes(text: str) -> str | None:
    r"""Return what the last closed box holds, with boxes before it if the text between makes them one list.

    >>> joined_boxes(r"$\boxed{1}$ and $\boxed{2}$"), joined_boxes(r"first \boxed{1}. So \boxed{2}")
    ('1, 2', '2')
    """
    last = _last_box(text)
    if last is None:
        return None
    found = text[last[1] : last[2]]
    if text.find("\\boxed", 0, last[0]) >= 0 or text.find("\\fbox", 0, last[0]) >= 0:
        parts, separator = _list_of_boxes(text, last)
        found = separator.join(parts)
    percent = _PERCENT.match(text, last[2] + 1)
    return found + "\\%" if percent and "%" not in found and found.strip() else found


def last_boxed(text: str) -> str | None:
    r"""Return what the last closed `\boxed{...}` or `\fbox{...}` holds, the innermost of nested ones."""
    span = _last_box(text)
    return None if span is None else text[span[1] : span[2]]


def open_box(text: str) -> int:
    """Return where the last box starts if it is cut off before its end, else -1."""
    at = max(text.rfind("\\boxed"), text.rfind("\\fbox"))
    head = _BOX.match(text, at) if at >= 0 else None
    return at if head and head[1] and _box_at(text, at, at + _MAX_SCANNED) is None else -1


def _last_box(text: str) -> tuple[int, int, int] | None:
    """Return where the last box starts, and where its inside starts and ends; None if it is cut off."""
    at = len(text)
    for _ in range(_MAX_BOXES):
        at = max(text.rfind("\\boxed", 0, at), text.rfind("\\fbox", 0, at))
        if at < 0:
            return None
        head = _BOX.match(text, at)
        if (span := _box_at(text, at, min(len(text), at + _MAX_SCANNED))) or (head and head[1]):
            return span  # an earlier box is no answer where the last one is cut off: it may have been given up
    return None


def _box_at(text: str, at: int, limit: int) -> tuple[int, int, int] | None:
    head = _BOX.match(text, at)
    if head is None or head[1] is None:
        bare = _BARE_BOX.match(text, at)
        return (at, bare.start(1), bare.end(1)) if bare else None
    depth = 0
    for token in _BRACES.finditer(text, head.end(), limit):
        if token[0] == "}":
            if depth == 0:
                return at, head.end(), token.start()
            depth -= 1
        elif token[0] == "{":
            depth += 1
    return None


def _list_of_boxes(text: str, last: tuple[int, int, int]) -> tuple[list[str], str]:
    """Return the contents of the last box and of earlier boxes joined to it by text such as ", " or " and "."""
    parts, separator, following = [text[last[1] : last[2]]], ", ", last[0]
    while len(parts) < _MAX_BOXES:
        start = max(text.rfind("\\boxed", 0, following), text.rfind("\\fbox", 0, following))
        span = _box_at(text, start, following) if start >= 0 else None
        gap = text[span[2] + 1 : following] if span else ""
        plain = " ".join(_GAP_NOISE.sub(lambda m: f" {m[1]} " if m[1] else " ", gap).split()) if len(gap) < 120 else "."
        if span is None or not _LIST_GAP.fullmatch(plain):
            break
        if re.search(r"\bor\b", plain):
            separator = " or "
        parts.insert(0, text[span[1] : span[2]])
        following = start
    return parts, separator
