"""Other shapes of a tree: both signs spelt out, scaled matrices, times of day, one name for the imaginary unit."""

from contextlib import suppress
from dataclasses import replace
from operator import itemgetter

from .canonical import TooHard, substitute
from .tree import (
    Add,
    Call,
    Clock,
    I,
    Matrix,
    Mul,
    Node,
    Num,
    PlusMinus,
    Pow,
    Proportion,
    Quantity,
    Relation,
    Seq,
    SetOperation,
    Sym,
    changed,
    children,
    holds,
    negative,
    product,
)

_USUAL_ORDERS = ("xyz", "abcd")
_CONSTANTS = ("C", "c", "K", "k", "C_1", "c_1")
_INTEGRATED = ("x", "t", "u", "y", "z", "theta", "s", "v", "r")


def unwrapped(node: Node) -> Node:
    """Turn both signs of a value into the set of two, and drop the brackets of one element."""
    if isinstance(node, Seq):
        if not node.brackets and len(node.items) == 1:
            return unwrapped(node.items[0])
        if node.brackets in ("", "{}") and any(_both_signs(item) for item in node.items):
            signs = [(item, sign) for item in node.items for sign in ((1, -1) if _both_signs(item) else (1,))]
            return replace(node, items=tuple(_with_sign(item, sign) for item, sign in signs))
        return node
    if isinstance(node, Relation) and len(node.operands) == 2:
        name, value = node.operands
        if node.operators == ("in",) and isinstance(value, Seq) and value.brackets == "{}":
            return Seq(tuple(Relation((name, item), ("=",)) for item in value.items), "", "or")  # a \\in {1, 2}
        if node.operators == ("!=",) and _both_signs(value):
            return Seq(tuple(Relation((name, _with_sign(value, sign)), ("!=",)) for sign in (1, -1)))
    return Seq((_with_sign(node, 1), _with_sign(node, -1)), "{}") if _both_signs(node) else node


def _both_signs(node: Node) -> bool:
    if isinstance(node, (Seq, Relation, Matrix, SetOperation)):
        return False
    return isinstance(node, PlusMinus) or any(_both_signs(child) for child in children(node))


def _with_sign(node: Node, sign: int) -> Node:
    match node:
        case PlusMinus():
            value = _with_sign(node.value, sign)
            return value if node.sign * sign > 0 else negative(value)
        case Add() | Mul() | Pow() | Call() | Quantity():
            return changed(node, lambda part: _with_sign(part, sign))
        case _:
            return node


def as_tuple(node: Node) -> tuple[Node, ...] | None:
    """Return the elements of a column vector or of a tuple."""
    if isinstance(node, Matrix) and all(len(row) == 1 for row in node.rows):
        return tuple(row[0] for row in node.rows)
    return node.items if isinstance(node, Seq) and node.brackets == "()" else None


def as_matrix(node: Node) -> Matrix | None:
    """Return a matrix, also one that is written as Python does: `[[1, 2], [3, 4]]`."""
    if isinstance(node, Matrix):
        return node
    if not (isinstance(node, Seq) and node.brackets == "[]"):
        return None
    rows = [item.items for item in node.items if isinstance(item, Seq) and item.brackets == "[]"]
    return Matrix(tuple(rows)) if len(rows) == len(node.items) and len({len(row) for row in rows}) == 1 else None


def named_point(node: Node) -> Seq | None:
    """Return the coordinates of a point with its name, `P(2, 3)`, which reads as a product."""
    if isinstance(node, Mul) and len(node.factors) == 2:
        name, place = node.factors
        if isinstance(name, Sym) and name.name.isupper() and isinstance(place, Seq) and place.brackets == "()":
            return place
    return None


def spread(node: Node, other: Node) -> Node:
    """Turn `(x, y) = (2, 3)` into `x = 2, y = 3` where the other side is a list of equations."""
    if not (isinstance(node, Relation) and node.operators == ("=",) and isinstance(other, Seq)):
        return node
    names, values = node.operands
    if not (isinstance(names, Seq) and isinstance(values, Seq) and len(names.items) == len(values.items)):
        return node
    if not any(isinstance(item, Relation) for item in other.items):
        return node
    return Seq(tuple(Relation(pair, ("=",)) for pair in zip(names.items, values.items, strict=True)), "")


