r"""The canonical form of a tree: over Q with variables, pi, e, i and radicals. Equal forms are equal values."""

from fractions import Fraction
from functools import lru_cache

from .forms import UNIT, Form, TooHard, Undefined, difference, multiply, plus, proportional, start_budget
from .functions import apply, power
from .tree import Add, Based, Big, Call, Matrix, Mul, Node, Num, Pow, Quantity, Sym, changed

MAX_SUMMANDS = 400

__all__ = ["Form", "TooHard", "Undefined", "based_value", "canonical", "difference", "proportional", "substitute"]


@lru_cache(1024)
def canonical(node: Node) -> Form:
    r"""Return the form of an expression; raises TooHard.

    >>> from .parser import read
    >>> canonical(read(r"(x+1)^2")).key == canonical(read("1+2x+x^2")).key
    True
    """
    start_budget()
    try:
        return _form(node)
    except TooHard:
        raise
    except (ZeroDivisionError, OverflowError, RecursionError, ValueError) as error:  # the last: 4300 digits
        raise TooHard(f"no finite value: {type(error).__name__}") from None


def _form(node: Node) -> Form:
    if isinstance(node, Num):
        return Form({(): node.value} if node.value else {})
    if isinstance(node, Sym):
        return _symbol(node.name)
    if isinstance(node, Add):
        total = _form(node.terms[0])
        for term in node.terms[1:]:
            total = plus(total, _form(term))
        return total
    if isinstance(node, Mul):
        product = _form(node.factors[0])
        for factor in node.factors[1:]:
            product = multiply(product, _form(factor))
        return product
    if isinstance(node, Pow):
        return power(_form(node.base), _form(node.exponent))
    if isinstance(node, Call):
        if any(isinstance(a, Matrix) for a in node.args):
            raise TooHard("a function of a matrix")
        return apply(node.name, [_form(a) for a in node.args])
    if isinstance(node, Based):
        return Form({(): based_value(node)})
    if isinstance(node, Big):
        return _big(node)
    if isinstance(node, Quantity) and node.unit == "degrees":
        return multiply(_form(node.value), _symbol("#deg"))
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
    total, join = (Form({}), plus) if node.kind == "sum" else (Form(UNIT), multiply)
    for k in range(low, high + 1):
        total = join(total, _form(substitute(node.body, node.variable, Num(k))))
    return total


def substitute(node: Node, name: str, value: Node) -> Node:
    """Return the expression with a variable replaced."""
    match node:
        case Sym():
            return value if node.name == name else node
        case Add() | Mul() | Pow() | Call():
            return changed(node, lambda part: substitute(part, name, value))
        case Big():
            raise TooHard("a sum in a sum")
        case _:
            return node
