"""Whether two expressions have the same value: exact rational, canonical form, probing, and last sympy."""

from collections.abc import Callable
from fractions import Fraction
from typing import Any

from .allowance import Allowance, OutOfTime
from .canonical import TooHard, Undefined, canonical, difference
from .numeric import NoValue, names_in, probe, value_of
from .points import DIVISORS, calls
from .policy import Policy
from .ruling import Ruling, no, undecided, yes
from .tree import INFINITY, MINUS_ONE, Add, Call, Mul, Node, Num, Pow, Sym, changed

_DOUBLE_UNITS = 4
"""Units in the last place of a double by which a printed result may be off."""
_NOISE = 1e-3
"""Distance from an exact whole number that a double's error explains; beyond 10^12 its last place is wider."""
Symbolic = Callable[[Node, Node], Ruling]
"""The last tier."""


def compare_expressions(a: Node, b: Node, policy: Policy, allowance: Allowance, symbolic: Symbolic | None) -> Ruling:
    """Return the ruling of the first tier that decides; the allowance is that of the tiers before the last one."""
    ruling = _infinite(a, b) or _exact(a, b)
    if ruling is None:
        ruling = _probed(a, b, allowance)
    if ruling.equal is None and symbolic is not None:
        last = symbolic(a, b)
        if last.equal and (calls(a, DIVISORS) or calls(b, DIVISORS)):
            last = undecided("sympy", "divisors_of_polynomials")  # sympy's letters are indeterminates, coprime to all
        ruling = last if last.equal is not None or last.reason else ruling
    if ruling.equal is True:
        return ruling
    try:
        return yes("rational", "rounded") if _approximates(a, b, policy) else ruling
    except OutOfTime:
        return undecided("rational", "out_of_time")


def _probed(a: Node, b: Node, allowance: Allowance) -> Ruling:
    found = probe(a, b, allowance)
    if found.equal is False and calls(Add((a, b)), frozenset(("lcm",))):
        # An lcm of bare letters is read as that of indeterminates, as computer algebra has it.
        multiplied = _exact(*map(_lcm_as_product, (a, b)))
        if multiplied is not None and multiplied.equal:
            return multiplied
    return Ruling(found.equal, "probing", found.reason)


def _lcm_as_product(node: Node) -> Node:
    """Return an expression with each lcm of distinct letters as their product: that of indeterminates."""
    if isinstance(node, Call) and node.name == "lcm":
        letters = [_letter(part) for part in node.args]
        return Mul(node.args) if None not in letters and len(set(letters)) == len(letters) else node
    return changed(node, _lcm_as_product) if isinstance(node, (Add, Mul, Pow, Call)) else node


def _letter(node: Node) -> str | None:
    if isinstance(node, Mul) and len(node.factors) == 2 and node.factors[0] == MINUS_ONE:
        node = node.factors[1]
    return node.name if isinstance(node, Sym) else None


def _infinite(a: Node, b: Node) -> Ruling | None:
    signs = [_infinity_sign(node) for node in (a, b)]
    if signs == [0, 0]:
        return None
    return yes("structure") if signs[0] == signs[1] else no("structure", "infinity")


def _infinity_sign(node: Node) -> int:
    """Return the sign of an infinity; 0 for other expressions, and where it is not known or 0 times infinity."""
    factors = node.factors if isinstance(node, Mul) else (node,)
    rest = [factor for factor in factors if factor != INFINITY]
    if len(rest) == len(factors) or not all(isinstance(factor, Num) and factor.value for factor in rest):
        return 0
    return -1 if sum(isinstance(factor, Num) and factor.value < 0 for factor in rest) % 2 else 1


def _exact(a: Node, b: Node) -> Ruling | None:
    """Decide by value or canonical form; None where a difference in form proves nothing."""
    if isinstance(a, Num) and isinstance(b, Num):
        return Ruling(a.value == b.value, "rational")
    try:
        form_a, form_b = canonical(a), canonical(b)
        left, right = form_a.rational, form_b.rational
        if left is not None and right is not None:
            return Ruling(left == right, "rational")
        gap = difference(form_a, form_b)
    except Undefined:
        return no("canonical", "undefined")
    except TooHard:
        return None
    if not gap.top:
        return yes("canonical")
    return no("canonical") if gap.is_safe and form_a.is_safe and form_b.is_safe else None


def _approximates(a: Node, b: Node, policy: Policy) -> bool:
    """Tell whether one is a decimal that rounds the other, or whether they agree to the policy's tolerance."""
    decimals = [isinstance(n, Num) and policy.rounded_digits and n.digits >= policy.rounded_digits for n in (a, b)]
    if not (any(decimals) or policy.relative_tolerance) or names_in(a) or names_in(b):
        return False
    try:
        x, y = (value_of(n, 60) for n in (a, b))
    except NoValue:
        return False
    if policy.relative_tolerance and abs(x - y) <= abs(y) * policy.relative_tolerance:
        return True
    if policy.rounded_digits and any(isinstance(n, Num) and _is_printed(n, v) for n, v in ((a, y), (b, x))):
        return True
    if isinstance(a, Num) and isinstance(b, Num) and a.digits and b.digits:
        shorter, longer = (a, y) if a.digits < b.digits else (b, x)
        return shorter.digits >= policy.rounded_digits and _rounds(shorter, longer)
    return any(d and isinstance(n, Num) and _rounds(n, v) for d, n, v in zip(decimals, (a, b), (y, x), strict=True))


def _is_printed(decimal: Num, value: Any) -> bool:
    """Tell whether a program may have printed a value so: 15 to 17 digits, within a few units of a double's last place.

    A double's own error is what tells 0.30000000000000004 from a number of its own.
    """
    if not 15 <= decimal.digits <= 17 or getattr(value, "imag", 0) != 0 or not value:
        return False
    gap = abs(value - value.context.mpf(decimal.value.numerator) / decimal.value.denominator)
    is_spelled_out = _places(Fraction(decimal.value), decimal.digits) >= 0
    if is_spelled_out and gap > _NOISE and value == value.context.nint(value):
        return False  # a whole number to its last digit is a claim about that digit
    return bool(gap <= _DOUBLE_UNITS * value.context.ldexp(1, value.context.mag(value) - 53))


def _rounds(decimal: Num, value: Any) -> bool:
    """Tell whether a decimal is the correct rounding of a value to the digits that it has."""
    if getattr(value, "imag", 0) != 0 or not decimal.value:
        return False
    real = value.context.mpf
    gap = abs(value - real(decimal.value.numerator) / decimal.value.denominator)
    half = real(10) ** -_places(Fraction(decimal.value), decimal.digits) / 2
    return bool(gap <= half * (1 + real(10) ** -20))


def _places(value: Fraction, digits: int) -> int:
    """Return the decimal places that so many significant digits of a value leave.

    >>> _places(Fraction("0.0833333"), 6), _places(Fraction("1234.5"), 5)
    (7, 1)
    """
    size, exponent = abs(value), 0
    while size >= 10:
        size, exponent = size / 10, exponent + 1
    while size < 1:
        size, exponent = size * 10, exponent - 1
    return digits - 1 - exponent
