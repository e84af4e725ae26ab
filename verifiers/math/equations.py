"""Equations and inequalities: named values, chains, and equations that are the same up to a factor."""

from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import Protocol

from .allowance import Allowance
from .canonical import TooHard, canonical, difference, proportional, substitute
from .forms import Form, Polynomial, multiply
from .labels import modulus
from .numeric import names_in, probe
from .ruling import Ruling, all_of, no, undecided, yes
from .tree import Add, Call, Mul, Node, Num, Proportion, Relation, Seq, Sym, negative


class Equality(Protocol):
    """Compares the parts of equations: `compare.Comparison`."""

    allowance: Allowance

    def equal(self, a: Node, b: Node) -> Ruling:
        """Return the ruling on two parts."""


_ZERO = Num(0)
_FLIPPED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "=": "=", "!=": "!="}


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """An answer as a value that may have a name, or as an equation."""

    name: Node | None
    value: Node
    is_equation: bool = False
    """Neither side is a name: `2x + y = 3`."""


def named(node: Node) -> Named:
    """Return `x = 5` as a name and a value, `2 + 3 = 5` as a value, `2x + y = 3` as an equation."""
    if not isinstance(node, Relation):
        return Named(name=None, value=node)
    operands = _exact_part(node)
    first, last = operands[0], operands[-1]
    if len(operands) == 1:
        return Named(name=None, value=first)
    if _is_name(first):
        return Named(name=first, value=last)
    if _is_name(last):
        return Named(name=last, value=first)
    if any(names_in(operand) for operand in operands) or any(isinstance(o, Seq) for o in operands):
        return Named(name=None, value=last, is_equation=True)
    return Named(name=None, value=last)


def contradicts(node: Relation, comparison: Equality) -> bool:
    """Tell whether a chain of equations says that different numbers are equal: `7 = 8`, `x = 3 + 3 = 2`."""
    if set(node.operators) - {"=", "~"} or any(modulus(operand) for operand in node.operands):
        return False
    values = [o for o in _exact_part(node) if not names_in(o) and not isinstance(o, (Seq, Relation))]
    return any(comparison.equal(a, b).equal is False for a, b in pairwise(values))


def names_agree(a: Node, b: Node) -> bool:
    """Tell whether two names may stand for the same thing: `f(x)` and `f(n)`, `x_1` and `x`, `y` and `f(x)`."""
    if a == b:
        return True
    if isinstance(a, Call) and isinstance(b, Call):
        pairs = zip(a.args, b.args, strict=False)
        agree = all(p == q or (isinstance(p, Sym) and isinstance(q, Sym)) for p, q in pairs)
        return a.name == b.name and len(a.args) == len(b.args) and agree
    if isinstance(a, Call) or isinstance(b, Call):
        call, other = (a, b) if isinstance(a, Call) else (b, a)
        return isinstance(other, Sym) and isinstance(call, Call) and other.name in ("y", call.name)
    if isinstance(a, Sym) and isinstance(b, Sym):
        (x, _, i), (y, _, j) = a.name.partition("_"), b.name.partition("_")
        return (x == y and not (i and j)) or " " in a.name + b.name
    return type(a) is not type(b)


def renamed(a: Named, b: Named) -> tuple[Node, Node]:
    """Return both values with the arguments of the second name called as those of the first: f(n) = n as f(x) = x."""
    value = b.value
    if isinstance(a.name, Call) and isinstance(b.name, Call):
        try:
            for x, y in zip(a.name.args, b.name.args, strict=True):
                if isinstance(x, Sym) and isinstance(y, Sym) and x != y:
                    value = substitute(value, y.name, x)
        except TooHard:
            return a.value, b.value
    return a.value, value


def compare_equations(a: Node, b: Node, comparison: Equality) -> Ruling:
    """Compare two equations: the same solutions because one is the other times a constant."""
    sides = [
        (operands[0], operands[-1])
        for node in (a, b)
        if isinstance(node, Relation) and set(node.operators) <= {"=", "~"} and len(operands := _exact_part(node)) >= 2
    ]
    if len(sides) < 2:
        return no("structure", "an equation and a value")
    (l1, r1), (l2, r2) = sides
    straight = all_of([comparison.equal(l1, l2), comparison.equal(r1, r2)])
    if straight.equal:
        return straight
    try:
        first, second = difference(canonical(l1), canonical(r1)), difference(canonical(l2), canonical(r2))
    except TooHard as error:
        crossed = all_of([comparison.equal(l1, r2), comparison.equal(r1, l2)])
        if crossed.equal or straight.equal is False:
            return crossed if crossed.equal else straight
        return undecided("structure", f"equations: {error}")
    if not first.top or not second.top:
        return no("structure", "tautology")
    if first.top.keys() == {()} or second.top.keys() == {()}:
        return no("structure", "contradiction")
    if _same_up_to_factor(_without_powers(first.top), _without_powers(second.top)):
        return yes("canonical")
    if first.is_safe and second.is_safe:
        return no("canonical")
    return _probed_ratio(Add((l1, negative(r1))), Add((l2, negative(r2))), comparison)


