"""Whether two trees are the same answer: dispatches on what they are, and recurses into what they hold.

Symmetric: `equal(a, b)` and `equal(b, a)` say the same (but for a policy's relative tolerance). Expressions themselves
are compared in `expressions`, sets of numbers in `realset`, equations in `equations`.
"""

from dataclasses import replace
from fractions import Fraction

from .canonical import TooHard, Undefined, canonical, substitute
from .equations import Named, compare_equations, compare_relations, contradicts, named, names_agree, renamed
from .expressions import Symbolic, compare_expressions
from .numeric import names_in
from .policy import Policy
from .realset import NoRealSet, is_set_like, read_set, same_pieces
from .ruling import Ruling, all_of, matched, no, undecided, yes
from .tree import (
    Add,
    Based,
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
    Words,
    children,
    negative,
    product,
    quotient,
)
from .units import NO_UNIT, Unit, read_unit

MAX_ELEMENTS = 120
_EMPTY = {"no solution", "no solutions", "empty set", "the empty set", "no real solution", "no real solutions", "empty"}
_LETTER_UNITS = {
    "m": "m", "g": "g", "s": "s", "h": "h", "L": "liter", "l": "liter", "N": "newton", "J": "joule", "W": "watt",
    "V": "volt", "K": "kelvin", "C": "coulomb",
}  # fmt: skip
_UNDEFINED = Sym("#nan")


