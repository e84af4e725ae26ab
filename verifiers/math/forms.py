r"""Quotients of polynomials over Q, in which equal values have equal forms.

A form is a quotient of two polynomials in *atoms*: variables, constants, primes (for radicals, with exponents in
(0, 1)), and whatever else stands for itself: functions of arguments, roots of sums, powers with symbolic exponents. A
difference of two forms that is not zero proves inequality only where the atoms are independent: variables, pi, i and
the radicals of integers, which are linearly independent over Q (Besicovitch 1940).
"""

import math
import threading
from fractions import Fraction

Coefficient = int | Fraction
Monomial = tuple[tuple[str, Coefficient], ...]
Polynomial = dict[Monomial, Coefficient]

MAX_TERMS = 400
MAX_PRODUCTS = 40_000
"""Products of two terms of usual size that one canonical form may take: a fraction of a second."""
MAX_BITS = 40_000
MAX_KEY = 4000
UNIT: Polynomial = {(): 1}
_local = threading.local()


class TooHard(ValueError):
    """This tier cannot decide: too large, or no expression."""


class Undefined(TooHard):
    """A division by zero: the expression has no value."""


class Form:
    """A quotient of polynomials; `is_safe` tells whether a difference from another safe form proves inequality."""

    __slots__ = ("bottom", "top")

    def __init__(self, top: Polynomial, bottom: Polynomial = UNIT) -> None:
        self.top = top
        self.bottom = bottom

    @property
    def is_safe(self) -> bool:
        """Whether all atoms are independent."""
        return _all_safe(self.top) and _all_safe(self.bottom)

    @property
    def rational(self) -> Coefficient | None:
        """The value if it is a rational number."""
        if self.bottom is not UNIT and self.bottom != UNIT:
            return None
        if not self.top:
            return 0
        if len(self.top) == 1 and () in self.top:
            return self.top[()]
        return None

    @property
    def variables(self) -> set[str]:
        """Names in it, those inside other atoms not among them."""
        return {atom for mono in (*self.top, *self.bottom) for atom, _ in mono if is_variable(atom)}

    @property
    def key(self) -> str:
        """A text that equal forms share."""
        top = key_of(self.top)
        return top if self.bottom is UNIT or self.bottom == UNIT else f"{top}//{key_of(self.bottom)}"


def difference(a: Form, b: Form) -> Form:
    """Return a form that is zero if and only if the two are equal."""
    if a.bottom == b.bottom:
        return Form(add(a.top, scaled(b.top, -1)))
    return Form(add(times(a.top, b.bottom), scaled(times(b.top, a.bottom), -1)))


def proportional(a: Polynomial, b: Polynomial) -> Coefficient | None:
    """Return the rational that turns b into a, or None."""
    if len(a) != len(b) or not a or a.keys() != b.keys():
        return None
    mono = next(iter(a))
    ratio = Fraction(a[mono]) / b[mono]
    return ratio if all(Fraction(a[m]) == ratio * b[m] for m in a) else None


# Polynomials


def is_variable(atom: str) -> bool:
    return atom[0] not in "#~"


def _all_safe(polynomial: Polynomial) -> bool:
    return all(
        is_variable(atom)
        or (exponent.denominator == 1 if atom in ("#pi", "#i") else atom[1:].isdigit() and 0 < exponent < 1)
        for mono in polynomial
        for atom, exponent in mono
    )


def add(a: Polynomial, b: Polynomial) -> Polynomial:
    total = dict(a)
    for mono, coefficient in b.items():
        value = total.get(mono, 0) + coefficient
        if value:
            total[mono] = value
        else:
            del total[mono]
    if len(total) > MAX_TERMS:
        raise TooHard("too many terms")
    return total


def scaled(a: Polynomial, factor: Coefficient) -> Polynomial:
    return {mono: coefficient * factor for mono, coefficient in a.items()}


