r"""Exact values of plain arithmetic: integers, decimals, fractions, mixed numbers, sums, products and small powers.

Whatever holds a symbol, a root or a function is None here and left to others. Sizes are bounded before computing.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

from .notation import WRAPPER, clean, unwrap

_MAX_BITS = 8192
_MAX_CHARACTERS = 400
_MAX_DEPTH = 30
_TOKEN = re.compile(
    r" *(?:((?:[0-9]{1,3}(?:,[0-9]{3})+(?![0-9])|[0-9]{1,3}(?: [0-9]{3})+(?![0-9])|[0-9]+)(?:\.[0-9]+)?|\.[0-9]+)"
    r"|(\\frac|\\cdot|\\times|\\div|\*\*|[-+*/^(){}]))"
)
_PRODUCTS = {"*": "*", "\\cdot": "*", "\\times": "*", "/": "/", "\\div": "/"}
_POWER = r"(?: ?\^ ?\{?[23]\}?)?"
_UNIT = re.compile(
    rf" ?({WRAPPER} ?\{{([^{{}}]*)\}}{_POWER}|\^ ?\{{? ?\\circ ?\}}?|\\degree|\\?%"
    rf"|(?<![A-Za-z\\])(?:[A-Za-z]{{2,}} ?){{1,4}}{_POWER})$"
)
_FUNCTIONS = {"sin", "cos", "tan", "sec", "csc", "cot", "log", "ln", "lg", "exp", "pi", "mod", "base", "choose"}
_HEDGES = {"or", "and", "is", "not", "no", "to", "in", "if", "wrong", "incorrect", "either", "between"}
_NAMES = {
    "degree": ("degrees", "deg", "^\\circ", "\\degree"),
    "percent": ("%", "\\%", "percentage", "pct"),
    "dollar": ("dollars", "usd", "\\$"),
    "cent": ("cents",),
    "mm": ("millimeter", "millimeters", "millimetre", "millimetres"),
    "cm": ("centimeter", "centimeters", "centimetre", "centimetres"),
    "m": ("meter", "meters", "metre", "metres"),
    "km": ("kilometer", "kilometers", "kilometre", "kilometres"),
    "inch": ("inches", "in"),
    "foot": ("feet", "ft"),
    "yard": ("yards", "yd"),
    "mile": ("miles", "mi"),
    "g": ("gram", "grams"),
    "kg": ("kilogram", "kilograms"),
    "second": ("seconds", "sec", "s"),
    "minute": ("minutes", "min"),
    "hour": ("hours", "hr", "h"),
    "day": ("days",),
}
_UNITS = {spelling: name for name, others in _NAMES.items() for spelling in (name, *others)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantity:
    """A number with the unit that stands beside it."""

    value: Fraction
    """As written: 50 for 50 %."""
    unit: str
    """A known unit's own name, another one as written, or empty."""

    @property
    def share(self) -> Fraction:
        """The value that a percentage stands for."""
        return self.value / 100 if self.unit == "percent" else self.value


def read_quantity(text: str) -> Quantity | None:
    r"""Return the exact value and the unit of an answer, or None if it is not plain arithmetic.

    >>> read_quantity(r"2\frac{1}{2}\text{ cm}")
    Quantity(value=Fraction(5, 2), unit='cm')
    """
    text = clean(text)
    if len(text) > _MAX_CHARACTERS or (text[:1] in "([" and "," in text):
        return None
    unit = ""
    if text.startswith("\\$"):
        text, unit = text[2:], "dollar"
    while match := _UNIT.search(text):
        name = _unit_name(match[1])
        if name is None:
            return None
        text, unit = text[: match.start()].strip(), f"{name} {unit}".strip()
    value = evaluate(unwrap(text))
    return None if value is None else Quantity(value=value, unit=_UNITS.get(unit, unit))


def units_differ(a: Quantity, b: Quantity) -> bool:
    """Tell whether both have a unit and the two are known to be different ones."""
    known = set(_NAMES)
    pair = [q.unit.replace("square ", "").partition("^")[0].strip() for q in (a, b)]
    return pair[0] != pair[1] and all(p in known for p in pair) and "percent" not in pair


def same_amount(a: Quantity, b: Quantity) -> bool:
    """Tell whether two quantities are equal: exactly, a percentage also as its share or with its sign left out.

    >>> half = read_quantity("0.5")
    >>> same_amount(read_quantity("50 percent"), half), same_amount(half, read_quantity("50"))
    (True, False)
    """
    if units_differ(a, b):
        return False
    return a.value == b.value or a.share == b.share


