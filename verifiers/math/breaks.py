"""Points on each side of the places where a formula may change: absolute bars, max and min, floors, roots, domains.

Where the argument is a polynomial of low degree, its zeros are computed. Other arguments are searched along one
variable at a time, on a grid over many scales, and around their minima. The search is no proof: two oscillations
without a common period may meet beyond it. An argument that moves towards a break at the end of the grid is reported.
"""

import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations, islice, pairwise
from typing import Any

from .canonical import TooHard, canonical, substitute
from .floats import NoFloats, compiled
from .tree import MINUS_ONE, Add, Big, Call, Mul, Node, Num, Pow, children, negative

Point = dict[str, Fraction]
Value = Callable[[Node, Point], Any]
"""Gives a real value to some 20 digits, or None where there is none."""

_MAX_BREAKS = 6
_MAX_POINTS = 40
_MAX_FOUND = 80
_MAX_CROSSINGS = 5
_MAX_MINIMA = 3
_STEPS = 24
"""Steps towards a minimum: each shortens the bracket by a third."""
_BEYOND = (Fraction(3, 10), Fraction(17, 10), Fraction(53, 10))
"""Distances from the outermost zeros, as multiples of their size."""
_SCALES = (*range(-300, -20, 40), -17, *range(-14, -5), *(k / 2 for k in range(-10, 19)), *range(10, 16), 18, 22, 27,
           *range(34, 301, 38))  # fmt: skip
_GRID = sorted(
    {sign * 1.37 * 10.0**k for k in _SCALES for sign in (-1, 1)}
    | {k / 10 + 0.0137 for k in range(-10, 11)}
    | {k * 0.29 + 0.0791 for k in range(-28, 29)}
    | {k * 23.7 for k in range(-15, 16)}
)
"""Decimal scales on both sides, and steps that see waves of the usual lengths: 1, 2 pi and 360."""
_ENDS = tuple([s * 10.0 ** (e * k) for k in range(50, 301, 50)] for s in (-1, 1) for e in (-1, 1))


@dataclass(frozen=True, slots=True)
class Break:
    """An expression at whose zeros, or whole values, a formula may change."""

    expression: Node
    kind: str
    """`sign`, `step` (each whole value is a break) or `domain` (only the zeros of polynomials are looked for)."""


@dataclass(slots=True, kw_only=True)
class Sides:
    """Points on each side of breaks."""

    points: list[Point]
    is_open: bool
    """An argument moves towards a break that the points do not reach."""


def sides(a: Node, b: Node, point: Point, value: Value) -> Sides:
    """Return points on each side of the breaks of two expressions, one variable moving at a time."""
    breaks = list(dict.fromkeys((*_breaks(a), *_breaks(b))))[:_MAX_BREAKS]
    exact = list(islice(_around_zeros([found.expression for found in breaks], point), _MAX_POINTS))
    found = Sides(points=exact, is_open=False)
    for one in breaks:
        if one.kind != "domain" and not any(isinstance(n, Big) for n in nodes(one.expression)):
            _search(one, point, value, found)
    del found.points[_MAX_FOUND:]
    return found


def _breaks(node: Node) -> Iterator[Break]:
    if isinstance(node, Call):
        if node.name in ("max", "min"):
            yield from (Break(Add((p, negative(q))), "sign") for p, q in combinations(node.args, 2))
        elif node.name in ("abs", "sgn", "root"):
            yield from _signs(node.args[0])
        elif node.name in ("floor", "ceil"):
            yield Break(node.args[0], "step")
        elif node.name == "mod":
            yield Break(Mul((node.args[0], Pow(node.args[1], MINUS_ONE))), "step")
        elif node.name in ("log", "asin", "acos"):
            yield Break(node.args[0], "domain")
    elif isinstance(node, Pow) and not (isinstance(node.exponent, Num) and node.exponent.value in (1, 2, 3)):
        if isinstance(node.exponent, Num) and node.exponent.value.denominator > 1:
            yield from _signs(node.base)
        else:
            yield Break(node.base, "domain")
    for child in children(node):
        yield from _breaks(child)


