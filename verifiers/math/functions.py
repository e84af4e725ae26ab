"""Functions of forms: exact values where they have one, rules such as that sine is odd, and atoms for the rest."""

import math
from collections.abc import Callable
from fractions import Fraction

from .forms import (
    UNIT,
    Coefficient,
    Form,
    Polynomial,
    TooHard,
    add,
    inverse,
    is_variable,
    key_of,
    monomial,
    multiply,
    plain,
    scaled,
)
from .powers import factors, rational_power, root, sign_unknown, symbolic_power

MAX_FACTORIAL = 3000


def apply(name: str, args: list[Form]) -> Form:
    """Return the form of a function of arguments; raises TooHard."""
    if name == "root":
        index = args[1].rational
        if index is None or index.denominator != 1 or not 0 < index <= 60:
            raise TooHard("no root")
        return root(args[0], int(index))
    values = [a.rational for a in args]
    exact = _exact_call(name, [v for v in values if v is not None]) if None not in values else None
    if exact is not None:
        return Form({(): plain(exact)} if exact else {})
    return _RULES.get(name, _unknown)(name, args)


def _exact_call(name: str, values: list[Coefficient]) -> Coefficient | None:
    """Return the rational value of a function of rationals, or None if it has none here."""
    first = Fraction(values[0])
    if name in ("max", "min"):
        return max(values) if name == "max" else min(values)
    if name == "abs":
        return abs(first)
    if name in ("floor", "ceil"):
        return math.floor(first) if name == "floor" else math.ceil(first)
    if name == "sgn":
        return (first > 0) - (first < 0)
    if name in ("re", "im"):
        return first if name == "re" else 0
    if name == "mod" and values[1]:
        return first % values[1]
    whole = [int(v) for v in values if v.denominator == 1]
    if len(whole) < len(values):
        return None
    if name in ("gcd", "lcm"):
        return math.gcd(*whole) if name == "gcd" else math.lcm(*whole)
    if name == "factorial" and 0 <= whole[0] <= MAX_FACTORIAL:
        return math.factorial(whole[0])
    if name == "gamma" and 0 < whole[0] <= MAX_FACTORIAL:
        return math.factorial(whole[0] - 1)
    if (
        name == "binom"
        and 0 <= whole[0] <= 20_000
        and whole[1] >= 0
        and min(whole[1], abs(whole[0] - whole[1])) <= 3000
    ):
        return math.comb(whole[0], whole[1])
    return None


def _unknown(name: str, args: list[Form]) -> Form:
    return Form({((f"~{name}({';'.join(a.key for a in args)})", 1),): 1})


def _symmetric(name: str, args: list[Form]) -> Form:
    if name in ("gcd", "lcm") and all(a.bottom == UNIT and len(a.top) == 1 for a in args):
        return _monomial_gcd(name, args)
    keys = sorted({a.key for a in args})
    return args[0] if len(keys) == 1 else Form({((f"~{name}({';'.join(keys)})", 1),): 1})


def _monomial_gcd(name: str, args: list[Form]) -> Form:
    """The greatest common divisor or least common multiple of single terms with whole coefficients."""
    monos = [next(iter(a.top.items())) for a in args]
    if any(c.denominator != 1 or any(not is_variable(atom) for atom, _ in m) for m, c in monos):
        return _unknown(name, args)
    whole = [int(c) for _, c in monos]
    number: int = math.gcd(*whole) if name == "gcd" else math.lcm(*whole)
    atoms = {atom for m, _ in monos for atom, _ in m}
    exponents: dict[str, Coefficient] = {}
    for atom in sorted(atoms):
        found: list[Coefficient] = [dict(m).get(atom, 0) for m, _ in monos]
        exponents[atom] = min(found) if name == "gcd" else max(found)
    power, factor = monomial(exponents)
    sign = -1 if name == "lcm" and sum(n < 0 for n in whole) % 2 else 1  # polynomials have theirs up to a unit
    return Form({power: factor * number * sign})


def _absolute(name: str, args: list[Form]) -> Form:
    (inner,) = args
    if inner.bottom != UNIT or len(inner.top) != 1:
        top = inner.top
        sign = -1 if top and Fraction(top[min(top, key=str)]) < 0 else 1
        return _unknown("abs", [Form(scaled(top, sign), inner.bottom)])
    ((mono, coefficient),) = inner.top.items()
    if any(atom == "#i" for atom, _ in mono):
        return _unknown(name, args)
    exponents: dict[str, Coefficient] = {}
    for atom, exponent in mono:
        if sign_unknown(atom) and not (exponent.denominator == 1 and exponent % 2 == 0):
            atom = f"~abs({key_of({((atom, 1),): 1})})"
        exponents[atom] = exponents.get(atom, 0) + exponent
    power, factor = monomial(exponents)
    return Form({power: factor * (-coefficient if coefficient < 0 else coefficient)})


def _odd(name: str, args: list[Form]) -> Form:
    """sin and its kin: the sign of the argument comes out."""
    argument, sign = _signed(args[0])
    if not argument.top:
        return Form({})
    return Form({((f"~{name}({argument.key})", 1),): sign})


def _even(name: str, args: list[Form]) -> Form:
    argument, _ = _signed(args[0])
    if not argument.top:
        return Form(UNIT)
    return Form({((f"~{name}({argument.key})", 1),): 1})


def _signed(a: Form) -> tuple[Form, int]:
    if not a.top:
        return a, 1
    sign = -1 if Fraction(a.top[min(a.top, key=str)]) < 0 else 1
    return (Form(scaled(a.top, -1), a.bottom), -1) if sign < 0 else (a, 1)


def _tangent(name: str, args: list[Form]) -> Form:
    top, bottom = _odd("sin", args), _even("cos", args)
    parts = {"tan": (top, bottom), "cot": (bottom, top), "sec": (Form(UNIT), bottom), "csc": (Form(UNIT), top)}
    above, below = parts[name]
    return multiply(above, inverse(below))


def _logarithm(name: str, args: list[Form]) -> Form:
    value = _natural_logarithm(args[0])
    return multiply(value, inverse(_natural_logarithm(args[1]))) if len(args) == 2 else value


def _natural_logarithm(a: Form) -> Form:
    if a.bottom != UNIT or len(a.top) != 1:
        return _unknown("log", [a])
    ((mono, coefficient),) = a.top.items()
    if coefficient <= 0 or any(not atom.startswith("#") or atom == "#i" for atom, _ in mono):
        return _unknown("log", [a])
    total: Polynomial = {}
    parts = [(atom, exponent) for atom, exponent in mono] + list(factors(Fraction(coefficient)).items())
    for atom, exponent in parts:
        term: Polynomial = {(): exponent} if atom == "#e" else {((f"~log({atom})", 1),): exponent}
        total = add(total, term)
    return Form(total)


def _exponential(_name: str, args: list[Form]) -> Form:
    base = Form({(("#e", 1),): 1})
    rational = args[0].rational
    return symbolic_power(base, args[0]) if rational is None else rational_power(base, Fraction(rational))


_RULES: dict[str, Callable[[str, list[Form]], Form]] = {
    "abs": _absolute, "max": _symmetric, "min": _symmetric, "gcd": _symmetric, "lcm": _symmetric,
    "sin": _odd, "cos": _even, "tan": _tangent, "cot": _tangent, "sec": _tangent, "csc": _tangent,
    "sinh": _odd, "tanh": _odd, "asin": _odd, "atan": _odd, "asinh": _odd, "atanh": _odd, "cosh": _even,
    "log": _logarithm, "exp": _exponential,
}  # fmt: skip
