"""Powers and roots of forms: with rational exponents, and with symbolic ones. Sizes are estimated first."""

import math
from collections.abc import Iterable
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
    inverse,
    key_of,
    monomial,
    multiply,
    plain,
    scaled,
    times,
)

_TRIAL = 2000
"""Integers are factored by trial division up to here."""


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
        rooted = root(base, exponent.denominator)
        return rational_power(rooted, Fraction(exponent.numerator))
    return _whole_power(base, int(exponent))


def _whole_power(base: Form, n: int) -> Form:
    if n == 0:
        return Form(UNIT)
    return Form(_polynomial_power(base.top, n), UNIT if base.bottom is UNIT else _polynomial_power(base.bottom, n))


def _polynomial_power(base: Polynomial, n: int) -> Polynomial:
    if len(base) == 1:
        return _monomial_power(base, n)
    if len(base) == 0:
        return {}
    if n > 64 or math.comb(n + len(base) - 1, len(base) - 1) > MAX_TERMS:
        return {((f"~sum({key_of(base)})", n),): 1}
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
            return Form({((f"~root{n}({base.key})", 1),): 1})
        return multiply(root(Form(base.top), n), inverse(root(Form(base.bottom), n)))
    if len(base.top) == 1:
        return Form(_root_of_monomial(base.top, n))
    content = _content(base.top)
    inner = scaled(base.top, 1 / content)
    outer = _root_of_monomial({(): content}, n)
    return Form(times(outer, {((f"~root{n}({key_of(inner)})", 1),): 1}))


def _content(polynomial: Polynomial) -> Fraction:
    """Return the positive rational that divides all coefficients, with whole coprime numbers left."""
    values = [Fraction(c) for c in polynomial.values()]
    return Fraction(math.gcd(*(v.numerator for v in values)), math.lcm(*(v.denominator for v in values)))


def _root_of_monomial(base: Polynomial, n: int) -> Polynomial:
    ((mono, coefficient),) = base.items()
    negative = coefficient < 0
    if any(sign_unknown(atom) for atom, _ in mono) and negative and n % 2 == 0:
        return {((f"~root{n}({key_of(base)})", 1),): 1}
    if negative and n not in (2,) and n % 2 == 0:
        return {((f"~root{n}({key_of(base)})", 1),): 1}
    exponents: dict[str, Coefficient] = {}
    for atom, exponent in mono:
        if atom == "#i":
            return {((f"~root{n}({key_of(base)})", 1),): 1}
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


def symbolic_power(base: Form, exponent: Form) -> Form:
    """Split base^(p + 2q) into base^p (base^q)^2, for a base of one term."""
    if exponent.bottom != UNIT or base.bottom != UNIT or len(base.top) != 1:
        return Form({((f"~pow({base.key};{exponent.key})", 1),): 1})
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
        return {((f"~pow({key_of(base)};{key_of({exponent: coefficient})})", 1),): 1}
    parts: dict[str, Coefficient] = dict(mono) if mono else dict(factors(Fraction(factor)))
    atoms: dict[str, Coefficient] = {}
    for atom, e in parts.items():
        atoms[f"~pow({atom};{key_of({exponent: 1})})"] = plain(Fraction(e) * coefficient)
    return {tuple(sorted(atoms.items())): 1}
