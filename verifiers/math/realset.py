"""Sets of real numbers as unions of intervals: one form for inequalities, intervals and set-builders."""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from functools import cmp_to_key, reduce
from itertools import product
from typing import Any

from .canonical import TooHard, canonical
from .numeric import NoValue, names_in, value_of
from .tree import Add, Builder, Call, Mul, Node, Num, PlusMinus, Pow, Relation, Seq, SetOperation, Sym, Words, negative

_FLIPPED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "=": "=", "!=": "!="}
_INFINITE = float("inf")
_ALL_REALS = {"all real numbers", "all reals", "real numbers", "all real values", "all values of x", "all real x"}
_MAX_PIECES = 60


class NoRealSet(ValueError):
    """The node does not describe a set of real numbers that is understood here."""


class UnsolvedSet(NoRealSet):
    """A condition that may describe any set, because it is not solved here."""


@dataclass(frozen=True, slots=True)
class Interval:
    """From low to high; an end that is infinite is open."""

    low: Any
    low_closed: bool
    high: Any
    high_closed: bool


@dataclass(frozen=True, slots=True)
class RealSet:
    """Disjoint intervals in ascending order, and the variable that ranges over them if it is named."""

    pieces: tuple[Interval, ...]
    variable: str = ""


ALL = (Interval(-_INFINITE, False, _INFINITE, False),)


def is_set_like(node: Node) -> bool:
    """Tell whether a node describes a set by more than listing elements."""
    if isinstance(node, (SetOperation, Builder)) or node == Sym("#setR"):
        return True
    if isinstance(node, Relation):
        return not set(node.operators) <= {"=", "~"}
    if isinstance(node, Words):
        return node.text in _ALL_REALS
    return (
        isinstance(node, Seq)
        and bool(node.items)
        and not node.brackets
        and all(is_set_like(item) for item in node.items)
    )


def read_set(node: Node) -> RealSet:
    """Return the set that a node describes; raises NoRealSet.

    >>> from .parser import read
    >>> read_set(read("x < 1 or x > 3")).pieces == read_set(read("(-\\\\infty,1) \\\\cup (3,\\\\infty)")).pieces
    True
    """
    if node == Sym("#setR") or (isinstance(node, Words) and node.text in _ALL_REALS):
        return RealSet(ALL)
    if isinstance(node, Seq):
        return _from_sequence(node)
    if isinstance(node, SetOperation):
        return _from_operation(node)
    if isinstance(node, Relation):
        return _from_relation(node)
    if isinstance(node, Builder):
        inner = read_set(node.condition)
        if inner.variable not in ("", node.variable):
            raise UnsolvedSet("another variable")
        return RealSet(inner.pieces)
    return RealSet((_point(node),))


def same_pieces(a: RealSet, b: RealSet) -> bool:
    """Tell whether two sets hold the same numbers."""
    return len(a.pieces) == len(b.pieces) and all(
        _compare(x.low, y.low) == 0 and _compare(x.high, y.high) == 0
        and x.low_closed == y.low_closed and x.high_closed == y.high_closed
        for x, y in zip(a.pieces, b.pieces, strict=True)
    )  # fmt: skip


def _from_sequence(node: Seq) -> RealSet:
    if len(node.items) == 2 and node.brackets in ("()", "[]", "(]", "[)"):
        low, high = (_end(item) for item in node.items)
        if _compare(low, high) > 0:
            raise NoRealSet("ends in the wrong order")
        closed = [b in "[]" and abs(end) != _INFINITE for b, end in zip(node.brackets, (low, high), strict=True)]
        return RealSet(_united([Interval(low, closed[0], high, closed[1])]))
    if node.brackets not in ("", "{}"):
        raise NoRealSet("a tuple")
    if node.items and not node.brackets and all(is_set_like(item) for item in node.items):
        return _combined([read_set(item) for item in node.items], node.joined)
    both = [(i.value, negative(i.value)) if isinstance(i, PlusMinus) else (i,) for i in node.items]
    return RealSet(_united([_point(value) for values in both for value in values]))


