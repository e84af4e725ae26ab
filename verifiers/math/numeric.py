"""Values of expressions at points, to many digits: the tier after the rules of algebra.

Two precisions tell a difference that is really there from rounding: only one that both see is certain. "Equal" means
that values agree to 30 digits more than the smallest and the largest part of them asks for: tanh(100) is not 1.
Magnitudes are checked before functions are computed, so nothing here takes long.
"""

import random
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from .allowance import Allowance, OutOfTime
from .breaks import Point, Value, sides
from .canonical import based_value
from .points import points
from .tree import Add, Based, Big, Call, I, Mul, Node, Num, Pow, Quantity, Sym, children, holds
from .vocabulary import ELEMENTARY

DIGITS = 50
"""Two values that differ here, and by the same amount with twice the digits, differ."""
_MAX_MAGNITUDE = 4000
"""Binary exponent of an argument beyond which periodic and exponential functions are not computed."""
_MAX_POWER = 10**15
_MAX_SUMMANDS = 5000
_MAX_DIGITS = 1500
_DECAYING = {"exp", "sinh", "cosh", "tanh", "coth", "sech", "csch"}
_MAX_GAMMA_DIGITS = 300
"""Beyond it the first value of the gamma function takes seconds: the Bernoulli numbers it wants are then computed."""
_ONE_VALUE = 0.5
"""Seconds of the processor that one value may take."""
_SEARCH = 0.1
"""Seconds of the processor that values in the search for breaks may take, where double precision has none."""
_ROUGH_DIGITS = 20
_local = threading.local()


