r"""Canonical forms over Q with variables, pi, e, i and radicals: equal forms are equal values.

A form is a quotient of two polynomials in *atoms*: variables, constants, primes (for radicals, with exponents in
(0, 1)), and whatever else stands for itself: functions of arguments, roots of sums, powers with symbolic exponents. A
difference of two forms that is not zero proves inequality only where the atoms are independent: variables, pi, i and
the radicals of integers, which are linearly independent over Q (Besicovitch 1940). Sizes are estimated before anything
is computed.
"""

import math
from collections.abc import Iterable
from fractions import Fraction

from .tree import Add, Based, Big, Call, Matrix, Mul, Node, Num, Pow, Quantity, Sym

Coefficient = int | Fraction
Monomial = tuple[tuple[str, Coefficient], ...]
Polynomial = dict[Monomial, Coefficient]

MAX_TERMS = 400
MAX_BITS = 40_000
MAX_FACTORIAL = 3000
MAX_SUMMANDS = 400
_ONE: Polynomial = {(): 1}
_TRIAL = 2000
"""Integers are factored by trial division up to here."""


class TooHard(ValueError):
    """Beyond what this tier decides: too large, or no expression."""


class Undefined(TooHard):
    """A division by zero: the expression has no value."""


class Form:
    """A quotient of polynomials; `is_safe` tells whether a difference from another safe form proves inequality."""

    __slots__ = ("bottom", "top")

    def __init__(self, top: Polynomial, bottom: Polynomial = _ONE) -> None:
        self.top = top
        self.bottom = bottom

    @property
    def is_safe(self) -> bool:
        """Whether all atoms are independent."""
        return _all_safe(self.top) and _all_safe(self.bottom)

    @property
    def rational(self) -> Coefficient | None:
        """The value if it is a rational number."""
        if self.bottom is not _ONE and self.bottom != _ONE:
            return None
        if not self.top:
            return 0
        if len(self.top) == 1 and () in self.top:
            return self.top[()]
        return None

    @property
    def variables(self) -> set[str]:
        """Names in it, those inside other atoms not among them."""
        return {
            atom
            for polynomial in (self.top, self.bottom)
            for mono in polynomial
            for atom, _ in mono
            if _is_variable(atom)
        }

    @property
    def key(self) -> str:
        """A text that equal forms share."""
        top = _key(self.top)
        return top if self.bottom is _ONE or self.bottom == _ONE else f"{top}//{_key(self.bottom)}"


def canonical(node: Node) -> Form:
    r"""Return the form of an expression; raises TooHard.

    >>> from .parser import read
    >>> canonical(read(r"(x+1)^2")).key == canonical(read("1+2x+x^2")).key
    True
    """
    try:
        return _form(node)
    except (ZeroDivisionError, OverflowError, RecursionError):
        raise TooHard("no finite value") from None


def difference(a: Form, b: Form) -> Form:
    """Return a form that is zero if and only if the two are equal."""
    if a.bottom == b.bottom:
        return Form(_sum(a.top, _scaled(b.top, -1)))
    return Form(_sum(_times(a.top, b.bottom), _scaled(_times(b.top, a.bottom), -1)))


def proportional(a: Polynomial, b: Polynomial) -> Coefficient | None:
    """Return the rational that turns b into a, or None."""
    if len(a) != len(b) or not a or a.keys() != b.keys():
        return None
    mono = next(iter(a))
    ratio = Fraction(a[mono]) / b[mono]
    return ratio if all(Fraction(a[m]) == ratio * b[m] for m in a) else None


def _form(node: Node) -> Form:
    if isinstance(node, Num):
        return Form({(): node.value} if node.value else {})
    if isinstance(node, Sym):
        return _symbol(node.name)
    if isinstance(node, Add):
        total = _form(node.terms[0])
        for term in node.terms[1:]:
            total = _plus(total, _form(term))
        return total
    if isinstance(node, Mul):
        product = _form(node.factors[0])
        for factor in node.factors[1:]:
            product = _multiply(product, _form(factor))
        return product
    if isinstance(node, Pow):
        return _power(node)
    if isinstance(node, Call):
        return _call(node)
    if isinstance(node, Based):
        return Form({(): based_value(node)})
    if isinstance(node, Big):
        return _big(node)
    if isinstance(node, Quantity) and node.unit == "degrees":
        return _multiply(_form(node.value), _symbol("#deg"))
    raise TooHard(f"no expression: {type(node).__name__}")


