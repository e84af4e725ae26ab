"""Other shapes of a tree: both signs spelt out, scaled matrices, times of day, one name for the imaginary unit."""

from dataclasses import replace

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
    children,
    negative,
)


def unwrapped(node: Node) -> Node:
    """Turn both signs of a value into the set of two, and drop the brackets of one element."""
    if isinstance(node, Seq):
        if not node.brackets and len(node.items) == 1:
            return unwrapped(node.items[0])
        if node.brackets in ("", "{}") and any(_both_signs(item) for item in node.items):
            items = [part for item in node.items for part in (_expanded(item) if _both_signs(item) else (item,))]
            return replace(node, items=tuple(items))
        return node
    if isinstance(node, Relation):
        return node
    return Seq(_expanded(node), "{}") if _both_signs(node) else node


def _both_signs(node: Node) -> bool:
    if isinstance(node, (Seq, Relation, Matrix, SetOperation)):
        return False
    return isinstance(node, PlusMinus) or any(_both_signs(child) for child in children(node))


def _expanded(node: Node) -> tuple[Node, ...]:
    return _with_sign(node, 1), _with_sign(node, -1)


def _with_sign(node: Node, sign: int) -> Node:
    match node:
        case PlusMinus():
            value = _with_sign(node.value, sign)
            return value if node.sign * sign > 0 else negative(value)
        case Add():
            return Add(tuple(_with_sign(t, sign) for t in node.terms))
        case Mul():
            return Mul(tuple(_with_sign(f, sign) for f in node.factors))
        case Pow():
            return Pow(_with_sign(node.base, sign), _with_sign(node.exponent, sign))
        case Call():
            return Call(node.name, tuple(_with_sign(a, sign) for a in node.args))
        case Quantity():
            return Quantity(_with_sign(node.value, sign), node.unit)
        case _:
            return node


def as_tuple(node: Node) -> tuple[Node, ...] | None:
    """Return the elements of a column vector or of a tuple."""
    if isinstance(node, Matrix) and all(len(row) == 1 for row in node.rows):
        return tuple(row[0] for row in node.rows)
    return node.items if isinstance(node, Seq) and node.brackets == "()" else None


def holds(node: Node, wanted: Node) -> bool:
    if isinstance(node, Num):
        return False
    return node == wanted or any(holds(child, wanted) for child in children(node))


def has_matrix(node: Node) -> bool:
    return isinstance(node, Matrix) or any(has_matrix(child) for child in children(node))


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
        grids = [p.rows for p in parts if p]
        return Matrix(
            tuple(tuple(Add(cells) for cells in zip(*rows, strict=True)) for rows in zip(*grids, strict=True))
        )
    return None


def one_imaginary_unit(a: Node, b: Node) -> tuple[Node, Node]:
    """Read the `I` that Python prints as i where the other side has i."""
    capital = Sym("I")
    if holds(a, capital) is holds(b, capital):
        return a, b
    without, other = (a, b) if holds(a, capital) else (b, a)
    if holds(without, I) or not holds(other, I):
        return a, b
    try:
        changed = substitute(without, "I", I)
    except TooHard:
        return a, b
    return (changed, b) if without is a else (a, changed)


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