class NoValue(ValueError):
    """The expression has no value at this point, or none that can be computed in bounds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """Result of comparing at points: True, False, or None where the points do not decide."""

    equal: bool | None
    reason: str = ""


def probe(a: Node, b: Node, allowance: Allowance, seed: int = 0) -> Probe:
    """Compare two expressions at the points that `points` chooses.

    >>> from .parser import read
    >>> probe(read("sin(2x)"), read("2 sin x cos x"), Allowance.of(1)).equal
    True
    """
    names = sorted(names_in(a) | names_in(b))
    if len(names) > 12:
        return Probe(equal=None, reason="too_many_variables")
    digits = DIGITS + _literal_digits(a) + _literal_digits(b)
    if digits > _MAX_DIGITS:
        return Probe(equal=None, reason="too_many_digits")
    is_complex = holds(a, I) or holds(b, I)
    valid, is_open = 0, False
    usual = list(points(a, b, names, seed))

    def every() -> Iterator[Point]:
        nonlocal is_open
        yield from usual
        if names:
            around = sides(a, b, usual[0], _rough(allowance.at_most(_SEARCH)))
            is_open = around.is_open
            yield from around.points

    try:
        for point in every():
            if allowance.is_over:
                raise OutOfTime
            found = _compare_at(a, b, point, digits + _digits_of_size(point), allowance, is_complex)
            if found is False:
                return Probe(equal=False)
            valid += found is True
    except OutOfTime:
        return Probe(equal=None, reason="out_of_time")
    if is_open:
        return Probe(equal=None, reason="break_not_reached")
    return Probe(equal=True) if valid >= (3 if names else 1) else Probe(equal=None, reason="no_points")


def _rough(allowance: Allowance) -> Value:
    """Return a function that gives real values to few digits, and none when the time of the search has ended."""
    context = _context(_ROUGH_DIGITS)

    def value(node: Node, point: Point) -> Any:
        try:
            found = _evaluate(context, node, _coordinates(context, point), allowance)
        except (NoValue, OutOfTime):
            return None
        return None if isinstance(found, context.mpc) else found

    return value


def _coordinates(context: Any, point: Point) -> dict[str, Any]:
    return {name: context.mpf(v.numerator) / v.denominator for name, v in point.items()}


def _digits_of_size(point: Point) -> int:
    """Return how many digits a very large or small coordinate asks for: it stands beside ordinary numbers."""
    bits = max((abs(v.numerator.bit_length() - v.denominator.bit_length()) for v in point.values()), default=0)
    return 0 if bits < 50 else 50 * (1 + int(bits * 0.301 * 4) // 50)


def value_of(node: Node, digits: int = DIGITS) -> Any:
    """Return the value of an expression without variables, as an mpmath number; raises NoValue and OutOfTime."""
    context = _context(digits)
    allowance: Allowance | None = getattr(_local, "allowance", None)
    return _evaluate(context, node, {}, allowance.at_most(_ONE_VALUE) if allowance else Allowance.of(_ONE_VALUE))


def load() -> None:
    """Load mpmath: on a busy machine its first import takes longer than a comparison may."""
    _context(DIGITS)


def values_until(allowance: Allowance) -> None:
    """Let `value_of` give no more values in this thread when an allowance is over."""
    _local.allowance = allowance


def names_in(node: Node) -> set[str]:
    """Return the names of variables in a tree; a call of an unknown function is a name too."""
    found: set[str] = set()
    stack = [node]
    while stack:
        current = stack.pop()
        if isinstance(current, Sym) and current.name[0] != "#":
            found.add(current.name)
        elif isinstance(current, Big):
            inner = names_in(current.body) - {current.variable}
            found |= inner
            stack += [n for n in (current.low, current.high) if n is not None]
            continue
        stack += children(current)
    return found


def _compare_at(
    a: Node, b: Node, point: Point, digits: int, allowance: Allowance, is_complex: bool, *, is_last: bool = False
) -> bool | None:
    _local.depth = 0
    try:
        low, high = (_both(a, b, point, precision, allowance) for precision in (digits, 2 * digits))
    except NoValue:
        return None
    context = _context(2 * digits)
    tiny = context.mpf("1e-40")
    if point and not is_complex and any(isinstance(v, context.mpc) and abs(v.imag) > abs(v.real) * tiny for v in high):
        return None  # outside the domain over the reals, where branches of roots and logarithms differ by convention
    found = judge_values(context, low, high, digits)
    depth = int(_local.depth)
    if found and not is_last and depth > digits // 3:  # so small a part of the values is not seen with these digits
        more = digits + depth
        return _compare_at(a, b, point, more, allowance, is_complex, is_last=True) if more <= _MAX_DIGITS else None
    return found


def judge_values(context: Any, low: tuple[Any, Any], high: tuple[Any, Any], digits: int) -> bool | None:
    """Judge two values, each computed with `digits` and with twice as many."""
    difference_low, difference_high = context.mpmathify(low[0]) - low[1], high[0] - high[1]
    size = max(abs(high[0]), abs(high[1]))
    tiny = context.mpf(10) ** (-int(1.6 * digits))
    if abs(difference_high) <= tiny * size:
        return True
    if size < tiny and abs(difference_low) > 10**10 * abs(difference_high):
        return True  # both vanish as digits are added
    if abs(difference_low - difference_high) <= abs(difference_high) * context.mpf("1e-5"):
        return False
    return None


def _both(a: Node, b: Node, point: Point, digits: int, allowance: Allowance) -> tuple[Any, Any]:
    context = _context(digits)
    values = _coordinates(context, point)
    return _evaluate(context, a, values, allowance), _evaluate(context, b, values, allowance)


def _context(digits: int) -> Any:
    """Return this thread's mpmath context: threads share the module's, and with it its precision."""
    contexts = getattr(_local, "contexts", None)
    if contexts is None:
        contexts = _local.contexts = {}
    if digits not in contexts:
        from mpmath import MPContext  # type: ignore[import-untyped]

        if len(contexts) > 8:
            contexts.clear()
        contexts[digits] = MPContext()
        contexts[digits].dps = digits
    return contexts[digits]


def _literal_digits(node: Node) -> int:
    """Return how many digits a tree's literals and powers ask for, beyond the usual ones."""
    most, stack = 0, [node]
    while stack:
        current = stack.pop()
        if isinstance(current, Num):
            size = max(abs(current.value.numerator), current.value.denominator)
            most = max(most, int(size.bit_length() * 0.302))
        elif isinstance(current, Pow) and isinstance(current.exponent, Num) and isinstance(current.base, Num):
            size = abs(int(current.exponent.value)) * max(
                1, int(abs(current.base.value.numerator).bit_length() * 0.302)
            )
            most = max(most, min(size, 800))
        stack += children(current)
    return most if most > 12 else 0


