"""Amounts: a value with a unit, several that add up (5 ft 6 in), and letters that turn out to be units."""

from dataclasses import replace
from fractions import Fraction

from .tree import DEGREE, PI, Add, Mul, Node, Num, Pow, Quantity, Seq, Sym, holds, product
from .units import NO_UNIT, Unit, read_unit

_LETTER_UNITS = {**{letter: letter for letter in "mgshLlNJWVKCAFTH"}, "Omega": "Ω"}

_DEGREES, _RADIANS = (("angle", 1),), (("radian", 1),)


def amount(node: Node) -> tuple[Node, Unit | None]:
    """Return the value and the unit of an answer; the unit is None for words that change the meaning."""
    if not isinstance(node, Quantity):
        return node, NO_UNIT
    if not node.unit and isinstance(node.value, Add):
        parts = [(value, unit) for value, unit in map(amount, node.value.terms) if unit is not None and unit.is_known]
        if len(parts) < len(node.value.terms) or len({unit.dimension for _, unit in parts}) > 1:
            return node.value, None
        first = parts[0][1]
        return Add(tuple(times(value, unit.factor / first.factor) for value, unit in parts)), first  # 5 ft 6 in
    return node.value, read_unit(node.unit)


def times(node: Node, factor: Fraction) -> Node:
    if isinstance(node, Num):
        value = node.value * factor
        return Num(value.numerator if value.denominator == 1 else value, node.digits)
    if isinstance(node, Seq):
        return replace(node, items=tuple(times(item, factor) for item in node.items))
    return Mul((Num(factor), node))


def as_radians(x: Node, unit_x: Unit, y: Node, unit_y: Unit) -> tuple[Node, Node] | None:
    """Return two angles as bare numbers: degrees and radians, or degrees and a bare multiple of pi."""
    measures = {unit_x.dimension, unit_y.dimension}
    if measures == {_DEGREES, _RADIANS} or (measures == {_DEGREES, ()} and holds(x if unit_y.dimension else y, PI)):
        return _in_radians(x, unit_x), _in_radians(y, unit_y)
    return None


def _in_radians(value: Node, unit: Unit) -> Node:
    return Mul((Num(unit.factor), value, DEGREE)) if unit.dimension == _DEGREES else value


def letter_unit(value: Node, unit: Unit, other: Unit) -> tuple[Node, Unit]:
    """Read `5 m` and `5 m/s` as amounts where the other side has a unit of measure: alone they are products."""
    if not (other.is_known and isinstance(value, Mul)):
        return value, unit
    rest, words = list(value.factors), ""
    while len(rest) > 1 and (word := _letter(rest[-1])):
        words = f"{word} {words}"
        rest.pop()
    found = read_unit(words) if words else None
    return (product(rest), found) if found else (value, unit)


def _letter(factor: Node) -> str:
    """Return the unit that a letter or its power stands for, or an empty text."""
    base, power = (factor.base, factor.exponent) if isinstance(factor, Pow) else (factor, Num(1))
    if not (isinstance(base, Sym) and base.name in _LETTER_UNITS and isinstance(power, Num)):
        return ""
    return f"{_LETTER_UNITS[base.name]}^{power.value}" if power.value.denominator == 1 else ""
