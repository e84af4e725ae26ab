"""Real functions of one variable in double precision.

Fast and rough: for a search whose finds are then compared with many digits.
"""

import math
import operator
from collections.abc import Callable
from fractions import Fraction
from functools import reduce

from .tree import Add, Call, Mul, Node, Num, Pow, Quantity, Sym

Real = Callable[[float], float]


class NoFloats(ValueError):
    """The expression holds something that has no double here."""


def compiled(node: Node, name: str, others: dict[str, float]) -> Real:
    """Return an expression as a function of one of its variables, which raises ArithmeticError and ValueError.

    >>> from .parser import read
    >>> compiled(read("x^2+y"), "x", {"y": 1.0})(3.0)
    10.0
    """
    if isinstance(node, Num):
        return _constant(node.value)
    if isinstance(node, Sym):
        if node.name == name:
            return lambda x: x
        value = others.get(node.name, _CONSTANTS.get(node.name))
        if value is None:
            raise NoFloats(node.name)
        return lambda x: value
    if isinstance(node, (Add, Mul)):
        parts = [compiled(n, name, others) for n in (node.terms if isinstance(node, Add) else node.factors)]
        join = operator.add if isinstance(node, Add) else operator.mul
        return lambda x: reduce(join, [part(x) for part in parts])
    if isinstance(node, Pow):
        base = compiled(node.base, name, others)
        if isinstance(node.exponent, Num):
            return _fixed_power(base, Fraction(node.exponent.value))
        exponent = compiled(node.exponent, name, others)
        return lambda x: _power(base(x), exponent(x))
    if isinstance(node, Call):
        return _call(node, [compiled(n, name, others) for n in node.args])
    if isinstance(node, Quantity) and node.unit == "degrees":
        inner = compiled(node.value, name, others)
        return lambda x: math.radians(inner(x))
    raise NoFloats(type(node).__name__)


_CONSTANTS = {"#pi": math.pi, "#e": math.e, "#deg": math.pi / 180}


def _constant(value: Fraction | int) -> Real:
    try:
        number = float(value)
    except OverflowError:
        raise NoFloats("too large a number") from None
    return lambda x: number


def _fixed_power(base: Real, exponent: Fraction) -> Real:
    if exponent.denominator % 2 == 0 or exponent.denominator > 60:
        return lambda x: _power(base(x), float(exponent))
    if exponent.denominator == 1 and abs(exponent.numerator) <= 1000:
        whole = int(exponent)
        return lambda x: base(x) ** whole
    return lambda x: _odd_root_power(base(x), exponent)


def _odd_root_power(base: float, exponent: Fraction) -> float:
    value = _power(abs(base), float(exponent))
    return -value if base < 0 and exponent.numerator % 2 else value


def _power(base: float, exponent: float) -> float:
    if base < 0 and exponent != int(exponent):
        raise ValueError("no real power")
    return float(base**exponent)


def _call(node: Call, args: list[Real]) -> Real:
    first = args[0]
    if node.name in _REAL:
        function = _REAL[node.name]
        return lambda x: function(first(x))
    if node.name == "root" and isinstance(node.args[1], Num) and node.args[1].value:
        return _fixed_power(first, 1 / Fraction(node.args[1].value))
    if node.name in ("max", "min"):
        choose: Callable[[list[float]], float] = max if node.name == "max" else min
        return lambda x: choose([a(x) for a in args])
    if node.name == "log" and len(args) == 2:
        return lambda x: math.log(first(x)) / math.log(args[1](x))
    if node.name == "mod":
        return lambda x: _modulo(first(x), args[1](x))
    raise NoFloats(node.name)


def _modulo(value: float, by: float) -> float:
    return value - by * math.floor(value / by)


_REAL: dict[str, Callable[[float], float]] = {
    "sin": math.sin, "cos": math.cos, "tan": math.tan, "asin": math.asin, "acos": math.acos, "atan": math.atan,
    "sinh": math.sinh, "cosh": math.cosh, "tanh": math.tanh, "asinh": math.asinh, "acosh": math.acosh,
    "atanh": math.atanh, "exp": math.exp,
    "sec": lambda x: 1 / math.cos(x), "csc": lambda x: 1 / math.sin(x), "cot": lambda x: 1 / math.tan(x),
    "sech": lambda x: 1 / math.cosh(x), "csch": lambda x: 1 / math.sinh(x), "coth": lambda x: 1 / math.tanh(x),
    "abs": abs, "floor": math.floor, "ceil": math.ceil, "sgn": lambda x: float((x > 0) - (x < 0)),
    "log": math.log, "gamma": math.gamma, "factorial": lambda x: math.gamma(x + 1),
}  # fmt: skip