def _evaluate(context: Any, node: Node, values: dict[str, Any], allowance: Allowance) -> Any:
    try:
        value = _value(context, node, values, allowance)
    except (ArithmeticError, ValueError, RecursionError, MemoryError, TypeError) as error:
        raise NoValue(type(error).__name__) from None
    if not context.isfinite(value):
        raise NoValue("not finite")
    return value


def _value(context: Any, node: Node, values: dict[str, Any], allowance: Allowance) -> Any:
    if isinstance(node, Num):
        return context.mpf(node.value.numerator) / node.value.denominator
    if isinstance(node, Sym):
        if node.name in values:
            return values[node.name]
        if node.name in _CONSTANTS:
            return _CONSTANTS[node.name](context)
        raise NoValue(node.name)
    if allowance.is_over:
        raise OutOfTime
    if isinstance(node, Add):
        return context.fsum([_value(context, t, values, allowance) for t in node.terms])
    if isinstance(node, Mul):
        return context.fprod([_value(context, f, values, allowance) for f in node.factors])
    if isinstance(node, Pow):
        return _power(context, *(_value(context, n, values, allowance) for n in (node.base, node.exponent)))
    if isinstance(node, Call):
        return _call(context, node, [_value(context, a, values, allowance) for a in node.args])
    if isinstance(node, Based):
        return context.mpf(based_value(node).numerator) / based_value(node).denominator
    if isinstance(node, Big) and node.kind in ("sum", "prod"):
        return _sum(context, node, values, allowance)
    if isinstance(node, Quantity) and node.unit == "degrees":
        return _value(context, node.value, values, allowance) * context.degree
    raise NoValue(type(node).__name__)


_CONSTANTS: dict[str, Callable[[Any], Any]] = {
    "#pi": lambda c: +c.pi, "#e": lambda c: c.e + 0, "#i": lambda c: c.mpc(0, 1), "#deg": lambda c: c.pi / 180,
}  # fmt: skip


def _power(context: Any, base: Any, exponent: Any) -> Any:
    if base == 0:
        if isinstance(exponent, context.mpc) or exponent <= 0:
            raise NoValue("a power of zero")
        return context.mpf(0)  # mpmath would first write a huge exponent out as an integer
    if abs(exponent) * max(1, abs(context.mag(base))) > _MAX_POWER:
        raise NoValue("too large a power")
    if not isinstance(base, context.mpc) and base < 0 and not isinstance(exponent, context.mpc):
        # The real power of a negative number for exponents p/q with a small odd q: x^(1/3) is real at -8.
        for q in (1, 3, 5, 7, 9):
            p = context.nint(exponent * q)
            if abs(exponent * q - p) < context.mpf(10) ** (5 - context.dps):
                value = context.power(-base, p if q == 1 else exponent)
                return -value if int(p) % 2 else value
    value = context.power(base, exponent)
    _local.depth = max(getattr(_local, "depth", 0), 0.302 * abs(context.mag(value)) if value else 0)
    return value