def based_value(node: Based) -> Fraction:
    """Return the value of a numeral in a base."""
    whole, _, fraction = node.digits.partition(".")
    value = Fraction(int(whole or "0", node.base))
    return value + (Fraction(int(fraction, node.base), node.base ** len(fraction)) if fraction else 0)


def _symbol(name: str) -> Form:
    if name == "#deg":
        return Form({(("#pi", 1),): Fraction(1, 180)})
    if name in ("#inf", "#nan") or name.startswith("#set"):
        raise TooHard("no number")
    return Form({((name, 1),): 1})


# Polynomials


def _is_variable(atom: str) -> bool:
    return atom[0] not in "#~"


def _all_safe(polynomial: Polynomial) -> bool:
    return all(_is_safe_atom(atom, exponent) for mono in polynomial for atom, exponent in mono)


def _is_safe_atom(atom: str, exponent: Coefficient) -> bool:
    if atom[0] != "#":
        return atom[0] != "~"
    if atom in ("#pi", "#i"):
        return exponent.denominator == 1
    return atom[1:].isdigit() and 0 < exponent < 1


def _sum(a: Polynomial, b: Polynomial) -> Polynomial:
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


def _scaled(a: Polynomial, factor: Coefficient) -> Polynomial:
    return {mono: coefficient * factor for mono, coefficient in a.items()}


def _times(a: Polynomial, b: Polynomial) -> Polynomial:
    if a is _ONE or b is _ONE:
        return b if a is _ONE else a
    if len(a) * len(b) > 4 * MAX_TERMS:
        raise TooHard("too many terms")
    total: Polynomial = {}
    for mono_a, c in a.items():
        for mono_b, d in b.items():
            mono, factor = _times_monomials(mono_a, mono_b)
            coefficient = c * d if factor == 1 else c * d * factor
            _check_size(coefficient)
            value = total.get(mono, 0) + coefficient
            if value:
                total[mono] = value
            else:
                total.pop(mono, None)
    if len(total) > MAX_TERMS:
        raise TooHard("too many terms")
    return total


def _check_size(value: Coefficient) -> None:
    if value.numerator.bit_length() > MAX_BITS or value.denominator.bit_length() > MAX_BITS:
        raise TooHard("too large a number")


def _times_monomials(a: Monomial, b: Monomial) -> tuple[Monomial, Coefficient]:
    if not a or not b:
        return a or b, 1
    exponents = dict(a)
    for atom, exponent in b:
        exponents[atom] = exponents.get(atom, 0) + exponent
    return _monomial(exponents)


def _monomial(exponents: dict[str, Coefficient]) -> tuple[Monomial, Coefficient]:
    """Return the monomial with the rational that comes out of it: i^2, and whole powers of primes."""
    factor: Coefficient = 1
    kept = []
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
                if abs(whole) * int(atom[1:]).bit_length() <= MAX_BITS:
                    factor = factor * Fraction(int(atom[1:])) ** whole
                    exponent = exponent - whole
            if not exponent:
                continue
        kept.append((atom, exponent))
    kept.sort()
    return tuple(kept), _plain(factor)


def _plain(value: Coefficient) -> Coefficient:
    return value.numerator if value.denominator == 1 else value


def _key(polynomial: Polynomial) -> str:
    return "+".join(
        f"{c}*{'*'.join(f'{a}^{e}' for a, e in m)}" for m, c in sorted(polynomial.items(), key=lambda t: str(t[0]))
    )


# Quotients


def _plus(a: Form, b: Form) -> Form:
    if a.bottom == b.bottom:
        return Form(_sum(a.top, b.top), a.bottom)
    return _reduced(_sum(_times(a.top, b.bottom), _times(b.top, a.bottom)), _times(a.bottom, b.bottom))


def _multiply(a: Form, b: Form) -> Form:
    return _reduced(_times(a.top, b.top), _times(a.bottom, b.bottom))


def _inverse(a: Form) -> Form:
    if not a.top:
        raise Undefined("division by zero")
    return _reduced(a.bottom, a.top)