def compare_relations(a: Relation, b: Relation, comparison: Equality) -> Ruling:
    """Compare inequalities that are not about one variable: side by side, or up to a positive factor."""
    x, y = _ascending(a), _ascending(b)
    if x.operators == y.operators and len(x.operands) == len(y.operands):
        straight = all_of(comparison.equal(p, q) for p, q in zip(x.operands, y.operands, strict=True))
        if straight.equal or (straight.equal is False and not any(names_in(n) for n in (*x.operands, *y.operands))):
            return straight
        if x.operators == ("!=",):
            return comparison.equal(Relation(x.operands, ("=",)), Relation(y.operands, ("=",)))
    if len(x.operands) != 2 or len(y.operands) != 2:
        is_open = len(x.operands) == len(y.operands)
        return undecided("structure", "a chain of inequalities") if is_open else no("structure")
    if x.operators != y.operators:
        return no("structure", "relations_differ")
    try:
        gaps = [difference(canonical(n.operands[0]), canonical(n.operands[1])) for n in (x, y)]
    except TooHard as error:
        return undecided("structure", f"inequalities: {error}")
    ratio = proportional(gaps[0].top, gaps[1].top)
    is_plain = all(gap.bottom == {(): 1} for gap in gaps)
    if ratio is not None and ratio > 0 and is_plain:
        return yes("canonical")
    return no("canonical") if is_plain and all(g.is_safe for g in gaps) else undecided("canonical", "inequalities")


def _exact_part(node: Relation) -> tuple[Node, ...]:
    """Return the operands of a chain of equations up to the first approximation, unless that leaves a name alone."""
    if "~" in node.operators:
        at = node.operators.index("~") + 1
        if at > 1 or not _is_name(node.operands[0]):
            return node.operands[:at]
    return node.operands


def _is_name(node: Node) -> bool:
    if isinstance(node, Sym):
        return node.name[0] != "#"
    if isinstance(node, Call):
        if node.name == "abs":
            inner = node.args[0].factors if isinstance(node.args[0], Mul) else node.args
            return all(isinstance(f, Sym) and f.name.isupper() for f in inner)
        return len(node.name.removesuffix("^-1").rstrip("'")) == 1 and all(isinstance(a, (Sym, Num)) for a in node.args)
    if isinstance(node, (Seq, Proportion)):
        parts = node.items if isinstance(node, Seq) else node.parts
        return bool(parts) and all(_is_name(part) for part in parts)
    if isinstance(node, Mul):
        return all(isinstance(f, Sym) and f.name.isalpha() and f.name.isupper() for f in node.factors)  # AB
    return False


def _without_powers(polynomial: Polynomial) -> Polynomial:
    """Multiply by powers of variables so that no exponent is negative and none is common to all terms."""
    atoms = {atom for mono in polynomial for atom, _ in mono if atom[0] != "#"}
    least = {atom: min(dict(mono).get(atom, 0) for mono in polynomial) for atom in atoms}
    shifted: Polynomial = {}
    for mono, coefficient in polynomial.items():
        exponents = dict(mono)
        for atom, exponent in least.items():
            if exponent < 0:
                exponents[atom] = exponents.get(atom, 0) - exponent
        shifted[tuple(sorted((a, e) for a, e in exponents.items() if e))] = coefficient
    return shifted


def _same_up_to_factor(a: Polynomial, b: Polynomial) -> bool:
    if proportional(a, b) is not None:
        return True
    left, right = _by_variables(a), _by_variables(b)
    if left.keys() != right.keys():
        return False
    lead = min(left, key=str)
    return all(not difference(multiply(left[k], right[lead]), multiply(right[k], left[lead])).top for k in left)


def _by_variables(polynomial: Polynomial) -> dict[object, Form]:
    """Group terms by their part in variables; the groups hold their constant coefficients."""
    groups: dict[object, Polynomial] = {}
    for mono, coefficient in polynomial.items():
        outer = tuple(p for p in mono if p[0][0] != "#")
        inner = tuple(p for p in mono if p[0][0] == "#")
        groups.setdefault(outer, {})[inner] = coefficient
    return {key: Form(value) for key, value in groups.items()}


def _probed_ratio(f: Node, g: Node, comparison: Equality) -> Ruling:
    """Tell by probing whether f/g is the same everywhere: f(x) g(p) = g(x) f(p) for a point p where neither is zero."""
    names = sorted(names_in(f) | names_in(g))
    if not names:
        return undecided("probing", "no_variables")
    vanishing = [probe(side, _ZERO, comparison.allowance) for side in (f, g)]
    if any(found.equal is not False for found in vanishing):  # an identity holds for any values: it is no equation
        is_identity = any(found.equal for found in vanishing)
        return no("probing", "tautology") if is_identity else undecided("probing", "no_points")
    try:
        for attempt in range(5):
            fixed_f, fixed_g = f, g
            for position, name in enumerate(names):
                at = Num(Fraction(7 * position + 13 * attempt + 11, 10))
                fixed_f, fixed_g = substitute(fixed_f, name, at), substitute(fixed_g, name, at)
            zeros = [probe(side, _ZERO, comparison.allowance).equal for side in (fixed_f, fixed_g)]
            if sorted(map(str, zeros)) == ["False", "True"]:
                return no("probing")
            if zeros == [False, False]:
                found = probe(Mul((f, fixed_g)), Mul((g, fixed_f)), comparison.allowance)
                return Ruling(found.equal, "probing", found.reason)
    except TooHard as error:
        return undecided("probing", str(error))
    return undecided("probing", "no_points")


def _ascending(node: Relation) -> Relation:
    if set(node.operators) & {">", ">="} and not set(node.operators) & {"<", "<="}:
        return Relation(node.operands[::-1], tuple(_FLIPPED.get(o, o) for o in node.operators[::-1]))
    return node
