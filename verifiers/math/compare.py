"""Whether two trees are the same answer: dispatches on their types and recurses into their parts.

Symmetric: `equal(answer, gold)` says the same the other way round, but for a relative tolerance, and for a percent sign
beside less than one: a bare 0.5 is accepted for 0.5 %, and 0.5 % is refused for a bare 0.5. Expressions themselves are
compared in `expressions`, sets of numbers in `realset`, equations in `equations`.
"""

import re
from fractions import Fraction

from .allowance import Allowance, OutOfTime
from .amounts import amount, as_radians, letter_unit, times
from .canonical import TooHard, Undefined, canonical
from .equations import compare_equations, compare_relations, contradicts, named, names_agree, renamed
from .expressions import Symbolic, compare_expressions
from .labels import changes_number, has_modulus, is_congruence, labelled, modulus, opposed, turns_alike
from .numeric import load, names_in, values_until
from .policy import Policy
from .realset import NoRealSet, RealSet, UnsolvedSet, is_set_like, read_set, same_pieces
from .ruling import Ruling, all_of, matched, no, undecided, yes
from .shapes import (
    as_matrix,
    as_tuple,
    by_name,
    clock,
    has_matrix,
    named_point,
    one_constant,
    one_imaginary_unit,
    scaled_matrix,
    spread,
    unwrapped,
    vector,
)
from .tree import (
    Add,
    Based,
    Call,
    Clock,
    Matrix,
    Mul,
    Node,
    Num,
    Pow,
    Proportion,
    Quantity,
    Relation,
    Seq,
    SetOperation,
    Sym,
    Words,
    holds,
    quotient,
)
from .units import Unit

MAX_ELEMENTS = 120
_EMPTY = {"no solution", "no solutions", "empty set", "the empty set", "no real solution", "no real solutions", "empty"}
_NO_SOLUTION = re.compile(
    r"(?:there (?:is|are|exists?) |(?:it |equation |system )?has )?no (?:real )?solutions?(?: exists?)?"
)
_NO_VALUE = re.compile(r"dne|(?:(?:limit|value|it) )?(?:does not|doesnt) exist")
_MAX_DIGITS = 1000
_MAX_WORDS = 8
"""An answer of more words is prose, which may say anything."""
_UNDEFINED = Sym("#nan")
MAX_SECONDS = 0.6
"""Processor time that one comparison may take without its last tier."""