def _reduced(top: Polynomial, bottom: Polynomial) -> Form:
    """Divide by a denominator of one term, and by the leading coefficient of any."""
    if bottom is _ONE:
        return Form(top)
    if len(bottom) == 1:
        ((mono, coefficient),) = bottom.items()
        inverse, factor = _monomial({atom: -exponent for atom, exponent in mono})
        factor = Fraction(factor) / coefficient
        return Form(_times(top, {inverse: _plain(factor)}))
    lead = bottom[min(bottom, key=str)]
    if lead != 1:
        scale = _plain(1 / Fraction(lead))
        top, bottom = _scaled(top, scale), _scaled(bottom, scale)
    if top == bottom:
        return Form(_ONE)
    ratio = proportional(top, bottom)
    return Form({(): _plain(ratio)}) if ratio is not None else Form(top, bottom)


# Powers and roots


def _power(node: Pow) -> Form:
    exponent = _form(node.exponent)
    rational = exponent.rational
    if isinstance(node.base, Sym) and node.base.name == "#e" and rational is None:
        return _symbolic_power(Form({(("#e", 1),): 1}), exponent)
    base = _form(node.base)
    if rational is None:
        return _symbolic_power(base, exponent)
    return _rational_power(base, Fraction(rational))


def _rational_power(base: Form, exponent: Fraction) -> Form:
    if exponent == 1:
        return base
    if not base.top:
        if exponent <= 0:
            raise Undefined("a power of zero")
        return Form({})
    if exponent < 0:
        return _inverse(_rational_power(base, -exponent))
    if exponent.denominator > 1:
        rooted = _root(base, exponent.denominator)
        return _rational_power(rooted, Fraction(exponent.numerator))
    return _whole_power(base, int(exponent))


def _whole_power(base: Form, n: int) -> Form:
    if n == 0:
        return Form(_ONE)
    return Form(_polynomial_power(base.top, n), _ONE if base.bottom is _ONE else _polynomial_power(base.bottom, n))


def _polynomial_power(base: Polynomial, n: int) -> Polynomial:
    if len(base) == 1:
        return _monomial_power(base, n)
    if len(base) == 0:
        return {}
    if n > 64 or math.comb(n + len(base) - 1, len(base) - 1) > MAX_TERMS:
        return {((f"~sum({_key(base)})", n),): 1}
    result, square = _ONE, base
    while n:
        if n & 1:
            result = _times(result, square)
        n >>= 1
        if n:
            square = _times(square, square)
    return result


def _monomial_power(base: Polynomial, n: int) -> Polynomial:
    ((mono, coefficient),) = base.items()
    size = max(coefficient.numerator.bit_length(), coefficient.denominator.bit_length())
    exponents: dict[str, Coefficient] = {atom: exponent * n for atom, exponent in mono}
    if size * n > MAX_BITS and abs(coefficient) != 1:  # kept as powers of primes, which cancel and compare exactly
        sign = -1 if coefficient < 0 and n % 2 else 1
        for prime, exponent in _factors(abs(Fraction(coefficient))).items():
            exponents[prime] = exponents.get(prime, 0) + exponent * n
        coefficient = 1
    else:
        sign, coefficient = 1, coefficient**n
    power, factor = _monomial(exponents)
    return {power: sign * coefficient * factor}


def _root(base: Form, n: int) -> Form:
    if n > 60:
        raise TooHard("too high a root")
    if base.bottom != _ONE:
        if base.variables:
            return Form({((f"~root{n}({base.key})", 1),): 1})
        return _multiply(_root(Form(base.top), n), _inverse(_root(Form(base.bottom), n)))
    if len(base.top) == 1:
        return Form(_root_of_monomial(base.top, n))
    content = _content(base.top)
    inner = _scaled(base.top, 1 / content)
    outer = _root_of_monomial({(): content}, n)
    return Form(_times(outer, {((f"~root{n}({_key(inner)})", 1),): 1}))


def _content(polynomial: Polynomial) -> Fraction:
    """Return the positive rational that divides all coefficients, with whole coprime numbers left."""
    values = [Fraction(c) for c in polynomial.values()]
    return Fraction(math.gcd(*(v.numerator for v in values)), math.lcm(*(v.denominator for v in values)))