def _signs(node: Node) -> Iterator[Break]:
    """Yield the factors of an expression: an even power of one hides where its sign changes."""
    if isinstance(node, Mul):
        for factor in node.factors:
            yield from _signs(factor)
    elif isinstance(node, Pow) and isinstance(node.exponent, Num):
        yield from _signs(node.base)
    elif not isinstance(node, Num):
        yield Break(node, "sign")


def nodes(root: Node) -> Iterator[Node]:
    """Yield all nodes of a tree."""
    stack = [root]
    while stack:
        node = stack.pop()
        yield node
        stack += children(node)


# Search along a variable


def _search(one: Break, point: Point, value: Value, found: Sides) -> None:
    """Add what a search along each variable finds; without a crossing, once more from the nearest miss."""
    for _ in range(2 if len(point) > 1 else 1):
        is_crossed = False
        for name in point:
            if one.kind == "sign" and _zeros(one.expression, name, point) is not None:
                is_crossed = True  # a polynomial, whose zeros are known
                continue
            line = _Line(one, {**point}, name, value)
            crossings = line.crossings()
            minima = line.minima()
            found.points += [{**point, name: Fraction(x)} for x in (*crossings, *minima)]
            found.is_open = found.is_open or line.is_open()
            is_crossed = is_crossed or bool(crossings)
            if not crossings and minima:
                point = {**point, name: Fraction(minima[0])}
        if is_crossed:
            return


class _Line:
    """A break's expression along one variable."""

    def __init__(self, one: Break, point: Point, name: str, value: Value) -> None:
        self._kind = one.kind
        self._at = _along(one.expression, point, name, value)
        self._values = [(x, self._at(x)) for x in _GRID]

    def _regime(self, value: Any) -> int:
        return int(value > 0) - int(value < 0) if self._kind == "sign" else math.floor(value)

    def _gap(self, value: Any) -> float:
        """The distance to a break."""
        return float(abs(value) if self._kind == "sign" else abs(value - round(float(value))))

    def crossings(self) -> list[float]:
        """Return neighbours on the grid between which there is a break, of usual sizes first."""
        pairs = [
            (x, y)
            for (x, u), (y, v) in pairwise(self._values)
            if u is not None and v is not None and self._regime(u) != self._regime(v)
        ]
        pairs.sort(key=lambda pair: abs(math.log(max(abs(pair[0]), 1e-300))))
        return list(dict.fromkeys(x for pair in pairs[:_MAX_CROSSINGS] for x in pair))

    def minima(self) -> list[float]:
        """Return places where the distance to a break is least, the nearest first, some with both sides of theirs."""
        triples = []
        for (x, u), (y, v), (z, w) in zip(self._values, self._values[1:], self._values[2:], strict=False):
            if u is None or v is None or w is None or not self._regime(u) == self._regime(v) == self._regime(w):
                continue
            left, middle, right = self._gap(u), self._gap(v), self._gap(w)
            bend = left + right - 2 * middle
            if left >= middle <= right and bend > 0:
                least = middle - (left - right) ** 2 / (8 * bend)  # of the parabola through the three
                triples.append((least, x, y, z, least < bend / 10))
        triples.sort()
        found: list[float] = []
        for k, (_, low, middle, high, is_near) in enumerate(triples[:_MAX_MINIMA]):
            is_worth = is_near or k == 0  # beside a pole no parabola fits
            found += self._least(low, middle, high) if is_worth else [middle]
        return found

    def _least(self, low: float, middle: float, high: float) -> list[float]:
        """Return the place of the minimum, or the first one on the way that is beyond the break, with its sides."""
        best = self._at(middle)
        if best is None:  # the time of the search has ended
            return [middle]
        regime = self._regime(best)
        for _ in range(_STEPS):
            x = (low + middle) / 2 if middle - low > high - middle else (middle + high) / 2
            value = self._at(x)
            if value is None:
                break
            if self._regime(value) != regime:
                return [x, low, high]
            if self._gap(value) < self._gap(best):
                low, high = (low, middle) if x < middle else (middle, high)
                middle, best = x, value
            elif x < middle:
                low = x
            else:
                high = x
        return [middle, low, high]

    def is_open(self) -> bool:
        """Tell whether at an end the value moves towards zero at a pace that does not slow down as a limit's would."""
        if self._kind != "sign":
            return False
        for places in _ENDS:
            values = [self._at(x) for x in places[:2]]
            if None in values or not abs(values[0]) > abs(values[1]):
                continue
            values += [self._at(x) for x in places[2:]]
            if None in values or len({self._regime(v) for v in values}) > 1:
                continue
            paces = [abs(u) - abs(v) for u, v in pairwise(values)]
            if all(v > u / 2 > abs(values[0]) * 1e-12 and v < u * 1.001 for u, v in pairwise(paces)):
                return True
        return False


