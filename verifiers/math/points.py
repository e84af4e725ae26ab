"""Points at which two expressions are compared, chosen from the expressions themselves.

Random ones of several sizes and both signs, whole ones of every parity, and some on each side of the places where a
formula may change: zeros of what stands in absolute bars, roots, logarithms, denominators, and between max and min.
"""

import math
import random
from collections.abc import Iterator
from contextlib import suppress
from fractions import Fraction
from itertools import combinations, islice, pairwise

from .canonical import TooHard, canonical, substitute
from .functions import factors
from .tree import Add, Call, Node, Num, Pow, Sym, children, negative

Point = dict[str, Fraction]

_SIZE = 1_000_000_007
_SIGNS: tuple[tuple[int, ...], ...] = (*((1,),) * 3, *((-1, 1),) * 4, (-1,))
_SCALES = (Fraction(1, 10**4), Fraction(40), Fraction(30_000))
_BROKEN = {"abs", "sgn", "floor", "ceil", "root", "log", "mod", "asin", "acos"}
_MAX_BREAKS = 6
_MAX_BETWEEN = 40
DIVISORS = frozenset(("gcd", "lcm"))
_CONSECUTIVE = 120
_SHARING = 80
"""Points at which several variables have factors in common."""
_RICH = (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 15, 16, 18, 20, 24, 25, 27, 30, 36, 48, 60, 72, 210)
_LARGEST_LITERAL = 10**9
_MAX_LITERALS = 8
_BEYOND = (Fraction(3, 10), Fraction(17, 10), Fraction(53, 10))
"""Distances from the outermost breaks, as multiples of their size."""


def points(a: Node, b: Node, names: list[str], seed: int) -> Iterator[Point]:
    """Yield the points; one without coordinates if there are no names."""
    if not names:
        yield {}
        return
    rng = random.Random(f"{seed}:{names}")

    def near(scale: Fraction, signs: tuple[int, ...]) -> Point:
        lowest, highest = _SIZE // 5, 29 * _SIZE // 10
        return {n: rng.choice(signs) * scale * Fraction(rng.randint(lowest, highest), _SIZE) for n in names}

    usual = [near(Fraction(1), signs) for signs in _SIGNS]
    yield from usual
    start = rng.randint(2, 5)
    for at in range(8):  # consecutive for the first name, every combination of parities for the first three
        rest = {n: Fraction(2 * rng.randint(1, 5) + (at >> (1 + k % 2) & 1)) for k, n in enumerate(names[1:])}
        yield {names[0]: Fraction(start + at)} | rest
    if calls(a, DIVISORS) or calls(b, DIVISORS):
        yield from _whole(a, b, names, rng)
    for scale in _SCALES:
        yield near(scale, (1,))
        yield near(scale, (-1,))
    yield from islice(_between(a, b, usual[0]), _MAX_BETWEEN)


def calls(node: Node, functions: frozenset[str]) -> bool:
    """Tell whether a tree calls one of some functions with a variable in an argument."""
    return any(
        isinstance(call, Call) and call.name in functions and any(isinstance(n, Sym) for n in _nodes(call))
        for call in _nodes(node)
    )


def _nodes(root: Node) -> Iterator[Node]:
    stack = [root]
    while stack:
        node = stack.pop()
        yield node
        stack += children(node)


def _whole(a: Node, b: Node, names: list[str], rng: random.Random) -> Iterator[Point]:
    """Yield positive whole points at which variables share factors with each other and with the literal numbers."""
    if len(names) == 1:  # consecutive ones: an + b and cn + d share a factor only where n has one residue
        yield from ({names[0]: Fraction(n)} for n in range(1, _CONSECUTIVE + 1))
    literals = {abs(int(n.value)) for side in (a, b) for n in _nodes(side) if isinstance(n, Num)} - {0, 1}
    wanted = sorted(n for n in literals if n < _LARGEST_LITERAL)[:_MAX_LITERALS]
    primes = sorted({int(p[1:]) for n in wanted for p in factors(Fraction(n)) if p[0] == "#"})
    special = [k * n for n in (*wanted, *primes) for k in (1, 2, 3)] + [n * n for n in wanted]
    for k, value in enumerate(special):
        yield {name: Fraction(value if at == k % len(names) else rng.choice(_RICH)) for at, name in enumerate(names)}
    for _ in range(_SHARING if len(names) > 1 else 0):
        yield {name: Fraction(rng.choice((*_RICH, *special))) for name in names}


def _between(a: Node, b: Node, point: Point) -> Iterator[Point]:
    """Yield points on each side of the breaks, one variable moving at a time."""
    breaks = list(dict.fromkeys((*_breaks(a), *_breaks(b))))[:_MAX_BREAKS]
    for name in point if breaks else ():
        zeros = sorted({zero for expression in breaks for zero in _zeros(expression, name, point)})
        if not zeros:
            continue
        for low, high in pairwise(zeros):
            yield from ({**point, name: low + (high - low) * part} for part in (Fraction(1, 3), Fraction(3, 5)))
        for share in _BEYOND:
            yield {**point, name: zeros[0] - (1 + abs(zeros[0])) * share}
            yield {**point, name: zeros[-1] + (1 + abs(zeros[-1])) * share}


def _breaks(node: Node) -> Iterator[Node]:
    """Yield expressions at whose zeros the formula of an expression, or its domain, may change."""
    if isinstance(node, Call):
        if node.name in ("max", "min"):
            yield from (Add((p, negative(q))) for p, q in combinations(node.args, 2))
        elif node.name in _BROKEN:
            yield node.args[0]
    elif isinstance(node, Pow) and not (isinstance(node.exponent, Num) and node.exponent.value in (1, 2, 3)):
        yield node.base
    for child in children(node):
        yield from _breaks(child)


def _zeros(expression: Node, name: str, point: Point) -> list[Fraction]:
    """Return the real zeros of an expression in one variable where it is a polynomial of low degree."""
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
        return []


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