class Comparison:
    """Compares answers under one policy; `symbolic` is the last tier, which has its own time limit."""

    def __init__(self, policy: Policy, symbolic: Symbolic | None = None) -> None:
        self.policy = policy
        load()
        self.allowance = Allowance.of(MAX_SECONDS)
        """When all tiers but the last one end."""
        self._symbolic = symbolic
        values_until(self.allowance)

    def judge(self, a: Node, b: Node) -> Ruling:
        """Return the ruling on an answer and a reference; nan in either equals nothing."""
        if holds(a, _UNDEFINED) or holds(b, _UNDEFINED):
            return no("structure", "nan")
        if (is_congruence(a) and not has_modulus(b)) or (is_congruence(b) and not has_modulus(a)):
            return no("structure", "modulus_missing")
        if isinstance(a, Quantity) and isinstance(b, Num) and (changes := changes_number(a.unit)) is not False:
            ruling = self.equal(a, b)
            other = no("words", "another_number") if changes else undecided("words", f"ambiguous: {a.unit}")
            return other if ruling.equal else ruling
        return self.equal(a, b)

    def equal(self, a: Node, b: Node) -> Ruling:
        """Return the ruling on two answers, or on parts of them."""
        try:
            return undecided("structure", "out_of_time") if self.allowance.is_over else self._equal(a, b)
        except OutOfTime:
            return undecided("structure", "out_of_time")

    def _equal(self, a: Node, b: Node) -> Ruling:
        a, b = unwrapped(a), unwrapped(b)
        for node in (a, b):
            if isinstance(node, Relation) and contradicts(node, self):
                return no("structure", "contradiction")
        if a == b:
            return yes("structure")
        if isinstance(a, Words) or isinstance(b, Words):
            return self._words(a, b)
        if not (isinstance(a, Relation) or isinstance(b, Relation)) and (
            isinstance(a, Quantity) or isinstance(b, Quantity)
        ):
            return self._quantities(a, b)
        if is_set_like(a) or is_set_like(b):
            return self._sets(a, b)
        a, b = spread(a, b), spread(b, a)
        if isinstance(a, Relation) or isinstance(b, Relation):
            return self._relations(a, b)
        if isinstance(a, Seq) or isinstance(b, Seq):
            return self._sequences(a, b)
        return self._single(a, b)

    def _words(self, a: Node, b: Node) -> Ruling:
        if isinstance(a, Words) and isinstance(b, Words):
            return Ruling(_bare(a.text) == _bare(b.text) or turns_alike(a.text, b.text), "words")
        words, other = (a, b) if isinstance(a, Words) else (b, a)
        assert isinstance(words, Words)
        if isinstance(other, Seq) and not other.items:
            return Ruling(words.text in _EMPTY, "words")
        if is_set_like(words):
            return self._sets(a, b)
        if isinstance(other, (Num, Quantity)):
            return no("words", "words_and_number")
        if any(character in "=\\^<>" for character in words.text) or len(words.text.split()) > _MAX_WORDS:
            return undecided("words", "prose: words and mathematics are mixed")
        return no("words", "words_and_mathematics")

    def _quantities(self, a: Node, b: Node) -> Ruling:
        (x, unit_x), (y, unit_y) = amount(a), amount(b)
        if unit_x is None or unit_y is None:
            return no("words", "hedged")
        if opposed(unit_x.words, unit_y.words):
            return no("words", "opposite")
        if (m := modulus(a)) and (n := modulus(b)):
            remainders = [Call("mod", (value, Num(m))) for value in (x, y)]
            return self.equal(*remainders) if m == n else no("structure", "moduli_differ")
        if not isinstance(a, Quantity):
            x, unit_x = letter_unit(x, unit_x, unit_y)
        if not isinstance(b, Quantity):
            y, unit_y = letter_unit(y, unit_y, unit_x)
        if unit_x.is_percent or unit_y.is_percent:
            return self._percentages(x, unit_x, y, unit_y)
        if unit_x.dimension != unit_y.dimension and (angles := as_radians(x, unit_x, y, unit_y)) is not None:
            return self.equal(*angles)
        if unit_x.is_generic and unit_y.is_generic and unit_x.dimension != unit_y.dimension:
            return no("rational", "units_differ")
        if unit_x.is_known and unit_y.is_known:
            if unit_x.dimension != unit_y.dimension:
                return no("rational", "units_differ")
            if unit_x.factor != unit_y.factor:
                return self.equal(times(x, unit_x.factor / unit_y.factor), y)
        elif (unit_x.is_known or unit_y.is_known) and not self.policy.unit_optional:
            return no("rational", "unit_missing")
        return self.equal(x, y)

    def _percentages(self, x: Node, unit_x: Unit, y: Node, unit_y: Unit) -> Ruling:
        if unit_x.is_percent and unit_y.is_percent:
            return self.equal(x, y)
        share, bare = (x, y) if unit_x.is_percent else (y, x)
        below_one = unit_x.is_percent and isinstance(y, Num) and -1 < y.value < 1  # 0.5 is 50 %, and no 0.5 %
        if (unit_y if unit_x.is_percent else unit_x).is_known:
            return no("rational", "units_differ")
        ruling = self.equal(times(share, Fraction(1, 100)), bare)
        if ruling.equal is not True and self.policy.percent_sign_optional and not below_one:
            as_written = self.equal(share, bare)
            return as_written if as_written.equal is not False or ruling.equal is False else ruling
        return ruling

    def _sets(self, a: Node, b: Node) -> Ruling:
        if isinstance(a, Seq) and isinstance(b, Seq) and {a.joined, b.joined} == {"and", "or"}:
            return no("structure", "and_or")
        left, right = _real_set(a), _real_set(b)
        failures = [found for found in (left, right) if isinstance(found, NoRealSet)]
        unsolved = [failure for failure in failures if isinstance(failure, UnsolvedSet)]
        if unsolved or len(failures) == 2:
            return self._by_shape(a, b, str((unsolved or failures)[0]))
        if isinstance(left, NoRealSet) or isinstance(right, NoRealSet):
            return no("structure", "a set of numbers and something else")
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
                found = self._paired(*parts) or undecided("structure", reason)
            return found if found.equal else undecided("structure", reason)
        for one, other in ((a, b), (b, a)):
            if isinstance(one, Relation) and one.operators == ("in",) and not isinstance(other, Relation):
                return self.equal(one.operands[1], other)
        if any(isinstance(n, (Num, Add, Mul, Pow, Matrix, Words, Clock, Proportion, Based)) for n in (a, b)):
            return no("structure", "a set and a number")
        if any(isinstance(n, Seq) and n.brackets in ("()", "[]") and len(n.items) != 2 for n in (a, b)):
            return no("structure", "a set and a tuple")
        if any(isinstance(n, Relation) and set(n.operators) == {"="} for n in (a, b)):
            return no("structure", "a set and an equation")
        return undecided("structure", f"sets: {reason}")

    def _relations(self, a: Node, b: Node) -> Ruling:
        left, right = named(a), named(b)
        if left.name is not None and right.name is not None:
            ruling = no("structure", "names_differ")
            if names_agree(left.name, right.name):
                ruling = self.equal(*renamed(left, right))
            if ruling.equal is not True and (names_in(left.value) or names_in(right.value)):
                as_equations = compare_equations(a, b, self)
                return as_equations if as_equations.equal is not None else ruling
            return ruling
        if left.name is None and right.name is None:
            if left.is_equation and right.is_equation:
                return compare_equations(a, b, self)
            if left.is_equation or right.is_equation:
                return no("structure", "an equation and a value")
            return self.equal(left.value, right.value)
        one, other = (left, right) if left.name is not None else (right, left)
        if other.is_equation:
            return compare_equations(a, b, self)
        if not self.policy.name_optional:
            return no("structure", "name_missing")
        return self.equal(left.value, right.value) if one.value is not None else no("structure", "no_value")

    def _sequences(self, x: Node, y: Node) -> Ruling:
        if not (isinstance(x, Seq) and isinstance(y, Seq)):
            return self._sequence_and_single(x, y)
        if max(len(x.items), len(y.items)) > MAX_ELEMENTS:
            return undecided("structure", f"over_limit: more than {MAX_ELEMENTS} elements")
        bare = [s.brackets in ("", "{}") for s in (x, y)]
        if {x.joined, y.joined} == {"and", "or"} and all(isinstance(item, Sym) for item in (*x.items, *y.items)):
            return no("structure", "and_or")  # propositions
        if all(bare) and len(x.items) == len(y.items) and (ordered := labelled(x.items, y.items)) is not None:
            return self._ordered(x.items, ordered)
        if all(bare) and (self.policy.bare_lists_are_sets or "{}" in (x.brackets, y.brackets)):
            return self._unordered(x.items, y.items)
        if not any(bare):
            if x.brackets != y.brackets and (_is_interval(x) or {x.brackets, y.brackets} != {"()", "[]"}):
                return no("structure", "brackets_differ")
            return self._ordered(x.items, y.items)
        plain, bracketed = (x, y) if bare[0] else (y, x)
        if bracketed.brackets == "()" and not plain.brackets and plain.joined != "or":
            return self._ordered(by_name(x.items), by_name(y.items))
        if bracketed.brackets == "[]" and not _is_interval(bracketed):
            return self._unordered(x.items, y.items)
        return no("structure", "brackets_differ")

    def _sequence_and_single(self, a: Node, b: Node) -> Ruling:
        if isinstance(a, Matrix) or isinstance(b, Matrix):
            if (grid_a := as_matrix(a)) is not None and (grid_b := as_matrix(b)) is not None:
                return self._matrices(grid_a, grid_b)
            if (column_a := as_tuple(a)) is not None and (column_b := as_tuple(b)) is not None:
                return self._ordered(column_a, column_b)
            return no("structure", "a matrix and a list")
        sequence, single = (a, b) if isinstance(a, Seq) else (b, a)
        assert isinstance(sequence, Seq)
        if sequence.joined == "or" and not sequence.brackets:  # one value in two forms, "or" between them
            found = all_of(self.equal(item, single) for item in sequence.items)
            if found.equal:
                return found
        if sequence.brackets in ("()", "[]") and (parts := vector(single, len(sequence.items))) is not None:
            return self._ordered(sequence.items, parts)
        if sequence.brackets == "()" and (point := named_point(single)) is not None:
            return self._ordered(sequence.items, point.items)
        if sequence.brackets == "{}" and len(sequence.items) == 1:
            return self.equal(sequence.items[0], single)
        return no("structure", "number_of_elements")

    def _ordered(self, x: tuple[Node, ...], y: tuple[Node, ...]) -> Ruling:
        if len(x) != len(y):
            return no("structure", "number_of_elements")
        return all_of(self.equal(p, q) for p, q in zip(x, y, strict=True))

    def _unordered(self, x: tuple[Node, ...], y: tuple[Node, ...]) -> Ruling:
        if len(x) == len(y):
            ruling = self._paired(x, y) or matched([[self.equal(p, q) for q in y] for p in x])
            if ruling.equal is not False:
                return ruling
        left, right = self._distinct(x), self._distinct(y)
        if (len(left), len(right)) == (len(x), len(y)) or len(left) != len(right) or len(left) < 2:
            return no("structure", "number_of_elements" if len(left) != len(right) else "elements_differ")
        return matched([[self.equal(p, q) for q in right] for p in left])

    def _paired(self, x: tuple[Node, ...], y: tuple[Node, ...]) -> Ruling | None:
        """Give each element the first equal one that is left; None where that fails and all pairs must be looked at."""
        left, found = list(y), []
        for item in x:
            rulings = []
            for position, other in enumerate(left):
                rulings.append(self.equal(item, other))
                if rulings[-1].equal:
                    found.append(rulings[-1])
                    del left[position]
                    break
            else:
                given = [q for q in y if not any(q is r for r in left)]
                equals_none = all(r.equal is False for r in rulings) and all(
                    self.equal(item, other).equal is False for other in given
                )
                return no("structure", "elements_differ") if equals_none else None
        return all_of(found)

    def _distinct(self, items: tuple[Node, ...]) -> list[Node]:
        kept: list[Node] = []
        for item in items:
            if not any(self.equal(item, other).equal for other in kept):
                kept.append(item)
        return kept

    def _single(self, a: Node, b: Node) -> Ruling:
        if has_matrix(a) or has_matrix(b):
            return self._matrices(a, b)
        for kind, compare in ((Clock, self._clocks), (Proportion, self._proportions), (Based, self._based)):
            if isinstance(a, kind) or isinstance(b, kind):
                return compare(a, b)
        if any(isinstance(n, Sym) and n.name.startswith("#set") for n in (a, b)):
            return no("structure", "another set of numbers")
        a, b = one_constant(*one_imaginary_unit(a, b))
        return compare_expressions(a, b, self.policy, self.allowance, self._symbolic)

    def _matrices(self, a: Node, b: Node) -> Ruling:
        x, y = scaled_matrix(a), scaled_matrix(b)
        if x is None or y is None:
            if size := next((len(t) for node in (a, b) if (t := as_tuple(node)) is not None), 0):
                columns = [as_tuple(node) or vector(node, size) for node in (a, b)]
                if columns[0] is not None and columns[1] is not None:
                    return self._ordered(columns[0], columns[1])
            if has_matrix(a) and has_matrix(b):
                return undecided("structure", "matrices: an expression of matrices")
            return no("structure", "a matrix and a number")
        if (len(x.rows), len(x.rows[0])) != (len(y.rows), len(y.rows[0])):
            return no("structure", "shapes_differ")
        return all_of(self.equal(p, q) for r, s in zip(x.rows, y.rows, strict=True) for p, q in zip(r, s, strict=True))

    def _clocks(self, a: Node, b: Node) -> Ruling:
        x, y = clock(a), clock(b)
        if x is None or y is None:
            return no("structure", "a time and a number")
        same = x == y if x.half and y.half else x.seconds % 43200 == y.seconds % 43200
        return Ruling(same, "structure")

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
        if isinstance(other, Num) and other.value.denominator == 1 and other.value < 10**_MAX_DIGITS:
            return Ruling(str(other.value) == numeral.digits.lstrip("0"), "rational")
        return no("rational", "another base")


def _is_interval(node: Seq) -> bool:
    return len(node.items) == 2 and not any(isinstance(item, (Seq, Words)) for item in node.items)


def _real_set(node: Node) -> RealSet | NoRealSet:
    try:
        return read_set(node)
    except NoRealSet as error:
        return error


def _bare(words: str) -> str:
    for article in ("the ", "a ", "an "):
        words = words.removeprefix(article)
    if words in _EMPTY or _NO_SOLUTION.fullmatch(words):
        return "no solution"
    return "does not exist" if _NO_VALUE.fullmatch(words) else words


def is_undefined(node: Node) -> bool:
    """Tell whether an expression divides by zero or is nan: a reference that equals nothing."""
    if holds(node, _UNDEFINED):
        return True
    if isinstance(node, (Seq, Relation, SetOperation, Matrix, Words, Quantity)):
        return False
    try:
        canonical(node)
    except TooHard as error:
        return isinstance(error, Undefined)
    return False