def _call(context: Any, node: Call, args: list[Any]) -> Any:
    name = node.name
    if name == "root":
        return _power(context, args[0], 1 / args[1]) if args[1] != 2 else context.sqrt(args[0])
    if name == "log":
        if len(args) == 2:
            return context.log(args[0]) / context.log(args[1])
        return context.log(args[0])
    if name in _BOUNDED and any(abs(a) != 0 and context.mag(a) > _MAX_MAGNITUDE for a in args):
        raise NoValue("too large an argument")
    if name in _DECAYING:
        if name in ("exp", "sinh", "cosh") and context.mag(args[0]) > 60:
            raise NoValue("too large an argument")
        _local.depth = max(getattr(_local, "depth", 0), 0.87 * float(abs(args[0])))
    if name in ELEMENTARY:
        return getattr(context, name)(args[0])
    if name in _FUNCTIONS:
        return _FUNCTIONS[name](context, args)
    # Any function of this name will do, as long as it is always the same one.
    key = ";".join(context.nstr(a, 25) for a in args)
    return context.mpf(random.Random(f"{name}({key})").randint(1, 2_000_000_000)) / 1_000_000_007


_BOUNDED = {
    "sin", "cos", "tan", "sec", "csc", "cot", "exp", "sinh", "cosh", "tanh", "gamma", "factorial", "binom", "mod",
    "floor", "ceil",
}  # fmt: skip


def _real(context: Any, value: Any) -> Any:
    if isinstance(value, context.mpc):
        if value.imag != 0:
            raise NoValue("not real")
        return value.real
    return value


def _whole(context: Any, value: Any) -> int:
    value = _real(context, value)
    if value != int(value) or abs(value) > 10**30:
        raise NoValue("not whole")
    return int(value)


def _floor(context: Any, value: Any) -> Any:
    value = _real(context, value)
    nearest = context.nint(value)
    if value != nearest and abs(value - nearest) < context.mpf(10) ** (-context.dps // 2):
        raise NoValue("too near a whole number")
    return context.floor(value)


def _gamma(context: Any, name: str, largest: int, args: list[Any]) -> Any:
    if max(abs(value) for value in args) > largest or context.dps > _MAX_GAMMA_DIGITS:
        raise NoValue("too large an argument")
    return getattr(context, name)(*args)


def _many(context: Any, args: list[Any], name: str) -> Any:
    import math

    return context.mpf(getattr(math, name)(*(_whole(context, a) for a in args)))


_FUNCTIONS: dict[str, Callable[[Any, list[Any]], Any]] = {
    "abs": lambda c, a: abs(a[0]),
    "re": lambda c, a: c.re(a[0]),
    "im": lambda c, a: c.im(a[0]),
    "floor": lambda c, a: _floor(c, a[0]),
    "ceil": lambda c, a: -_floor(c, -a[0]),
    "sgn": lambda c, a: c.sign(_real(c, a[0])),
    "max": lambda c, a: max(_real(c, x) for x in a),
    "min": lambda c, a: min(_real(c, x) for x in a),
    "factorial": lambda c, a: _gamma(c, "gamma", 10**12, [a[0] + 1]),
    "gamma": lambda c, a: _gamma(c, "gamma", 10**12, a[:1]),
    "binom": lambda c, a: _gamma(c, "binomial", 10**6, a[:2]),
    "mod": lambda c, a: a[0] - a[1] * _floor(c, a[0] / a[1]),
    "gcd": lambda c, a: _many(c, a, "gcd"),
    "lcm": lambda c, a: _many(c, a, "lcm"),
    "cis": lambda c, a: c.expj(a[0]),
}  # fmt: skip


def _sum(context: Any, node: Big, values: dict[str, Any], allowance: Allowance) -> Any:
    assert node.low is not None
    assert node.high is not None
    low, high = (_whole(context, _value(context, n, values, allowance)) for n in (node.low, node.high))
    if high - low > _MAX_SUMMANDS:
        raise NoValue("too many summands")
    bound = ({**values, node.variable: context.mpf(k)} for k in range(low, high + 1))
    terms = [_value(context, node.body, point, allowance) for point in bound]
    return context.fsum(terms) if node.kind == "sum" else context.fprod(terms)
