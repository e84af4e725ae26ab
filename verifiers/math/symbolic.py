"""The last tier: two expressions are sent to a sympy process, as trees and never as text."""

from time import perf_counter
from typing import Any

from .canonical import based_value
from .pool import Answered, shared_pool
from .ruling import Ruling, undecided
from .tree import Add, Based, Big, Call, Mul, Node, Num, Pow, Quantity, Sym


class NoExpression(ValueError):
    """The tree holds what sympy has no counterpart of."""


def ask_sympy(a: Node, b: Node, deadline: float) -> Ruling:
    """Return sympy's ruling, undecided if it does not come by the deadline (`perf_counter`)."""
    try:
        left, right = encode(a), encode(b)
    except (NoExpression, RecursionError) as error:
        return undecided("sympy", f"no_expression: {error}")
    reply = shared_pool().ask({"a": left, "b": right}, seconds=max(deadline - perf_counter(), 0.1))
    if reply.answered in (Answered.YES, Answered.NO):
        return Ruling(reply.answered is Answered.YES, "sympy")
    prefix = "" if reply.answered is Answered.UNAVAILABLE else "sympy_"
    return undecided("sympy", f"{prefix}{reply.answered}")


def encode(node: Node) -> list[Any]:
    """Return an expression as nested lists for JSON.

    >>> from .parser import read
    >>> encode(read("2x"))
    ['mul', ['num', '0x2', '0x1'], ['sym', 'x']]
    """
    match node:
        case Num(value=value):
            return ["num", hex(value.numerator), hex(value.denominator)]
        case Sym(name=name) if name == "#nan" or name.startswith("#set"):
            raise NoExpression(name)
        case Sym(name=name):
            return ["sym", name]
        case Add(terms=terms):
            return ["add", *map(encode, terms)]
        case Mul(factors=factors):
            return ["mul", *map(encode, factors)]
        case Pow(base=base, exponent=exponent):
            return ["pow", encode(base), encode(exponent)]
        case Call(name=name, args=args):
            return ["call", name, *map(encode, args)]
        case Big():
            bounds = [None if bound is None else encode(bound) for bound in (node.low, node.high)]
            return ["big", node.kind, encode(node.body), node.variable, *bounds]
        case Based():
            value = based_value(node)
            return ["num", hex(value.numerator), hex(value.denominator)]
        case Quantity(value=value, unit="degrees"):
            return ["mul", encode(value), ["sym", "#deg"]]
    raise NoExpression(type(node).__name__)