def _along(expression: Node, point: Point, name: str, value: Value) -> Callable[[float], Any]:
    """Return an expression's values along a variable: in double precision where it has them."""
    try:
        real = compiled(expression, name, {n: float(v) for n, v in point.items()})
    except (NoFloats, OverflowError):
        return lambda x: value(expression, {**point, name: Fraction(x)})

    def at(x: float) -> float | None:
        try:
            found = real(x)
        except (ArithmeticError, ValueError):
            return None
        return found if math.isfinite(found) else None

    return at


# Zeros of polynomials


def _around_zeros(expressions: Iterable[Node], point: Point) -> Iterator[Point]:
    for name in point:
        zeros = sorted({zero for expression in expressions for zero in _zeros(expression, name, point) or ()})
        if not zeros:
            continue
        for low, high in pairwise(zeros):
            yield from ({**point, name: low + (high - low) * part} for part in (Fraction(1, 3), Fraction(3, 5)))
        for share in _BEYOND:
            yield {**point, name: zeros[0] - (1 + abs(zeros[0])) * share}
            yield {**point, name: zeros[-1] + (1 + abs(zeros[-1])) * share}


def _zeros(expression: Node, name: str, point: Point) -> list[Fraction] | None:
    """Return the real zeros of an expression in one variable; None if it is no polynomial of low degree."""
    degrees: dict[int, float] = {}
    try:
        for other in point.keys() - {name}:
            expression = substitute(expression, other, Num(point[other]))
        for mono, coefficient in canonical(expression).top.items():
            degree, value = 0, float(coefficient)
            for atom, exponent in mono:
                if atom == name and exponent in (1, 2, 3, 4):
                    degree = int(exponent)
                else:
                    value *= _constant(atom) ** float(exponent)
            degrees[degree] = degrees.get(degree, 0.0) + value
        return [
            Fraction(zero) for zero in _roots([degrees.get(k, 0.0) for k in range(max(degrees, default=0), -1, -1)])
        ]
    except (TooHard, ArithmeticError, ValueError, TypeError):
        return None


def _constant(atom: str) -> float:
    if atom[0] != "#" or not (atom in ("#pi", "#e") or atom[1:].isdigit()):
        raise TooHard("no constant")
    return {"#pi": math.pi, "#e": math.e}[atom] if atom in ("#pi", "#e") else float(atom[1:])


def _roots(coefficients: list[float]) -> list[float]:
    if len(coefficients) == 3:
        a, b, c = coefficients
        below = b * b - 4 * a * c
        spread = math.sqrt(below if below > 1e-12 * b * b else 0.0) if below >= -1e-12 * b * b else math.nan
        return [] if math.isnan(spread) else [(-b - spread) / (2 * a), (-b + spread) / (2 * a)]
    if len(coefficients) == 2:
        return [-coefficients[1] / coefficients[0]]
    if len(coefficients) < 2:
        return []
    from mpmath import MPContext  # type: ignore[import-untyped]

    context = MPContext()
    with suppress(context.NoConvergence):
        return [float(z.real) for z in context.polyroots(coefficients) if abs(z.imag) <= 1e-6 * (1 + abs(z))]
    return []