def _root_of_monomial(base: Polynomial, n: int) -> Polynomial:
    ((mono, coefficient),) = base.items()
    negative = coefficient < 0
    if any(_sign_unknown(atom) for atom, _ in mono) and negative and n % 2 == 0:
        return {((f"~root{n}({_key(base)})", 1),): 1}
    if negative and n not in (2,) and n % 2 == 0:
        return {((f"~root{n}({_key(base)})", 1),): 1}
    exponents: dict[str, Coefficient] = {}
    for atom, exponent in mono:
        if atom == "#i":
            return {((f"~root{n}({_key(base)})", 1),): 1}
        if n % 2 == 0 and _sign_unknown(atom) and exponent.denominator == 1 and exponent % 2 == 0:
            atom = f"~abs({_key({((atom, 1),): 1})})"  # the square root of x^2 is |x|
        exponents[atom] = exponents.get(atom, 0) + _plain(Fraction(exponent) / n)
    for prime, exponent in _factors(abs(Fraction(coefficient))).items():
        exponents[prime] = exponents.get(prime, 0) + _plain(Fraction(exponent, n))
    if negative and n == 2:
        exponents["#i"] = 1
    power, factor = _monomial(exponents)
    return {power: -factor if negative and n % 2 else factor}


def _sign_unknown(atom: str) -> bool:
    return not (atom[0] == "#" and atom != "#i") and not atom.startswith(("~abs(", "~pow(#"))


def _factors(value: Fraction) -> dict[str, int]:
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
    if exponent.bottom != _ONE or base.bottom != _ONE or len(base.top) != 1:
        return Form({((f"~pow({base.key};{exponent.key})", 1),): 1})
    result = Form(_ONE)
    for mono, coefficient in exponent.top.items():
        if not mono:
            result = _multiply(result, _rational_power(base, Fraction(coefficient)))
        else:
            result = _multiply(result, Form(_power_atoms(base.top, mono, coefficient)))
    return result


def _power_atoms(base: Polynomial, exponent: Monomial, coefficient: Coefficient) -> Polynomial:
    ((mono, factor),) = base.items()
    if factor < 0 or (mono and factor != 1) or len(mono) > 1:
        return {((f"~pow({_key(base)};{_key({exponent: coefficient})})", 1),): 1}
    parts: dict[str, Coefficient] = dict(mono) if mono else dict(_factors(Fraction(factor)))
    atoms: dict[str, Coefficient] = {}
    for atom, e in parts.items():
        atoms[f"~pow({atom};{_key({exponent: 1})})"] = _plain(Fraction(e) * coefficient)
    return {tuple(sorted(atoms.items())): 1}


# Functions


def _call(node: Call) -> Form:
    name = node.name
    if name == "root":
        index = _form(node.args[1]).rational
        if index is None or index.denominator != 1 or not 0 < index <= 60:
            raise TooHard("no root")
        return _root(_form(node.args[0]), int(index))
    if any(isinstance(a, Matrix) for a in node.args):
        raise TooHard("a function of a matrix")
    args = [_form(a) for a in node.args]
    values = [a.rational for a in args]
    exact = _exact_call(name, [v for v in values if v is not None]) if None not in values else None
    if exact is not None:
        return Form({(): _plain(exact)} if exact else {})
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
    if name in ("gcd", "lcm") and all(a.bottom == _ONE and len(a.top) == 1 for a in args):
        return _monomial_gcd(name, args)
    keys = sorted({a.key for a in args})
    return args[0] if len(keys) == 1 else Form({((f"~{name}({';'.join(keys)})", 1),): 1})


def _monomial_gcd(name: str, args: list[Form]) -> Form:
    """The greatest common divisor or least common multiple of single terms with whole coefficients."""
    monos = [next(iter(a.top.items())) for a in args]
    if any(c.denominator != 1 or any(not _is_variable(atom) for atom, _ in m) for m, c in monos):
        return _unknown(name, args)
    whole = [int(c) for _, c in monos]
    number: int = math.gcd(*whole) if name == "gcd" else math.lcm(*whole)
    atoms = {atom for m, _ in monos for atom, _ in m}
    exponents: dict[str, Coefficient] = {}
    for atom in sorted(atoms):
        found: list[Coefficient] = [dict(m).get(atom, 0) for m, _ in monos]
        exponents[atom] = min(found) if name == "gcd" else max(found)
    power, factor = _monomial(exponents)
    sign = -1 if name == "lcm" and sum(n < 0 for n in whole) % 2 else 1  # polynomials have theirs up to a unit
    return Form({power: factor * number * sign})