class Comparison:
    """Compares answers under one policy, until a deadline (`perf_counter`)."""

    def __init__(self, policy: Policy, deadline: float, symbolic: Symbolic | None = None) -> None:
        self.policy = policy
        self.deadline = deadline
        self._symbolic = symbolic

    def judge(self, a: Node, b: Node) -> Ruling:
        """Return the ruling on two answers; nan in either equals nothing."""
        if _holds(a, _UNDEFINED) or _holds(b, _UNDEFINED):
            return no("structure", "nan")
        return self.equal(a, b)

    def equal(self, a: Node, b: Node) -> Ruling:
        """Return the ruling on two answers, or on parts of them."""
        a, b = _unwrapped(a), _unwrapped(b)
        for node in (a, b):
            if isinstance(node, Relation) and contradicts(node, self):
                return no("structure", "contradiction")
        if a == b:
            return yes("structure")
        if isinstance(a, Words) or isinstance(b, Words):
            return self._words(a, b)
        if isinstance(a, Quantity) or isinstance(b, Quantity):
            return self._quantities(a, b)
        if is_set_like(a) or is_set_like(b):
            return self._sets(a, b)
        if isinstance(a, Relation) or isinstance(b, Relation):
            return self._relations(a, b)
        if isinstance(a, Seq) or isinstance(b, Seq):
            return self._sequences(a, b)
        return self._single(a, b)

    # Words

    def _words(self, a: Node, b: Node) -> Ruling:
        if isinstance(a, Words) and isinstance(b, Words):
            return Ruling(_bare(a.text) == _bare(b.text), "words")
        words, other = (a, b) if isinstance(a, Words) else (b, a)
        assert isinstance(words, Words)
        if isinstance(other, Seq) and not other.items:
            return Ruling(words.text in _EMPTY, "words")
        if is_set_like(words):
            return self._sets(a, b)
        if isinstance(other, (Num, Quantity)):
            return no("words", "words_and_number")
        if any(character.isdigit() or character in "=\\^<>" for character in words.text):
            return undecided("words", "prose: words and mathematics are mixed")
        return no("words", "words_and_mathematics")

    # Amounts

    def _quantities(self, a: Node, b: Node) -> Ruling:
        (x, unit_x), (y, unit_y) = amount(a), amount(b)
        if unit_x is None or unit_y is None:
            return no("words", "hedged")
        if not isinstance(a, Quantity):
            x, unit_x = _letter_unit(x, unit_x, unit_y)
        if not isinstance(b, Quantity):
            y, unit_y = _letter_unit(y, unit_y, unit_x)
        if unit_x.is_percent or unit_y.is_percent:
            return self._percentages(x, unit_x, y, unit_y)
        if unit_x.is_known and unit_y.is_known:
            if unit_x.dimension != unit_y.dimension:
                return no("rational", "units_differ")
            if unit_x.factor != unit_y.factor:
                return self.equal(_times(x, unit_x.factor / unit_y.factor), y)
        elif (unit_x.is_known or unit_y.is_known) and not self.policy.unit_optional:
            return no("rational", "unit_missing")
        return self.equal(x, y)

    def _percentages(self, x: Node, unit_x: Unit, y: Node, unit_y: Unit) -> Ruling:
        if unit_x.is_percent and unit_y.is_percent:
            return self.equal(x, y)
        share, bare = (x, y) if unit_x.is_percent else (y, x)
        if (unit_y if unit_x.is_percent else unit_x).is_known:
            return no("rational", "units_differ")
        ruling = self.equal(_times(share, Fraction(1, 100)), bare)
        if ruling.equal is not True and self.policy.percent_sign_optional:
            as_written = self.equal(share, bare)
            return as_written if as_written.equal is not False or ruling.equal is False else ruling
        return ruling

    # Sets, relations

    def _sets(self, a: Node, b: Node) -> Ruling:
        try:
            left, right = read_set(a), read_set(b)
        except NoRealSet as error:
            return self._by_shape(a, b, str(error))
        if left.variable and right.variable and not names_agree(Sym(left.variable), Sym(right.variable)):
            return no("structure", "names_differ")
        return Ruling(same_pieces(left, right), "structure")

    def _by_shape(self, a: Node, b: Node, reason: str) -> Ruling:
        """Compare sets that are no sets of known real numbers part by part: that can say yes, and hardly ever no."""
        if isinstance(a, Relation) and isinstance(b, Relation):
            return compare_relations(a, b, self)
        parts = [n.parts if isinstance(n, SetOperation) else () for n in (a, b)]
        if all(parts) and len(parts[0]) == len(parts[1]) and a.kind == b.kind:  # type: ignore[union-attr]
            if a.kind == "minus":  # type: ignore[union-attr]
                found = all_of(self.equal(x, y) for x, y in zip(*parts, strict=True))
            else:
                found = matched([[self.equal(x, y) for y in parts[1]] for x in parts[0]])
            return found if found.equal else undecided("structure", reason)
        for one, other in ((a, b), (b, a)):
            if isinstance(one, Relation) and one.operators == ("in",) and not isinstance(other, Relation):
                return self.equal(one.operands[1], other)
        if any(isinstance(n, (Num, Add, Mul, Pow)) for n in (a, b)):
            return no("structure", "a set and a number")
        return undecided("structure", f"sets: {reason}")

    def _relations(self, a: Node, b: Node) -> Ruling:
        left, right = named(a, self), named(b, self)
        if left.name is not None and right.name is not None:
            return self._both_named(a, b, left, right)
        if left.name is None and right.name is None:
            return self._no_names(a, b, left, right)
        one, other = (left, right) if left.name is not None else (right, left)
        if other.is_equation:
            return compare_equations(a, b, self)
        if not self.policy.name_optional:
            return no("structure", "name_missing")
        return self.equal(left.value, right.value) if one.value is not None else no("structure", "no_value")

    def _both_named(self, a: Node, b: Node, left: Named, right: Named) -> Ruling:
        assert left.name is not None
        assert right.name is not None
        if names_agree(left.name, right.name):
            x, y = renamed(left, right)
            ruling = self.equal(x, y)
        else:
            ruling = no("structure", "names_differ")
        if ruling.equal is not True and (names_in(left.value) or names_in(right.value)):
            as_equations = compare_equations(a, b, self)
            return as_equations if as_equations.equal is not None else ruling
        return ruling

    def _no_names(self, a: Node, b: Node, left: Named, right: Named) -> Ruling:
        if left.is_equation and right.is_equation:
            return compare_equations(a, b, self)
        if left.is_equation or right.is_equation:
            return no("structure", "an equation and a value")
        return self.equal(left.value, right.value)

    # Lists, tuples, sets of elements

    def _sequences(self, a: Node, b: Node) -> Ruling:
        x, y = _sequence(a), _sequence(b)
        if x is None or y is None:
            return self._sequence_and_single(a, b)
        if max(len(x.items), len(y.items)) > MAX_ELEMENTS:
            return undecided("structure", f"over_limit: more than {MAX_ELEMENTS} elements")
        bare = [s.brackets in ("", "{}") for s in (x, y)]
        if all(bare) and (self.policy.bare_lists_are_sets or "{}" in (x.brackets, y.brackets)):
            return self._unordered(x.items, y.items)
        if not any(bare):
            return self._tuples(x, y)
        return self._bare_and_tuple(x, y)

    def _tuples(self, x: Seq, y: Seq) -> Ruling:
        if x.brackets != y.brackets and (len(x.items) == 2 or {x.brackets, y.brackets} != {"()", "[]"}):
            return no("structure", "brackets_differ")
        return self._ordered(x.items, y.items)

    def _bare_and_tuple(self, x: Seq, y: Seq) -> Ruling:
        bare, bracketed = (x, y) if x.brackets in ("", "{}") else (y, x)
        if bracketed.brackets == "()" and not bare.brackets:
            return self._ordered(x.items, y.items)
        if bracketed.brackets == "[]" and len(bracketed.items) != 2:
            return self._unordered(x.items, y.items)
        return no("structure", "brackets_differ")

    def _sequence_and_single(self, a: Node, b: Node) -> Ruling:
        if isinstance(a, Matrix) or isinstance(b, Matrix):
            return self._matrix_and_tuple(a, b)
        sequence, single = (a, b) if isinstance(a, Seq) else (b, a)
        assert isinstance(sequence, Seq)
        if sequence.brackets == "{}" and len(sequence.items) == 1:
            return self.equal(sequence.items[0], single)
        return no("structure", "number_of_elements")

    def _ordered(self, x: tuple[Node, ...], y: tuple[Node, ...]) -> Ruling:
        if len(x) != len(y):
            return no("structure", "number_of_elements")
        return all_of(self.equal(p, q) for p, q in zip(x, y, strict=True))

    def _unordered(self, x: tuple[Node, ...], y: tuple[Node, ...]) -> Ruling:
        if len(x) == len(y):
            ruling = matched([[self.equal(p, q) for q in y] for p in x])
            if ruling.equal is not False:
                return ruling
        left, right = self._distinct(x), self._distinct(y)
        if (len(left), len(right)) == (len(x), len(y)) or len(left) != len(right) or len(left) < 2:
            return no("structure", "number_of_elements" if len(left) != len(right) else "elements_differ")
        return matched([[self.equal(p, q) for q in right] for p in left])

    def _distinct(self, items: tuple[Node, ...]) -> list[Node]:
        kept: list[Node] = []
        for item in items:
            if not any(self.equal(item, other).equal for other in kept):
                kept.append(item)
        return kept

    # Matrices, and whatever stands alone

    def _matrix_and_tuple(self, a: Node, b: Node) -> Ruling:
        columns = [_as_tuple(node) for node in (a, b)]
        if columns[0] is None or columns[1] is None:
            return no("structure", "a matrix and a list")
        return self._ordered(columns[0], columns[1])

    def _single(self, a: Node, b: Node) -> Ruling:
        for kind, compare in (
            (Matrix, self._matrices),
            (Clock, self._clocks),
            (Proportion, self._proportions),
            (Based, self._based),
        ):
            if isinstance(a, kind) or isinstance(b, kind):
                return compare(a, b)
        if _has_matrix(a) or _has_matrix(b):
            return self._matrices(a, b)
        a, b = _one_imaginary_unit(a, b)
        return compare_expressions(a, b, self.policy, self.deadline, self._symbolic)

    def _matrices(self, a: Node, b: Node) -> Ruling:
        x, y = _scaled_matrix(a), _scaled_matrix(b)
        if x is None or y is None:
            if _has_matrix(a) and _has_matrix(b):
                return undecided("structure", "matrices: an expression of matrices")
            return no("structure", "a matrix and a number")
        if (len(x.rows), len(x.rows[0])) != (len(y.rows), len(y.rows[0])):
            return no("structure", "shapes_differ")
        return all_of(self.equal(p, q) for r, s in zip(x.rows, y.rows, strict=True) for p, q in zip(r, s, strict=True))

    def _clocks(self, a: Node, b: Node) -> Ruling:
        x, y = _clock(a), _clock(b)
        if x is None or y is None:
            return no("structure", "a time and a number")
        if x.half and y.half:
            return Ruling(x == y, "structure")
        return Ruling(x.seconds % 43200 == y.seconds % 43200, "structure")

    def _proportions(self, a: Node, b: Node) -> Ruling:
        if isinstance(a, Proportion) and isinstance(b, Proportion):
            if len(a.parts) != len(b.parts):
                return no("structure", "number_of_elements")
            x, y = a.parts, b.parts
            return all_of(self.equal(Mul((x[0], q)), Mul((y[0], p))) for p, q in zip(x[1:], y[1:], strict=True))
        ratio, other = (a, b) if isinstance(a, Proportion) else (b, a)
        if not isinstance(ratio, Proportion) or len(ratio.parts) != 2:
            return no("structure", "a ratio and a number")
        return self.equal(quotient(*ratio.parts), other)

    def _based(self, a: Node, b: Node) -> Ruling:
        """A numeral's base is part of the answer: 12_8 is not 10. Left out on one side, it is taken to be the same."""
        if isinstance(a, Based) and isinstance(b, Based):
            return Ruling(a.base == b.base and canonical(a).rational == canonical(b).rational, "rational")
        numeral, other = (a, b) if isinstance(a, Based) else (b, a)
        if isinstance(other, Mul) and isinstance(numeral, Based):
            negated = [f for f in other.factors if f != Num(-1)]
            if len(negated) == 1 and isinstance(negated[0], Based):
                return no("rational", "sign")
        assert isinstance(numeral, Based)
        if isinstance(other, Num) and other.value.denominator == 1:
            return Ruling(str(other.value) == numeral.digits.lstrip("0"), "rational")
        return no("rational", "another base")