def _combined(sets: list[RealSet], joined: str) -> RealSet:
    """Join conditions: by "or", or by "and" unless nothing would be left, as in "x < 1 and x > 3" for both pieces."""
    if len(sets) > _MAX_PIECES:
        raise UnsolvedSet("too many pieces")
    if len({s.variable for s in sets}) > 1:
        raise UnsolvedSet("several variables")
    pieces = () if joined == "or" else reduce(_intersected, [s.pieces for s in sets])
    return RealSet(pieces or _united([piece for s in sets for piece in s.pieces]), sets[0].variable)


def _from_operation(node: SetOperation) -> RealSet:
    if len(node.parts) > _MAX_PIECES:
        raise UnsolvedSet("too many pieces")
    parts = [read_set(part) for part in node.parts]
    names = {p.variable for p in parts} - {""}
    if len(names) > 1:
        raise UnsolvedSet("several variables")
    pieces = parts[0].pieces
    for part in parts[1:]:
        if node.kind == "cup":
            pieces = _united([*pieces, *part.pieces])
        else:
            pieces = _intersected(pieces, part.pieces if node.kind == "cap" else _complement(part.pieces))
    return RealSet(pieces, names.pop() if names else "")


def _from_relation(node: Relation) -> RealSet:
    if node.operators in (("in",), ("notin",)):
        name, inner = node.operands
        if not isinstance(name, Sym):
            raise UnsolvedSet("no variable")
        pieces = read_set(inner).pieces
        return RealSet(pieces if node.operators == ("in",) else _complement(pieces), name.name)
    if len(node.operators) == 3 and node.operators[-1] == "in" and node.operands[-1] == Sym("#setR"):
        node = Relation(node.operands[:-1], node.operators[:-1])
    pieces, variable = ALL, ""
    for left, operator, right in zip(node.operands, node.operators, node.operands[1:], strict=False):
        part = _half_line(left, operator, right)
        if variable and part.variable != variable:
            raise UnsolvedSet("several variables")
        variable = part.variable
        pieces = _intersected(pieces, part.pieces)
    return RealSet(pieces, variable)


def _half_line(left: Node, operator: str, right: Node) -> RealSet:
    if operator not in _FLIPPED:
        raise UnsolvedSet("no inequality")
    if names_in(right) and not names_in(left):
        left, operator, right = right, _FLIPPED[operator], left
    if isinstance(left, Pow) and left.exponent == Num(2):
        left, right = Call("abs", (left.base,)), Call("root", (right, Num(2)))
    if isinstance(left, Call) and left.name == "abs" and operator in ("<", "<=", ">", ">="):
        return _around_zero(left.args[0], operator, right)
    if isinstance(left, Sym) and left.name[0] != "#":
        variable, bound = left.name, _end(right)
    else:
        variable, bound, flips = _solved(left, right)
        operator = _FLIPPED[operator] if flips else operator
    pieces = {
        "<": (Interval(-_INFINITE, False, bound, False),),
        "<=": (Interval(-_INFINITE, False, bound, bound != _INFINITE),),
        ">": (Interval(bound, False, _INFINITE, False),),
        ">=": (Interval(bound, bound != -_INFINITE, _INFINITE, False),),
        "=": (Interval(bound, True, bound, True),),
        "!=": _complement((Interval(bound, True, bound, True),)),
    }[operator]
    return RealSet(pieces, variable)


def _around_zero(inner: Node, operator: str, bound: Node) -> RealSet:
    """Read |u| < c as -c < u < c, and |u| > c as the rest."""
    if _compare(_end(bound), Fraction(0)) < 0:
        raise UnsolvedSet("a negative bound")
    above = _half_line(inner, operator, bound)
    below = _half_line(inner, _FLIPPED[operator], negative(bound))
    joined = [*above.pieces, *below.pieces]
    pieces = _intersected(above.pieces, below.pieces) if operator[0] == "<" else _united(joined)
    return RealSet(pieces, above.variable)


