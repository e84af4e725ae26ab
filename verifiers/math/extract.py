r"""Finds the answer in a completion, in time linear in its length.

Looked for in this order: the last balanced `\boxed{}`, an answer marker ("The answer is", "Answer:", "####", "A:"),
the last mathematics between delimiters, the whole completion if it looks like an answer, the last number. The last two
are guesses and are left out when strict.
"""

import re
from dataclasses import dataclass

LIMIT = 1_000_000
"""Characters of a completion that are read at most."""

_BRACES = re.compile(r"\\(?:boxed|fbox)\s*+\{|\\.|[{}]", re.DOTALL)
_DELIMITERS = re.compile(r"\\[()\[\]]|\\.|\$\$?", re.DOTALL)
_CLOSING = {"$": "$", "$$": "$$", "\\(": "\\)", "\\[": "\\]"}
_MARKER = re.compile(
    r"\banswer(?:[*_ ]{0,4}:[*_ ]{0,4}| is:?| =)|^ {0,8}(?:####|(?-i:A:))", re.IGNORECASE | re.MULTILINE
)
_SENTENCE_END = re.compile(r"[.!?](?=\s+[A-Z<]|\s*$)|<\||\n")
_PROSE = re.compile(r"(?<![\\{A-Za-z])[A-Za-z]{2,}+\s++[A-Za-z]{2,}+\s++[A-Za-z]{2}")
_NUMBER = re.compile(r"(?<![\w.,])(?:-\s?|−\s?)?\$?(?:[0-9]|\.[0-9])[0-9.,]*+(?:/[0-9]++)?+(?:\s?\\?%)?")
_BOLD = re.compile(r"\*\*([^*\n]++)\*\*")
_LEADING_NUMBER = re.compile(r"[-−]?\$?[0-9][0-9.,]*+(?:/[0-9]++)?+")
_QUESTION = re.compile(r"[^.!?\n]*+\?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Extraction:
    """An answer found in a completion."""

    text: str | None
    """The answer as written; None if there is none."""
    method: str
    """boxed, marker, math, whole, number, none, or over_limit for a completion that is too long to read."""


def extract(completion: str, *, strict: bool = False) -> Extraction:
    r"""Return the answer that a completion ends on.

    >>> extract("<think>2 or 3?</think>It is \\boxed{\\frac{1}{2}}.").text
    '\\frac{1}{2}'
    """
    if len(completion) > LIMIT:
        return Extraction(text=None, method="over_limit")
    text = strip_thinking(completion)
    finders = [("boxed", last_boxed), ("marker", _marked), ("math", _last_math)]
    if not strict:
        finders += [("whole", _whole), ("number", _last_number)]
    for method, find in finders:
        found = find(text)
        if found is not None:
            # An empty box is a decision of the writer, so nothing further is guessed from the text around it.
            return Extraction(text=found.strip() or None, method=method if found.strip() else "none")
    return Extraction(text=None, method="none")


def strip_thinking(text: str) -> str:
    """Return what follows the thinking block; empty if one was opened and never closed.

    >>> strip_thinking("so 2</think> 3"), strip_thinking("<think>so 2"), strip_thinking("3")
    (' 3', '', '3')
    """
    after = text.rpartition("</think>")[2]
    return "" if after.lstrip().startswith("<think>") else after


def last_boxed(text: str) -> str | None:
    r"""Return what the last closed `\boxed{...}` or `\fbox{...}` holds, the innermost of nested ones."""
    if "\\boxed" not in text and "\\fbox" not in text:
        return None
    opened: list[int | None] = []
    best: tuple[int, int] | None = None
    for token in _BRACES.finditer(text):
        if token[0] == "{":
            opened.append(None)
        elif token[0] == "}":
            start = opened.pop() if opened else None
            if start is not None and (best is None or start > best[0]):
                best = (start, token.start())
        elif token[0].endswith("{") and len(token[0]) > 2:
            opened.append(token.end())
    return None if best is None else text[best[0] : best[1]]


def math_segments(text: str) -> list[tuple[int, int, int, int]]:
    r"""Return (start, inner start, inner end, end) of each `$...$`, `$$...$$`, `\(...\)` and `\[...\]`."""
    found = []
    opened: re.Match[str] | None = None
    for token in _DELIMITERS.finditer(text):
        if opened is None:
            opened = token if token[0] in _CLOSING else None
        elif token[0] == "$" == opened[0] and _is_currency(text, opened, token):
            opened = token
        elif token[0] == _CLOSING[opened[0]]:
            found.append((opened.start(), opened.end(), token.start(), token.end()))
            opened = None
    return found


def _is_currency(text: str, opened: re.Match[str], closed: re.Match[str]) -> bool:
    """Tell whether two dollar signs stand before amounts of money and not around mathematics."""
    before_digit = text[closed.end() : closed.end() + 1].isdigit()
    inner = text[opened.end() : closed.start()]
    return (
        before_digit or "\n" in inner or "<<" in inner or inner.rstrip().endswith(("=", "+", "-", "–", "−", "*", "/"))
    )


def _marked(text: str) -> str | None:
    marker = None
    for marker in _MARKER.finditer(text):  # noqa: B007 - the last one is wanted
        pass
    if marker is None:
        return None
    found = _sentence(_BOLD.sub(r"\1", text[marker.end() :]).lstrip(" *_:\t\n")).strip().strip("*_").strip()
    reasoning = len(found.split()) > 8 and not re.search(r"[0-9\\$]", found)  # "Answer: Let us first look at ..."
    return None if reasoning else found or None


def _sentence(rest: str) -> str:
    """Return the answer at the start of the text after a marker."""
    segments = math_segments(rest[:20_000])
    first = segments[0] if segments else None
    if first and first[0] == 0:
        return _with_unit(rest, first)
    for end in _SENTENCE_END.finditer(rest):
        if not any(s[0] < end.start() < s[3] for s in segments[:50]):
            rest = rest[: end.start()]
            break
    number = _LEADING_NUMBER.match(rest)
    if number and " is " in rest:
        return number[0].rstrip(".,")  # "5, which is the smaller one"
    head, verb, tail = rest.rpartition(" is ")
    return _sentence(tail.lstrip()) if verb and head else rest


def _with_unit(rest: str, segment: tuple[int, int, int, int]) -> str:
    """Return the segment's inside, with a percent sign that follows it and with further segments of a list."""
    line = rest[segment[3] :].partition("\n")[0]
    inner = rest[segment[1] : segment[2]]
    if re.match(r"\s*(?:,|and\b|or\b)\s*(?:and\b|or\b)?\s*(?:\$|\\\()", line):
        return rest[: segment[3]] + (_SENTENCE_END.split(line, maxsplit=1)[0])
    unit = re.match(r"\s*(?:\\?%|percent\b|pct\b)", line)
    return inner + (unit[0] if unit else "")


def _last_math(text: str) -> str | None:
    for start, inner, stop, end in reversed(math_segments(text)[-3:]):
        found = text[inner:stop]
        if found.strip() and not _PROSE.search(found[:2000]):
            return _with_unit(text[start : end + 20], (0, inner - start, stop - start, end - start))
    return None


def _whole(text: str) -> str | None:
    found = text.strip()
    if not found or len(found) > 300 or "\n" in found or _PROSE.search(found):
        return None
    return found.removesuffix(".")


def _last_number(text: str) -> str | None:
    number = None
    for number in _NUMBER.finditer(text):  # noqa: B007 - the last one is wanted
        pass
    if number is None or _QUESTION.match(text, number.end()):
        return None  # a number inside a question is not an answer
    return number[0].rstrip(".,")