def amount(node: Node) -> tuple[Node, Unit | None]:
    """Return the value and the unit of an answer; the unit is None for words that change the meaning."""
    if not isinstance(node, Quantity):
        return node, NO_UNIT
    if not node.unit and isinstance(node.value, Add):
        return _compound(node.value)
    return node.value, read_unit(node.unit)


def _compound(total: Add) -> tuple[Node, Unit | None]:
    """Add up 5 ft 6 in."""
    parts = [amount(term) for term in total.terms]
    units = [unit for _, unit in parts]
    first = units[0]
    if first is None or any(u is None or u.dimension != first.dimension or not u.is_known for u in units):
        return total, None
    terms = tuple(_times(value, unit.factor / first.factor) for value, unit in parts if unit is not None)
    return Add(terms), first


def _times(node: Node, factor: Fraction) -> Node:
    if isinstance(node, Num):
        value = node.value * factor
        return Num(value.numerator if value.denominator == 1 else value, node.digits)
    if isinstance(node, Seq):
        return replace(node, items=tuple(_times(item, factor) for item in node.items))
    return Mul((Num(factor), node))


def _letter_unit(value: Node, unit: Unit, other: Unit) -> tuple[Node, Unit]:
    """Read `5 m` as an amount where the other side has a unit of measure: alone it is five times m."""
    if not (other.is_known and isinstance(value, Mul)):
        return value, unit
    last = value.factors[-1]
    base, power = (last.base, last.exponent) if isinstance(last, Pow) else (last, Num(1))
    if not (isinstance(base, Sym) and base.name in _LETTER_UNITS and isinstance(power, Num)):
        return value, unit
    found = read_unit(f"{_LETTER_UNITS[base.name]}^{power.value}")
    return (product(list(value.factors[:-1])), found) if found else (value, unit)


