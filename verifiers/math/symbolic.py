"""The last tier: two expressions are sent to a sympy process, as trees and never as text."""

from typing import Any

from .canonical import based_value
from .processes import Answered, shared_pool
from .ruling import Ruling, undecided
from .tree import Add, Based, Big, Call, Mul, Node, Num, Pow, Quantity, Sym, children
from .vocabulary import ELEMENTARY

PATIENCE = 8.0
"""Seconds of wall time, on top of its processor time, that a question waits for on a busy machine."""
_MIN_SECONDS = 0.05
_SYMPY = {name: name for name in (*ELEMENTARY, "floor", "factorial", "gcd", "lcm", "log", "gamma", "re", "im")} | {
    "abs": "Abs", "ceil": "ceiling", "binom": "binomial", "sgn": "sign", "max": "Max", "min": "Min", "mod": "Mod",
}  # fmt: skip
"""sympy's names of our functions; other functions are unknown to it."""


class NoExpression(ValueError):
    """The tree holds a node without a counterpart in sympy."""


class AskSympy:
    """Asks sympy about the expressions of one answer; all questions together may take so much processor time."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def __call__(self, a: Node, b: Node) -> Ruling:
        """Return sympy's ruling, undecided if there is none in time."""
        try:
            case = [encode(a), encode(b)]
        except (NoExpression, RecursionError) as error:
            return undecided("sympy", f"no_expression: {error}")
        if self._seconds < _MIN_SECONDS:
            return undecided("sympy", "sympy_timeout")
        reply = shared_pool().ask(case, seconds=self._seconds, patience=self._seconds + PATIENCE)
        self._seconds -= self._seconds if reply.answered is Answered.TOO_SLOW else reply.seconds
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
        case Add() | Mul() | Pow():
            return [type(node).__name__.lower(), *map(encode, children(node))]
        case Call(name="root", args=args):
            return ["root", *map(encode, args)]
        case Call(name=name, args=args):
            kind = ("call", _SYMPY[name]) if name in _SYMPY else ("unknown", name)
            return [*kind, *map(encode, args)]
        case Big():
            bounds = [None if bound is None else encode(bound) for bound in (node.low, node.high)]
            return ["big", node.kind, encode(node.body), node.variable, *bounds]
        case Based():
            value = based_value(node)
            return ["num", hex(value.numerator), hex(value.denominator)]
        case Quantity(value=value, unit="degrees"):
            return ["mul", encode(value), ["sym", "#deg"]]
    raise NoExpression(type(node).__name__)