def by_name(items: tuple[Node, ...]) -> tuple[Node, ...]:
    """Bring `y = 2, x = 3` into the order that a tuple has it in; other names keep their order."""
    names = [item.operands[0] if isinstance(item, Relation) else None for item in items]
    letters = [name.name for name in names if isinstance(name, Sym)]
    if len(letters) < len(items) or len(set(letters)) < len(items):
        return items
    is_usual = any(set(letters) <= set(usual) for usual in _USUAL_ORDERS)
    return tuple(item for _, item in sorted(zip(letters, items, strict=True), key=itemgetter(0))) if is_usual else items


def has_matrix(node: Node) -> bool:
    return isinstance(node, Matrix) or any(has_matrix(child) for child in children(node))


def vector(node: Node, size: int) -> tuple[Node, ...] | None:
    """Return the components of a sum of multiples of the unit vectors i, j and k, or None."""
    parts: list[list[Node]] = [[] for _ in "ijk"]
    for term in node.terms if isinstance(node, Add) else (node,):
        factors = _factors(term)
        names = [f.name.removeprefix("#") if isinstance(f, Sym) else "" for f in factors]
        units = [name for name in names if name in ("i", "j", "k")]
        if len(units) != 1 or (place := "ijk".index(units[0])) >= size or size > 3:
            return None
        rest = [f for f, name in zip(factors, names, strict=True) if name != units[0]]
        parts[place].append(product(rest) if rest else Num(1))
    return tuple(Add(tuple(terms)) if terms else Num(0) for terms in parts[:size])


def _factors(node: Node) -> list[Node]:
    return [part for factor in node.factors for part in _factors(factor)] if isinstance(node, Mul) else [node]


def scaled_matrix(node: Node) -> Matrix | None:
    """Return the matrix that a product of numbers with one matrix is, or a sum of such."""
    if isinstance(node, Matrix):
        return node
    if isinstance(node, Mul):
        matrices = [m for f in node.factors if (m := scaled_matrix(f)) is not None]
        rest = tuple(f for f in node.factors if not has_matrix(f))
        if len(matrices) != 1 or len(rest) != len(node.factors) - 1:
            return None
        return Matrix(tuple(tuple(Mul((*rest, cell)) for cell in row) for row in matrices[0].rows))
    if isinstance(node, Add):
        parts = [scaled_matrix(t) for t in node.terms]
        if any(p is None for p in parts) or len({(len(p.rows), len(p.rows[0])) for p in parts if p}) != 1:
            return None
        rows = zip(*(p.rows for p in parts if p), strict=True)
        return Matrix(tuple(tuple(Add(cells) for cells in zip(*row, strict=True)) for row in rows))
    return None


def one_imaginary_unit(a: Node, b: Node) -> tuple[Node, Node]:
    """Read the `I` that Python prints as i where the other side has i."""
    capital = Sym("I")
    if holds(a, capital) is holds(b, capital):
        return a, b
    without, other = (a, b) if holds(a, capital) else (b, a)
    with suppress(TooHard):
        if holds(other, I) and not holds(without, I):
            changed = substitute(without, "I", I)
            return (changed, b) if without is a else (a, changed)
    return a, b


def one_constant(a: Node, b: Node) -> tuple[Node, Node]:
    """Call the constant of integration the same on both sides: `x^2 + C` and `x^2 + K`."""
    if not (isinstance(a, Add) and isinstance(b, Add)):
        return a, b
    one, other = _constant(a), _constant(b)
    if one is None or other is None or one == other or Sym("C") not in (one, other):
        return a, b
    left, right = (tuple(t for t in node.terms if t not in (one, other)) for node in (a, b))
    return Add((*left, Sym("C"))), Add((*right, Sym("C")))


def _constant(total: Add) -> Sym | None:
    """Return the constant of integration: a term that occurs nowhere else, next to a variable."""
    constants = [t for t in total.terms if isinstance(t, Sym) and t.name in _CONSTANTS]
    if len(constants) != 1 or sum(holds(t, constants[0]) for t in total.terms) != 1:
        return None
    return constants[0] if any(holds(total, Sym(name)) for name in _INTEGRATED) else None


def clock(node: Node) -> Clock | None:
    if isinstance(node, Clock):
        return node
    if isinstance(node, Proportion) and len(node.parts) == 2:
        hours, minutes = node.parts
        if isinstance(hours, Num) and isinstance(minutes, Num) and 0 <= hours.value < 25 and 0 <= minutes.value < 60:
            return Clock(int(hours.value * 3600 + minutes.value * 60), "")
    if isinstance(node, Num) and isinstance(node.value, int) and 0 <= node.value < 25:
        return Clock(node.value * 3600, "")
    return None
