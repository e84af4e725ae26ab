"""Amounts: a value with a unit, several that add up (5 ft 6 in), and letters that turn out to be units."""

from dataclasses import replace
from fractions import Fraction

from .tree import Add, Mul, Node, Num, Pow, Quantity, Seq, Sym, product
from .units import NO_UNIT, Unit, read_unit

_LETTER_UNITS = {
    "m": "m", "g": "g", "s": "s", "h": "h", "L": "liter", "l": "liter", "N": "newton", "J": "joule", "W": "watt",
    "V": "volt", "K": "kelvin", "C": "coulomb",
}  # fmt: skip


def amount(node: Node) -> tuple[Node, Unit | None]:
    """Return the value and the unit of an answer; the unit is None for words that change the meaning."""
    if not isinstance(node, Quantity):
        return node, NO_UNIT
    if not node.unit and isinstance(node.value, Add):
        return _compound(node.value)
    return node.value, read_unit(node.unit)


def _compound(total: Add) -> tuple[Node, Unit | None]:
    """Add up 5 ft 6 in."""
    parts = [amount(term) for term in total.terms]
    units = [unit for _, unit in parts]
    first = units[0]
    if first is None or any(u is None or u.dimension != first.dimension or not u.is_known for u in units):
        return total, None
    terms = tuple(times(value, unit.factor / first.factor) for value, unit in parts if unit is not None)
    return Add(terms), first


def times(node: Node, factor: Fraction) -> Node:
    if isinstance(node, Num):
        value = node.value * factor
        return Num(value.numerator if value.denominator == 1 else value, node.digits)
    if isinstance(node, Seq):
        return replace(node, items=tuple(times(item, factor) for item in node.items))
    return Mul((Num(factor), node))


def letter_unit(value: Node, unit: Unit, other: Unit) -> tuple[Node, Unit]:
    """Read `5 m` as an amount where the other side has a unit of measure: alone it is five times m."""
    if not (other.is_known and isinstance(value, Mul)):
        return value, unit
    last = value.factors[-1]
    base, power = (last.base, last.exponent) if isinstance(last, Pow) else (last, Num(1))
    if not (isinstance(base, Sym) and base.name in _LETTER_UNITS and isinstance(power, Num)):
        return value, unit
    found = read_unit(f"{_LETTER_UNITS[base.name]}^{power.value}")
    return (product(list(value.factors[:-1])), found) if found else (value, unit)
