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
_ARITHMETIC = set("0123456789.,+-*/×÷()[]x√ $%")
_SPELLINGS = str.maketrans({"–": "-", "−": "-", "‐": "-", "·": "×", "⋅": "×", "∙": "×"})
_CAPITAL_TIMES = re.compile(r"(?<=[0-9)])( ?)X(?= ?[0-9($])")
_COUNTED = re.compile(r"[0-9][0-9.,]* [A-Za-z]+ $")
_BARE_NUMBER = re.compile(r"-?[$ ]*[0-9.,]+ *%?\s*[=≈]")
_CLOCK = re.compile(r"[0-9]:$")
_FRACTION_FIRST, _NUMBER_AND = re.compile(r"\(?[0-9]+ ?/ ?[0-9]+"), re.compile(r"[0-9] *and *$")
_CONNECTIVE = re.compile(
    r"(?:(?:[0-9%)]|half|thirds?|quarters?|fourths?|fifths?|tenths?|percent|double|twice|sum|product|square|root) *of"
    r"|\b(?:mod|modulo|times|plus|minus|(?:divided|multiplied) by|than|twice|double|half|root|squared))$",
    re.IGNORECASE,
)
_GOES_ON = re.compile(
    r"\s*(?:remainder\b|rem\b|mod\b|of (?=[$0-9])|[rR] ?[0-9]|and (?=\$?\(?[0-9]+ ?/ ?[0-9])"
    r"|(?:plus|minus|times) [0-9])"
)
_CENTS = re.compile(r"\s*(?:cents?\b|¢)")
_SEPARATOR = re.compile(r"[,.]\s")
_MAX_SIDE = 200
_EQUALS = re.compile(r"(?<![<>!:=])(=|≈|\\approx(?![A-Za-z])|\\simeq(?![A-Za-z]))(?!=)")
_ROWS = re.compile(r"\\\\|\\begin\{[a-z*]+\}|\\end\{[a-z*]+\}|\n")
_WORDS = re.compile(r"\\(?:text|mathrm|textbf)\s*\{[^{}]*\}|(?<![\\A-Za-z])[A-Za-z]{2,}(?![A-Za-z])|(?<=[0-9]) ?°")
_TIMES = re.compile(r"(?<=[0-9)])(?: ?× ?| x |x(?=[0-9(]))")
_SPACED_FRACTION = re.compile(r"(/ +)([0-9]+/[0-9]+)(?![0-9/])")
"""`25 / 1/3` is 75."""
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
    text = _CAPITAL_TIMES.sub(r"\1x", text.translate(_SPELLINGS))  # every character stays where it was
    end = 0
    for sign in _SIGN.finditer(text):
        if sign.start() < end:
            continue
        # A comma or a stop that a space follows separates two equations.
        start, first = sign.start(), max(end, sign.start() - _MAX_SIDE)
        while start > first and text[start - 1] in _ARITHMETIC and not _SEPARATOR.match(text, start - 1):
            start -= 1
        end, last = sign.end(), min(len(text), sign.end() + _MAX_SIDE)
        while end < last and (text[end] in _ARITHMETIC or text[end] in "=≈") and not _SEPARATOR.match(text, end):
            end += 1
        start += len(text[start:end]) - len(text[start:end].lstrip())
        found = text[start:end].strip().rstrip(".,")
        if found and not _ends_whole(text, end, found):
            found = found[: [*_EQUALS.finditer(found)][-1].start()].rstrip()
        if found and not _starts_whole(text[max(0, start - _MAX_SIDE) : start], found):
            cut = match.end() if (match := _EQUALS.search(found)) else len(found)
            start += len(found[:cut]) + len(found[cut:]) - len(found[cut:].lstrip())
            found = found[cut:].strip()
        if _EQUALS.search(found):
            yield start, found.removeprefix("- ")


def _starts_whole(before: str, found: str) -> bool:
    """Tell whether an equation in running text is not the tail of a longer formula or phrase, such as `half of 2`."""
    is_bullet = found.startswith("- ") and before.rstrip(" ")[-1:] in ("", "\n")
    if found[0] in "+*/×÷=x.,)":
        return False
    if found[0] == "-" and not is_bullet and before.rstrip()[-1:].isalnum():
        # `So -3 + 5` starts with a negative number, `25 blocks - 5` and `25 blocks -5` do not.
        return before[-1:] == " " and found[1:2] != " " and not _COUNTED.search(before)
    # `f(2) = 7` and `a[0] = 1` define a function or a list, and so does the tail of `f(1) + f (2) = 7`.
    if (found[0] in "([" and (before[-1:].isalnum() or before[-1:] in tuple(")]'"))) or _BRACKETED.match(found):
        return False
    is_number = _BARE_NUMBER.match(found) is not None
    if (before[-1:] and before[-1] in "^_\\<>#¢€£¥") or (found[0].isdigit() and before[-1:].isalnum()):
        return False
    if (_CLOCK.search(before) and found[:2].isdigit()) or (_FRACTION_FIRST.match(found) and _NUMBER_AND.search(before)):
        return False
    before = before.rstrip(" ")
    if before[-1:].isalnum():
        return not is_number and _CONNECTIVE.search(before) is None  # a number after words is named by them: `Week 2`
    return before[-1:] in ("", *"\n.,;:!?\"'”’)>|#*_")


def _ends_whole(text: str, end: int, found: str) -> bool:
    """Tell whether an equation in running text is not the head of a longer formula, or of `3 remainder 1`."""
    after = text[end : end + 1]
    if text[end - 1] in "+*/-=" or (after.isalpha() and not text[end - 1].isspace()) or (after and after in "^\\_"):
        return False
    return not _GOES_ON.match(text, end) and not ("$" in found and _CENTS.match(text, end))


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
    plain = _SPACED_FRACTION.sub(r"\1(\2)", plain)
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