def _absolute(name: str, args: list[Form]) -> Form:
    (inner,) = args
    if inner.bottom != _ONE or len(inner.top) != 1:
        top = inner.top
        sign = -1 if top and Fraction(top[min(top, key=str)]) < 0 else 1
        return _unknown("abs", [Form(_scaled(top, sign), inner.bottom)])
    ((mono, coefficient),) = inner.top.items()
    if any(atom == "#i" for atom, _ in mono):
        return _unknown(name, args)
    exponents: dict[str, Coefficient] = {}
    for atom, exponent in mono:
        if _sign_unknown(atom) and not (exponent.denominator == 1 and exponent % 2 == 0):
            atom = f"~abs({_key({((atom, 1),): 1})})"
        exponents[atom] = exponents.get(atom, 0) + exponent
    power, factor = _monomial(exponents)
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
        return Form(_ONE)
    return Form({((f"~{name}({argument.key})", 1),): 1})


def _signed(a: Form) -> tuple[Form, int]:
    if not a.top:
        return a, 1
    sign = -1 if Fraction(a.top[min(a.top, key=str)]) < 0 else 1
    return (Form(_scaled(a.top, -1), a.bottom), -1) if sign < 0 else (a, 1)


def _tangent(name: str, args: list[Form]) -> Form:
    top, bottom = _odd("sin", args), _even("cos", args)
    parts = {"tan": (top, bottom), "cot": (bottom, top), "sec": (Form(_ONE), bottom), "csc": (Form(_ONE), top)}
    above, below = parts[name]
    return _multiply(above, _inverse(below))


def _logarithm(name: str, args: list[Form]) -> Form:
    value = _natural_logarithm(args[0])
    return _multiply(value, _inverse(_natural_logarithm(args[1]))) if len(args) == 2 else value


def _natural_logarithm(a: Form) -> Form:
    if a.bottom != _ONE or len(a.top) != 1:
        return _unknown("log", [a])
    ((mono, coefficient),) = a.top.items()
    if coefficient <= 0 or any(not atom.startswith("#") or atom == "#i" for atom, _ in mono):
        return _unknown("log", [a])
    total: Polynomial = {}
    parts = [(atom, exponent) for atom, exponent in mono] + list(_factors(Fraction(coefficient)).items())
    for atom, exponent in parts:
        term: Polynomial = {(): exponent} if atom == "#e" else {((f"~log({atom})", 1),): exponent}
        total = _sum(total, term)
    return Form(total)


def _exponential(_name: str, args: list[Form]) -> Form:
    base = Form({(("#e", 1),): 1})
    rational = args[0].rational
    return _symbolic_power(base, args[0]) if rational is None else _rational_power(base, Fraction(rational))


_RULES = {
    "abs": _absolute, "max": _symmetric, "min": _symmetric, "gcd": _symmetric, "lcm": _symmetric,
    "sin": _odd, "cos": _even, "tan": _tangent, "cot": _tangent, "sec": _tangent, "csc": _tangent,
    "sinh": _odd, "tanh": _odd, "asin": _odd, "atan": _odd, "asinh": _odd, "atanh": _odd, "cosh": _even,
    "log": _logarithm, "exp": _exponential,
}  # fmt: skip


def _big(node: Big) -> Form:
    if node.kind in ("sum", "prod"):
        assert node.low is not None
        assert node.high is not None
        low, high = _form(node.low).rational, _form(node.high).rational
        if (
            low is not None
            and high is not None
            and low.denominator == high.denominator == 1
            and high - low < MAX_SUMMANDS
        ):
            return _unrolled(node, int(low), int(high))
    bounds = [_form(n).key if n is not None else "" for n in (node.low, node.high)]
    body = _form(substitute(node.body, node.variable, Sym("~bound"))).key
    return Form({((f"~{node.kind}({body};{';'.join(bounds)})", 1),): 1})


def _unrolled(node: Big, low: int, high: int) -> Form:
    total = Form({}) if node.kind == "sum" else Form(_ONE)
    for k in range(low, high + 1):
        term = _form(substitute(node.body, node.variable, Num(k)))
        total = _plus(total, term) if node.kind == "sum" else _multiply(total, term)
    return total


def substitute(node: Node, name: str, value: Node) -> Node:
    """Return the expression with a variable replaced."""
    match node:
        case Sym():
            return value if node.name == name else node
        case Add():
            return Add(tuple(substitute(t, name, value) for t in node.terms))
        case Mul():
            return Mul(tuple(substitute(f, name, value) for f in node.factors))
        case Pow():
            return Pow(substitute(node.base, name, value), substitute(node.exponent, name, value))
        case Call():
            return Call(node.name, tuple(substitute(a, name, value) for a in node.args))
        case Big():
            raise TooHard("a sum in a sum")
        case _:
            return node