def _unwrapped(node: Node) -> Node:
    """Turn both signs of a value into the set of two, and drop the brackets of one element."""
    if isinstance(node, Seq):
        if not node.brackets and len(node.items) == 1:
            return _unwrapped(node.items[0])
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


def _as_tuple(node: Node) -> tuple[Node, ...] | None:
    """Return the elements of a column vector or of a tuple."""
    if isinstance(node, Matrix) and all(len(row) == 1 for row in node.rows):
        return tuple(row[0] for row in node.rows)
    return node.items if isinstance(node, Seq) and node.brackets == "()" else None


def _sequence(node: Node) -> Seq | None:
    return node if isinstance(node, Seq) else None


def _holds(node: Node, wanted: Node) -> bool:
    if isinstance(node, Num):
        return False
    return node == wanted or any(_holds(child, wanted) for child in children(node))


def _has_matrix(node: Node) -> bool:
    return isinstance(node, Matrix) or any(_has_matrix(child) for child in children(node))


def _scaled_matrix(node: Node) -> Matrix | None:
    """Return the matrix that a product of numbers with one matrix is, or a sum of such."""
    if isinstance(node, Matrix):
        return node
    if isinstance(node, Mul):
        matrices = [m for f in node.factors if (m := _scaled_matrix(f)) is not None]
        rest = tuple(f for f in node.factors if not _has_matrix(f))
        if len(matrices) != 1 or len(rest) != len(node.factors) - 1:
            return None
        return Matrix(tuple(tuple(Mul((*rest, cell)) for cell in row) for row in matrices[0].rows))
    if isinstance(node, Add):
        parts = [_scaled_matrix(t) for t in node.terms]
        if any(p is None for p in parts) or len({(len(p.rows), len(p.rows[0])) for p in parts if p}) != 1:
            return None
        grids = [p.rows for p in parts if p]
        return Matrix(
            tuple(tuple(Add(cells) for cells in zip(*rows, strict=True)) for rows in zip(*grids, strict=True))
        )
    return None


