"""Functions, powers and roots of forms: exact values where they have one, rules such as that sine is odd, atoms else.

Sizes are estimated before anything is multiplied out.
"""

import math
from collections.abc import Callable, Iterable
from fractions import Fraction

from .forms import (
    MAX_BITS,
    MAX_TERMS,
    UNIT,
    Coefficient,
    Form,
    Monomial,
    Polynomial,
    TooHard,
    Undefined,
    add,
    inverse,
    is_variable,
    key_of,
    monomial,
    multiply,
    plain,
    scaled,
    times,
)

MAX_FACTORIAL = 3000
_TRIAL = 2000
"""Integers are factored by trial division up to here."""


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


def _atom(text: str, exponent: Coefficient = 1) -> Polynomial:
    return {((text, exponent),): 1}


def _unknown(name: str, args: list[Form]) -> Form:
    return Form(_atom(f"~{name}({';'.join(a.key for a in args)})"))


def _symmetric(name: str, args: list[Form]) -> Form:
    keys = sorted({a.key for a in args})
    return args[0] if len(keys) == 1 else Form(_atom(f"~{name}({';'.join(keys)})"))


def _divisor(name: str, args: list[Form]) -> Form:
    """The greatest common divisor or least common multiple of whole numbers, some of them letters.

    The common monomial comes out. What stays is an atom of its own: nothing says that n and 13 are coprime.
    """
    if any(a.bottom != UNIT or len(a.top) != 1 for a in args):
        return _symmetric(name, args)
    monos = [next(iter(a.top.items())) for a in args]
    if any(c.denominator != 1 or not all(is_variable(atom) and e > 0 for atom, e in m) for m, c in monos):
        return _symmetric(name, args)
    number = math.gcd(*(int(c) for _, c in monos))
    shared = {atom: min(dict(m).get(atom, 0) for m, _ in monos) for atom, _ in monos[0][0]}
    common, _ = monomial(shared)
    rest = [
        Form({monomial({atom: e - shared.get(atom, 0) for atom, e in m})[0]: abs(int(c)) // number}) for m, c in monos
    ]
    return multiply(Form({common: number}), _coprime(name, rest))


def _coprime(name: str, args: list[Form]) -> Form:
    """`_divisor` of single terms that have no factor in common."""
    if name == "gcd" and any(a.top == UNIT for a in args):
        return Form(UNIT)
    kept = [a for a in args if a.top != UNIT]
    values = [a.rational for a in kept]
    if kept and None not in values:
        exact = _exact_call(name, [v for v in values if v is not None])
        return Form({(): exact} if exact else {})
    return _symmetric(name, kept) if kept else Form(UNIT)


def _absolute(name: str, args: list[Form]) -> Form:
    (inner,) = args
    if inner.bottom != UNIT or len(inner.top) != 1:
        return _unknown("abs", [_signed(inner)[0]])
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
    return Form(scaled(_atom(f"~{name}({argument.key})"), sign) if argument.top else {})


def _even(name: str, args: list[Form]) -> Form:
    argument, _ = _signed(args[0])
    return Form(_atom(f"~{name}({argument.key})") if argument.top else UNIT)


def _signed(a: Form) -> tuple[Form, int]:
    is_negative = bool(a.top) and a.top[min(a.top, key=str)] < 0
    return (Form(scaled(a.top, -1), a.bottom), -1) if is_negative else (a, 1)


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
    for atom, exponent in (*mono, *factors(Fraction(coefficient)).items()):
        total = add(total, {(): exponent} if atom == "#e" else scaled(_atom(f"~log({atom})"), exponent))
    return Form(total)


_RULES: dict[str, Callable[[str, list[Form]], Form]] = {
    "abs": _absolute, "max": _symmetric, "min": _symmetric, "gcd": _divisor, "lcm": _divisor,
    "sin": _odd, "cos": _even, "tan": _tangent, "cot": _tangent, "sec": _tangent, "csc": _tangent,
    "sinh": _odd, "tanh": _odd, "asin": _odd, "atan": _odd, "asinh": _odd, "atanh": _odd, "cosh": _even,
    "log": _logarithm, "exp": lambda _, args: power(Form(_atom("#e")), args[0]),
}  # fmt: skip


# Powers and roots


def power(base: Form, exponent: Form) -> Form:
    """Return the form of a power; raises TooHard."""
    rational = exponent.rational
    return _symbolic_power(base, exponent) if rational is None else rational_power(base, Fraction(rational))


def rational_power(base: Form, exponent: Fraction) -> Form:
    if exponent == 1:
        return base
    if not base.top:
        if exponent <= 0:
            raise Undefined("a power of zero")
        return Form({})
    if exponent < 0:
        return inverse(rational_power(base, -exponent))
    if exponent.denominator > 1:
        return rational_power(root(base, exponent.denominator), Fraction(exponent.numerator))
    n = int(exponent)
    if n == 0:
        return Form(UNIT)
    return Form(_polynomial_power(base.top, n), UNIT if base.bottom is UNIT else _polynomial_power(base.bottom, n))


def _polynomial_power(base: Polynomial, n: int) -> Polynomial:
    if len(base) == 1:
        return _monomial_power(base, n)
    if len(base) == 0:
        return {}
    if n > 64 or math.comb(n + len(base) - 1, len(base) - 1) > MAX_TERMS:
        return _atom(f"~sum({key_of(base)})", n)
    result, square = UNIT, base
    while n:
        if n & 1:
            result = times(result, square)
        n >>= 1
        if n:
            square = times(square, square)
    return result


def _monomial_power(base: Polynomial, n: int) -> Polynomial:
    ((mono, coefficient),) = base.items()
    size = max(coefficient.numerator.bit_length(), coefficient.denominator.bit_length())
    exponents: dict[str, Coefficient] = {atom: exponent * n for atom, exponent in mono}
    if size * n > MAX_BITS and abs(coefficient) != 1:  # kept as powers of primes, which cancel and compare exactly
        sign = -1 if coefficient < 0 and n % 2 else 1
        for prime, exponent in factors(abs(Fraction(coefficient))).items():
            exponents[prime] = exponents.get(prime, 0) + exponent * n
        coefficient = 1
    else:
        sign, coefficient = 1, coefficient**n
    power, factor = monomial(exponents)
    return {power: sign * coefficient * factor}


def root(base: Form, n: int) -> Form:
    if n > 60:
        raise TooHard("too high a root")
    if base.bottom != UNIT:
        if base.variables:
            return Form(_atom(f"~root{n}({base.key})"))
        return multiply(root(Form(base.top), n), inverse(root(Form(base.bottom), n)))
    if len(base.top) == 1:
        return Form(_root_of_monomial(base.top, n))
    # The positive rational that divides all coefficients, with whole coprime numbers left, comes out.
    values = [Fraction(c) for c in base.top.values()]
    content = Fraction(math.gcd(*(v.numerator for v in values)), math.lcm(*(v.denominator for v in values)))
    inner = scaled(base.top, 1 / content)
    return Form(times(_root_of_monomial({(): content}, n), _atom(f"~root{n}({key_of(inner)})")))


def _root_of_monomial(base: Polynomial, n: int) -> Polynomial:
    ((mono, coefficient),) = base.items()
    negative = coefficient < 0
    is_hard = negative and n % 2 == 0 and (n != 2 or any(sign_unknown(atom) for atom, _ in mono))
    if is_hard or any(atom == "#i" for atom, _ in mono):
        return _atom(f"~root{n}({key_of(base)})")
    exponents: dict[str, Coefficient] = {}
    for atom, exponent in mono:
        if n % 2 == 0 and sign_unknown(atom) and exponent.denominator == 1 and exponent % 2 == 0:
            atom = f"~abs({key_of({((atom, 1),): 1})})"  # the square root of x^2 is |x|
        exponents[atom] = exponents.get(atom, 0) + plain(Fraction(exponent) / n)
    for prime, exponent in factors(abs(Fraction(coefficient))).items():
        exponents[prime] = exponents.get(prime, 0) + plain(Fraction(exponent, n))
    if negative and n == 2:
        exponents["#i"] = 1
    power, factor = monomial(exponents)
    return {power: -factor if negative and n % 2 else factor}


def sign_unknown(atom: str) -> bool:
    return not (atom[0] == "#" and atom != "#i") and not atom.startswith(("~abs(", "~pow(#"))


def factors(value: Fraction) -> dict[str, int]:
    """Return the prime atoms of a positive rational with their exponents; a large cofactor is an unsafe atom."""
    found: dict[str, int] = {}
    for number, sign in ((value.numerator, 1), (value.denominator, -1)):
        for prime, exponent in _prime_powers(number):
            found[prime] = found.get(prime, 0) + sign * exponent
    return found


def _prime_powers(number: int) -> Iterable[tuple[str, int]]:
    for divisor in (2, 3, 5, *range(7, _TRIAL, 2)):
        if divisor * divisor > number:
            break
        exponent = 0
        while number % divisor == 0:
            number //= divisor
            exponent += 1
        if exponent:
            yield f"#{divisor}", exponent
    if number > 1:
        root = math.isqrt(number) if number.bit_length() < 4000 else 0
        if root * root == number:
            yield (f"#{root}" if root < _TRIAL**2 else f"~n{root}"), 2
        else:
            yield (f"#{number}" if number < _TRIAL**2 else f"~n{number}"), 1


def _symbolic_power(base: Form, exponent: Form) -> Form:
    """Split base^(p + 2q) into base^p (base^q)^2, for a base of one term."""
    if exponent.bottom != UNIT or base.bottom != UNIT or len(base.top) != 1:
        return Form(_atom(f"~pow({base.key};{exponent.key})"))
    result = Form(UNIT)
    for mono, coefficient in exponent.top.items():
        if not mono:
            result = multiply(result, rational_power(base, Fraction(coefficient)))
        else:
            result = multiply(result, Form(_power_atoms(base.top, mono, coefficient)))
    return result


def _power_atoms(base: Polynomial, exponent: Monomial, coefficient: Coefficient) -> Polynomial:
    ((mono, factor),) = base.items()
    if factor < 0 or (mono and factor != 1) or len(mono) > 1:
        return _atom(f"~pow({key_of(base)};{key_of({exponent: coefficient})})")
    key = key_of({exponent: 1})
    parts = mono or factors(Fraction(factor)).items()
    return {tuple(sorted((f"~pow({atom};{key})", plain(Fraction(e) * coefficient)) for atom, e in parts)): 1}
