"""Points at which two expressions are compared, chosen from the expressions themselves.

Random ones of several sizes and both signs, whole ones of every parity, and where there are divisors, whole ones with
factors in common. `breaks` has those on each side of the places where a formula changes.
"""

import random
from collections.abc import Iterator
from fractions import Fraction

from .breaks import Point, nodes
from .functions import factors
from .tree import Call, Node, Num, Sym

_SIZE = 1_000_000_007
_SIGNS: tuple[tuple[int, ...], ...] = (*((1,),) * 3, *((-1, 1),) * 4, (-1,))
_SCALES = (Fraction(1, 10**4), Fraction(40), Fraction(30_000))
DIVISORS = frozenset(("gcd", "lcm"))
_CONSECUTIVE = 120
_SHARING = 80
"""Points at which several variables have factors in common."""
_RICH = (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 15, 16, 18, 20, 24, 25, 27, 30, 36, 48, 60, 72, 210)
_LARGEST_LITERAL = 10**9
_MAX_LITERALS = 8


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


def calls(node: Node, functions: frozenset[str]) -> bool:
    """Tell whether a tree calls one of some functions with a variable in an argument."""
    return any(
        isinstance(call, Call) and call.name in functions and any(isinstance(n, Sym) for n in nodes(call))
        for call in nodes(node)
    )


def _whole(a: Node, b: Node, names: list[str], rng: random.Random) -> Iterator[Point]:
    """Yield positive whole points at which variables share factors with each other and with the literal numbers."""
    if len(names) == 1:  # consecutive ones: an + b and cn + d share a factor only where n has one residue
        yield from ({names[0]: Fraction(n)} for n in range(1, _CONSECUTIVE + 1))
    literals = {abs(int(n.value)) for side in (a, b) for n in nodes(side) if isinstance(n, Num)} - {0, 1}
    wanted = sorted(n for n in literals if n < _LARGEST_LITERAL)[:_MAX_LITERALS]
    primes = sorted({int(p[1:]) for n in wanted for p in factors(Fraction(n)) if p[0] == "#"})
    special = [k * n for n in (*wanted, *primes) for k in (1, 2, 3)] + [n * n for n in wanted]
    for k, value in enumerate(special):
        yield {name: Fraction(value if at == k % len(names) else rng.choice(_RICH)) for at, name in enumerate(names)}
    for _ in range(_SHARING if len(names) > 1 else 0):
        yield {name: Fraction(rng.choice((*_RICH, *special))) for name in names}