def _one_imaginary_unit(a: Node, b: Node) -> tuple[Node, Node]:
    """Read the `I` that Python prints as i where the other side has i."""
    capital = Sym("I")
    if _holds(a, capital) is _holds(b, capital):
        return a, b
    without, other = (a, b) if _holds(a, capital) else (b, a)
    if _holds(without, I) or not _holds(other, I):
        return a, b
    try:
        changed = substitute(without, "I", I)
    except TooHard:
        return a, b
    return (changed, b) if without is a else (a, changed)


def _clock(node: Node) -> Clock | None:
    if isinstance(node, Clock):
        return node
    if isinstance(node, Proportion) and len(node.parts) == 2:
        hours, minutes = node.parts
        if isinstance(hours, Num) and isinstance(minutes, Num) and 0 <= hours.value < 25 and 0 <= minutes.value < 60:
            return Clock(int(hours.value * 3600 + minutes.value * 60), "")
    if isinstance(node, Num) and isinstance(node.value, int) and 0 <= node.value < 25:
        return Clock(node.value * 3600, "")
    return None


def _bare(words: str) -> str:
    for article in ("the ", "a ", "an "):
        words = words.removeprefix(article)
    return words if words not in _EMPTY else "no solution"


def is_undefined(node: Node) -> bool:
    """Tell whether an expression divides by zero or is nan: a reference that equals nothing."""
    if _holds(node, _UNDEFINED):
        return True
    if isinstance(node, (Seq, Relation, SetOperation, Matrix, Words, Quantity)):
        return False
    try:
        canonical(node)
    except Undefined:
        return True
    except TooHard:
        return False
    return False