def evaluate(text: str) -> Fraction | None:
    r"""Return the exact value of an arithmetic expression, or None if it is not one or is too large.

    >>> evaluate("2/(-3)"), evaluate(r"1.5 \times 10^{3}"), evaluate("2x")
    (Fraction(-2, 3), Fraction(1500, 1), None)
    """
    tokens = _tokens(text)
    if not tokens:
        return None
    try:
        parser = _Parser(tokens)
        value = parser.sum(0)
    except (_NotArithmetic, ZeroDivisionError):
        return None
    return value if parser.at_end else None


def _unit_name(text: str) -> str | None:
    """Return a unit's name, or None for words that change what the answer says."""
    words = unwrap(text).replace(" ^", "^").strip(" .").lower()
    if (_FUNCTIONS | _HEDGES) & set(re.split(r"[^a-z]+", words)):
        return None
    base, power, exponent = words.partition("^")
    if words in _UNITS or not power:
        return _UNITS.get(words, words)
    return f"{_UNITS.get(base.strip(), base.strip())}^{exponent.strip(' {}')}"


def _tokens(text: str) -> list[str] | None:
    tokens, at = [], 0
    text = text.strip()
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            return None
        tokens.append(match[1] or ("^" if match[2] == "**" else match[2]))
        at = match.end()
    return tokens


class _NotArithmetic(Exception):
    """The tokens are not a bounded arithmetic expression."""


class _Parser:
    """A recursive-descent evaluator over tokens."""

    def __init__(self, tokens: list[str]) -> None:
        self._tokens = tokens
        self._at = 0

    @property
    def at_end(self) -> bool:
        return self._at == len(self._tokens)

    def sum(self, depth: int) -> Fraction:
        if depth > _MAX_DEPTH:
            raise _NotArithmetic
        total = self._signed(self._product, depth)
        while self._peek() in ("+", "-"):
            sign = -1 if self._next() == "-" else 1
            total = _bounded(total + sign * self._product(depth))
        return total

    def _product(self, depth: int) -> Fraction:
        total = self._power(depth)
        while self._peek() in _PRODUCTS:
            operator = _PRODUCTS[self._next()]
            factor = self._signed(self._power, depth)
            total = _bounded(total * factor if operator == "*" else total / factor)
        return total

    def _power(self, depth: int) -> Fraction:
        base = self._atom(depth)
        if self._peek() != "^":
            return base
        self._next()
        exponent = self._signed(self._atom, depth)
        size = max(base.numerator.bit_length(), base.denominator.bit_length())
        if exponent.denominator != 1 or abs(exponent) * size > _MAX_BITS:
            raise _NotArithmetic
        return Fraction(base**exponent.numerator)

    def _atom(self, depth: int) -> Fraction:
        token = self._next()
        if token in ("(", "{"):
            return self._closed(token, depth)
        if token == "\\frac":
            return self._group(depth) / self._group(depth)
        if token[0] not in ".0123456789":
            raise _NotArithmetic
        value = Fraction(token.replace(",", "").replace(" ", ""))
        if self._peek() == "\\frac" and value.denominator == 1:  # a mixed number
            self._next()
            return value + self._group(depth) / self._group(depth)
        return value

    def _signed(self, read: Callable[[int], Fraction], depth: int) -> Fraction:
        sign = 1
        if self._peek() in ("+", "-"):
            sign = -1 if self._next() == "-" else 1
        return sign * read(depth)

    def _group(self, depth: int) -> Fraction:
        if self._next() != "{":
            raise _NotArithmetic
        return self._closed("{", depth)

    def _closed(self, opening: str, depth: int) -> Fraction:
        value = self.sum(depth + 1)
        if self._next() != {"(": ")", "{": "}"}[opening]:
            raise _NotArithmetic
        return value

    def _peek(self) -> str:
        return "" if self.at_end else self._tokens[self._at]

    def _next(self) -> str:
        if self.at_end:
            raise _NotArithmetic
        self._at += 1
        return self._tokens[self._at - 1]


def _bounded(value: Fraction) -> Fraction:
    if max(value.numerator.bit_length(), value.denominator.bit_length()) > _MAX_BITS:
        raise _NotArithmetic
    return value