def times(a: Polynomial, b: Polynomial) -> Polynomial:
    if a is UNIT or b is UNIT:
        return b if a is UNIT else a
    if len(a) * len(b) > 4 * MAX_TERMS:
        raise TooHard("too many terms")
    spent = len(a) * len(b) * (1 + (_bits(a) + _bits(b)) // 256)
    _local.budget = getattr(_local, "budget", MAX_PRODUCTS) - spent
    if _local.budget < 0:
        raise TooHard("too much to multiply out")
    total: Polynomial = {}
    for mono_a, c in a.items():
        for mono_b, d in b.items():
            mono, factor = _times_monomials(mono_a, mono_b)
            coefficient = c * d if factor == 1 else c * d * factor
            check_size(coefficient)
            value = total.get(mono, 0) + coefficient
            if value:
                total[mono] = value
            else:
                total.pop(mono, None)
    if len(total) > MAX_TERMS:
        raise TooHard("too many terms")
    return total


def start_budget() -> None:
    """Allow this thread the multiplications of one canonical form."""
    _local.budget = MAX_PRODUCTS


def _bits(polynomial: Polynomial) -> int:
    coefficient = next(iter(polynomial.values()), 0)
    return coefficient.numerator.bit_length() + coefficient.denominator.bit_length()


def check_size(value: Coefficient) -> None:
    if value.numerator.bit_length() > MAX_BITS or value.denominator.bit_length() > MAX_BITS:
        raise TooHard("too large a number")


def _times_monomials(a: Monomial, b: Monomial) -> tuple[Monomial, Coefficient]:
    if not a or not b:
        return a or b, 1
    exponents = dict(a)
    for atom, exponent in b:
        exponents[atom] = exponents.get(atom, 0) + exponent
    return monomial(exponents)


def monomial(exponents: dict[str, Coefficient]) -> tuple[Monomial, Coefficient]:
    """Return the monomial with the rational that comes out of it: i^2, and whole powers of primes."""
    factor: Coefficient = 1
    kept, bits = [], 0
    for atom, exponent in exponents.items():
        if not exponent:
            continue
        if atom[0] == "#":
            if atom == "#i" and exponent.denominator == 1:
                turns = int(exponent) % 4
                factor = -factor if turns >= 2 else factor
                exponent = turns % 2
            elif atom[1:].isdigit() and (exponent >= 1 or exponent < 0):
                whole = math.floor(exponent)
                size = abs(whole) * int(atom[1:]).bit_length()
                if size <= MAX_BITS:
                    bits += size
                    if bits > 4 * MAX_BITS:  # each prime's power is small enough, and their product is not
                        raise TooHard("too large a number")
                    factor = factor * Fraction(int(atom[1:])) ** whole
                    exponent = exponent - whole
            if not exponent:
                continue
        kept.append((atom, exponent))
    kept.sort()
    return tuple(kept), plain(factor)


def plain(value: Coefficient) -> Coefficient:
    return value.numerator if value.denominator == 1 else value


def key_of(polynomial: Polynomial) -> str:
    """Return a text that equal polynomials share; raises TooHard for a long one, as towers of powers nest them."""
    parts = sorted((str(mono), "*".join(f"{a}^{e}" for a, e in mono), c) for mono, c in polynomial.items())
    key = "+".join(f"{c}*{text}" for _, text, c in parts)
    if len(key) > MAX_KEY:
        raise TooHard("too long a form")
    return key


# Quotients


def plus(a: Form, b: Form) -> Form:
    if a.bottom == b.bottom:
        return Form(add(a.top, b.top), a.bottom)
    return reduced(add(times(a.top, b.bottom), times(b.top, a.bottom)), times(a.bottom, b.bottom))


def multiply(a: Form, b: Form) -> Form:
    return reduced(times(a.top, b.top), times(a.bottom, b.bottom))


def inverse(a: Form) -> Form:
    if not a.top:
        raise Undefined("division by zero")
    return reduced(a.bottom, a.top)


def reduced(top: Polynomial, bottom: Polynomial) -> Form:
    """Divide by a denominator of one term, and by the leading coefficient of any."""
    if bottom is UNIT:
        return Form(top)
    if len(bottom) == 1:
        ((mono, coefficient),) = bottom.items()
        inverse, factor = monomial({atom: -exponent for atom, exponent in mono})
        factor = Fraction(factor) / coefficient
        return Form(times(top, {inverse: plain(factor)}))
    lead = bottom[min(bottom, key=str)]
    if lead != 1:
        scale = plain(1 / Fraction(lead))
        top, bottom = scaled(top, scale), scaled(bottom, scale)
    if top == bottom:
        return Form(UNIT)
    ratio = proportional(top, bottom)
    return Form({(): plain(ratio)}) if ratio is not None else Form(top, bottom)
