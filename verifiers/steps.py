"""Checks a trace's own arithmetic: every equation of numbers in it is true, false, or not checkable.

A right final answer over wrong steps becomes visible. What is read: calculator annotations (`<<2+3=5>>`), mathematics
between delimiters, and equations of numbers in running text. Not checked: anything with variables or words in it, and
whether a step is the right one to take.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from itertools import pairwise
from operator import itemgetter

from .math.canonical import TooHard, canonical
from .math.extract import math_segments
from .math.parser import read
from .math.tokens import Unreadable
from .math.tree import Mul, Num, Quantity

MAX_STEPS = 500
_MAX_CHARACTERS = 200_000
_CALCULATOR = re.compile(r"<<([^<>=\n]{1,200}(?:=[^<>=\n]{1,200})+)>>")
_SIGN = re.compile(r"(?<![<>!:=])[=≈](?!=)")
_ARITHMETIC = set("0123456789.,+-*/×÷−()[]x $%")
_SEPARATOR = re.compile(r",\s")
_MAX_SIDE = 200
_EQUALS = re.compile(r"(?<![<>!:=])(=|≈|\\approx(?![A-Za-z])|\\simeq(?![A-Za-z]))(?!=)")
_ROWS = re.compile(r"\\\\|\\begin\{[a-z*]+\}|\\end\{[a-z*]+\}|\n")
_WORDS = re.compile(r"\\(?:text|mathrm|textbf)\s*\{[^{}]*\}|(?<![\\A-Za-z])[A-Za-z]{2,}(?![A-Za-z])|(?<=[0-9]) ?°")
_TIMES = re.compile(r"(?<=[0-9)])(?: ?× ?| x |x(?=[0-9(]))")
_BRACKETED = re.compile(r"[(\[]\s*-?[0-9.,]+\s*[)\]]\s*[=≈]")
_DECIMAL = re.compile(r"-?\$?\s*[0-9][0-9,]*\.([0-9]+)")


class Judged(StrEnum):
    """What a check says about one step."""

    TRUE = "true"
    FALSE = "false"
    NOT_CHECKABLE = "not_checkable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One equation of a trace."""

    text: str
    at: int
    """Where it starts in the completion."""
    judged: Judged
    reason: str = ""
    """What a false one should be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepCheck:
    """The steps of one trace, in its order."""

    steps: tuple[Step, ...]

    @property
    def checked(self) -> int:
        """How many steps are true or false."""
        return sum(step.judged is not Judged.NOT_CHECKABLE for step in self.steps)

    @property
    def soundness(self) -> float:
        """Estimated share of true steps, after Laplace's rule: 1/2 where none was checked, never quite 0 or 1.

        >>> check_steps("3 + 4 = 7, and 7 * 2 = 15").soundness, check_steps("Seven.").soundness
        (0.5, 0.5)
        """
        true = sum(step.judged is Judged.TRUE for step in self.steps)
        return (true + 1) / (self.checked + 2)


def check_steps(completion: str) -> StepCheck:
    """Judge every equation of a completion, its thinking among them.

    >>> [str(step.judged) for step in check_steps("3 + 4 = <<3+4=7>>7, and 7 * 2 = 15").steps]
    ['true', 'false']
    """
    found = sorted(_equations(completion[:_MAX_CHARACTERS]), key=itemgetter(0))
    steps = [step for at, text in found[:MAX_STEPS] for step in _judge_chain(at, text)]
    return StepCheck(steps=tuple(steps[:MAX_STEPS]))


def _equations(text: str) -> Iterator[tuple[int, str]]:
    taken: list[tuple[int, int]] = []
    for match in _CALCULATOR.finditer(text):
        taken.append(match.span())
        yield match.start(), match[1]
    for start, inner, stop, end in math_segments(text):
        taken.append((start, end))
        yield from _rows(text[inner:stop], inner)
    yield from _plain_equations(_blanked(text, taken))


def _rows(text: str, at: int) -> Iterator[tuple[int, str]]:
    """Split a display at its line ends; a row that starts with `=` goes on with the row before it."""
    position, carried = 0, ""
    for row in _ROWS.split(text):
        position = max(text.find(row, position), 0)
        plain = row.replace("&", " ").strip()
        if plain:
            chain = f"{carried} {plain}" if _EQUALS.match(plain) and carried else plain
            if _EQUALS.search(chain):
                yield at + position, chain
            carried = _EQUALS.split(plain)[-1].strip()


def _plain_equations(text: str) -> Iterator[tuple[int, str]]:
    """Find equations of numbers in running text: from each equals sign outwards, over characters of arithmetic."""
    end = 0
    for sign in _SIGN.finditer(text):
        if sign.start() < end:
            continue
        # A comma that a space follows separates two equations.
        start, first = sign.start(), max(end, sign.start() - _MAX_SIDE)
        while start > first and text[start - 1] in _ARITHMETIC and not _SEPARATOR.match(text, start - 1):
            start -= 1
        end, last = sign.end(), min(len(text), sign.end() + _MAX_SIDE)
        while end < last and (text[end] in _ARITHMETIC or text[end] in "=≈") and not _SEPARATOR.match(text, end):
            end += 1
        found = text[start:end].strip().rstrip(".,")
        if found and _stands_alone(text, start, end, found):
            yield start + len(text[start:end]) - len(text[start:end].lstrip()), found.removeprefix("- ")


def _parts(text: str, at: int) -> bool:
    """Tell whether a comma separates two equations: one inside a number has no space after it."""
    return text[at] == "," and text[at + 1 : at + 2].isspace()


def _stands_alone(text: str, start: int, end: int, found: str) -> bool:
    """Tell whether an equation in running text is not the tail or the head of a longer formula."""
    before, after = text[start - 1 : start], text[end : end + 1]
    is_bullet = found.startswith("- ") and before in ("", "\n")
    if found[0] in "+*/×÷=x.,)" or (found[0] == "-" and not is_bullet and before.isalnum()):
        return False
    first = text[start : start + 1]
    # `f(2) = 7` and `a[0] = 1` define a function or a list, and so does the tail of `f(1) + f (2) = 7`.
    is_call = (first in "([" and (before.isalnum() or before in (")", "]", "'"))) or _BRACKETED.match(found)
    adjoins = first.isdigit() and before.isalnum()
    if is_call or adjoins or (before and before in "^_\\<>#") or text[end - 1] in "+*/-=":
        return False
    return not ((after.isalpha() and not text[end - 1].isspace()) or (after and after in "^\\_"))


def _blanked(text: str, spans: list[tuple[int, int]]) -> str:
    """Return the text with these parts blanked out, every other character where it was."""
    pieces, at = [], 0
    for start, end in sorted(spans):
        if start >= at:
            pieces += [text[at:start], "#" * (end - start)]
            at = end
    return "".join([*pieces, text[at:]])


def _judge_chain(at: int, text: str) -> Iterator[Step]:
    parts = _EQUALS.split(text)
    operands, signs = parts[::2], parts[1::2]
    for (left, right), sign in zip(pairwise(operands), signs, strict=True):
        if not (left.strip("$ ") and right.strip("$ ")):
            continue
        judged, reason = _judge(left, right, exact=sign == "=")
        yield Step(text=f"{left.strip()} {sign} {right.strip()}", at=at, judged=judged, reason=reason)


def _judge(left: str, right: str, *, exact: bool) -> tuple[Judged, str]:
    words = [sorted(w.strip().casefold() for w in _WORDS.findall(side)) for side in (left, right)]
    if any(words) and "_" in left + right:
        return Judged.NOT_CHECKABLE, ""
    pairs = [(left, right)]
    if "%" in left + right:
        pairs.append((left.replace("\\%", "").replace("%", ""), right.replace("\\%", "").replace("%", "")))
    values = [(_value(a), _value(b)) for a, b in pairs]
    known = [(a, b) for a, b in values if a is not None and b is not None]
    if any(_agree(a, b, left, right, exact) for a, b in known):
        return Judged.TRUE, ""
    if not known or words[0] != words[1] or "%" in left + right:
        return Judged.NOT_CHECKABLE, ""  # other words may be other units, and a percentage is of something
    value = known[0][0]
    if max(abs(value.numerator), value.denominator) > 10**30:
        return Judged.FALSE, "the left side is another number"
    return Judged.FALSE, f"the left side is {value if value.denominator < 1000 else f'about {float(value):.6g}'}"


def _agree(a: Fraction, b: Fraction, left: str, right: str, exact: bool) -> bool:
    """Tell whether two sides are equal: exactly, but for a float's last digits, or for the decimals that are shown."""
    tolerance = Fraction(1, 10**12) if exact else Fraction(1, 20)
    return abs(a - b) <= abs(a) * tolerance or _rounds(a, right, b) or _rounds(b, left, a)


def _value(text: str) -> Fraction | None:
    """Return the value of a side without its words and units, or None if it is not plain arithmetic."""
    plain = _TIMES.sub(r" \\times ", _WORDS.sub(" ", text)).replace("$", " ").strip().rstrip(".,;: ")
    try:
        node = read(plain)
        if isinstance(node, Quantity) and node.unit == "percent":
            node = Mul((node.value, Num(Fraction(1, 100))))
        value = canonical(node).rational
    except (Unreadable, TooHard):
        return None
    return None if value is None else Fraction(value)


def _rounds(value: Fraction, shown: str, given: Fraction) -> bool:
    """Tell whether a decimal as it is written is the other side's value, rounded or cut off to its decimal places."""
    match = _DECIMAL.fullmatch(shown.strip().rstrip(".%"))
    return match is not None and abs(value - given) < Fraction(1, 10 ** len(match[1]))