def _solved(left: Node, right: Node) -> tuple[str, Fraction, bool]:
    """Solve an inequality that is linear in one variable, with rational coefficients."""
    try:
        form = canonical(Add((left, negative(right))))
    except TooHard as error:
        raise UnsolvedSet(str(error)) from None
    names = form.variables
    if len(names) != 1 or form.bottom != {(): 1}:
        raise UnsolvedSet("not linear")
    name = names.pop()
    top = dict(form.top)
    slope, constant = top.pop(((name, 1),), 0), top.pop((), 0)
    if top or not slope:
        raise UnsolvedSet("not linear")
    return name, Fraction(-constant) / slope, slope < 0


def _point(node: Node) -> Interval:
    value = _end(node)
    if abs(value) == _INFINITE:
        raise NoRealSet("infinity is no element")
    return Interval(value, True, value, True)


def _end(node: Node) -> Any:
    """Return an end of an interval: a Fraction where it is rational, else a number of 60 digits."""
    if isinstance(node, Num):
        return Fraction(node.value)
    if isinstance(node, Sym) and node.name == "#inf":
        return _INFINITE
    if isinstance(node, Mul) and Sym("#inf") in node.factors:
        return -_INFINITE if any(isinstance(f, Num) and f.value < 0 for f in node.factors) else _INFINITE
    with suppress(TooHard):
        if (rational := canonical(node).rational) is not None:
            return Fraction(rational)
    try:
        value = value_of(node, 60)
    except NoValue as error:
        raise NoRealSet(str(error)) from None
    if getattr(value, "imag", 0):
        raise NoRealSet("not real")
    return value.real


def _compare(a: Any, b: Any) -> int:
    """Return the sign of a - b; equal means equal to 45 digits where they are not rational."""
    if isinstance(a, (Fraction, float)) and isinstance(b, (Fraction, float)):
        return (a > b) - (a < b)
    if isinstance(a, float) or isinstance(b, float):  # infinities
        return int(a > b) - int(a < b)
    context = (a if not isinstance(a, Fraction) else b).context
    x, y = (context.mpf(v.numerator) / v.denominator if isinstance(v, Fraction) else v for v in (a, b))
    if abs(x - y) <= max(abs(x), abs(y), 1) * context.mpf("1e-45"):
        return 0
    return 1 if x > y else -1


def _united(pieces: Iterable[Interval]) -> tuple[Interval, ...]:
    ordered = sorted(pieces, key=cmp_to_key(_by_low))
    if len(ordered) > _MAX_PIECES:
        raise UnsolvedSet("too many pieces")
    merged: list[Interval] = []
    for piece in ordered:
        order = _compare(piece.low, piece.high)
        if order > 0 or (order == 0 and not (piece.low_closed and piece.high_closed)):
            continue
        last: Interval | None = merged[-1] if merged else None
        if (
            last is None
            or (gap := _compare(piece.low, last.high)) > 0
            or not (gap < 0 or piece.low_closed or last.high_closed)
        ):
            merged.append(piece)
        elif (higher := _compare(piece.high, last.high)) > 0 or (higher == 0 and piece.high_closed):
            merged[-1] = Interval(last.low, last.low_closed, piece.high, piece.high_closed)
    return tuple(merged)


def _by_low(x: Interval, y: Interval) -> int:
    return _compare(x.low, y.low) or y.low_closed - x.low_closed


def _complement(pieces: tuple[Interval, ...]) -> tuple[Interval, ...]:
    gaps, low, closed = [], -_INFINITE, False
    for piece in pieces:
        gaps.append(Interval(low, closed, piece.low, not piece.low_closed))
        low, closed = piece.high, not piece.high_closed
    gaps.append(Interval(low, closed, _INFINITE, False))
    return _united(g for g in gaps if not (g.low == g.high and abs(g.low) == _INFINITE))


def _intersected(a: tuple[Interval, ...], b: tuple[Interval, ...]) -> tuple[Interval, ...]:
    found = []
    for x, y in product(a, b):
        # Of two equal ends the open one counts.
        low, high = _compare(x.low, y.low), _compare(x.high, y.high)
        left = x if low > 0 or (low == 0 and not x.low_closed) else y
        right = x if high < 0 or (high == 0 and not x.high_closed) else y
        found.append(Interval(left.low, left.low_closed, right.high, right.high_closed))
    return _united(found)
