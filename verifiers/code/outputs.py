"""Compares printed output with the expected output: line by line, token by token. Linear in the length.

Line ends and trailing blanks do not count; the number of lines and of tokens does. A token must be the expected text;
only where the expected token is a decimal fraction or has an exponent, a number within the tolerance will do. Integers
never pass through a float.
"""

import re
from dataclasses import dataclass
from decimal import Decimal, localcontext

TOLERANCE = Decimal("1e-6")
"""Absolute or relative, whichever is wider."""
MAX_DIGITS = 50
"""Digits of a difference that count."""
_FRACTION = re.compile(r"\.|[eE][+-]")
"""What makes a number a fraction. `1e2` alone does not: no language prints it, and it may be in base 16."""
_FLOAT = re.compile(r"[+-]?(?:\d{1,400}\.\d{0,400}|\.\d{1,400}|\d{1,400})(?:[eE][+-]?\d{1,4})?", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """The first place where two outputs differ."""

    line: int
    expected: str
    got: str


def difference(output: str, expected: str) -> Difference | None:
    """Return the first difference between an output and the expected one, or None where they agree.

    >>> difference("1 2.0000001\\r\\n\\n", "1 2.0") is None
    True
    >>> difference("1\\n2\\n3", "1\\n2")
    Difference(line=3, expected='no more lines', got='3')
    """
    got_lines, wanted_lines = _lines(output), _lines(expected)
    for number, (got, wanted) in enumerate(zip(got_lines, wanted_lines, strict=False), start=1):
        if got != wanted:
            tokens, expected_tokens = got.split(), wanted.split()
            if len(tokens) != len(expected_tokens) or not all(map(_token_agrees, tokens, expected_tokens)):
                return Difference(line=number, expected=_cut(wanted), got=_cut(got))
    common = min(len(got_lines), len(wanted_lines))
    if len(got_lines) == len(wanted_lines):
        return None
    more = [lines[common] if len(lines) > common else "no more lines" for lines in (wanted_lines, got_lines)]
    return Difference(line=common + 1, expected=_cut(more[0]), got=_cut(more[1]))


def _lines(text: str) -> list[str]:
    text = text.replace("\r\n", "\n").replace("\r", "\n").rstrip()
    return text.split("\n") if text else []


def _token_agrees(got: str, wanted: str) -> bool:
    if got == wanted:
        return True
    if not _FRACTION.search(wanted) or _FLOAT.fullmatch(wanted) is None or _FLOAT.fullmatch(got) is None:
        return False
    expected, number = Decimal(wanted), Decimal(got)  # exact, and without infinity
    with localcontext(prec=MAX_DIGITS):
        return abs(number - expected) <= TOLERANCE * max(Decimal(1), abs(expected))


def _cut(line: str) -> str:
    return line if len(line) <= 200 else f"{line[:180]}...{len(line)}"
