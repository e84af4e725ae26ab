r"""What a worker runs as sympy: `python worker.py sympy_program.py`; imports nothing of this package.

A case is `[TREE, TREE]`, trees as `symbolic.encode` writes them; sympy never parses text. Its answer is "yes", "no" or
"unknown".
"""

import random
from typing import Any

MEMORY_BYTES = 1024**3


def load() -> str:
    """Import sympy and return its version."""
    import sympy

    return str(sympy.__version__)


def answer(case: list[Any], _options: dict[str, Any]) -> str:
    """Say whether two trees have the same value."""
    import sympy

    try:
        left, right = (build(tree).doit() for tree in case)
        if left.has(sympy.nan, sympy.zoo) or right.has(sympy.nan, sympy.zoo):
            return "unknown"
        if left.has(sympy.oo, -sympy.oo) or right.has(sympy.oo, -sympy.oo):
            return "yes" if left == right else "no" if left.is_number and right.is_number else "unknown"
        gap = left - right
        return _by_value(gap) or ("yes" if sympy.simplify(gap) == 0 else "unknown")
    except Exception:  # noqa: BLE001 - sympy raises anything on nonsense, and the loop must go on
        return "unknown"


def _by_value(gap: Any) -> str | None:
    """Say no where the difference has a value that is not zero: at random points if it has variables."""
    import sympy

    if gap == 0:
        return "yes"
    names = sorted(gap.free_symbols, key=str)
    rng = random.Random(0)
    for _ in range(3 if names else 1):
        point = {name: sympy.Rational(rng.randint(200, 2900), 1009) for name in names}
        value = sympy.N(gap.subs(point), 50)
        again = sympy.N(gap.subs(point), 80)
        if not (value.is_number and value.is_finite):
            continue
        if abs(again) > sympy.Float("1e-30") and abs(value - again) < abs(again) * sympy.Float("1e-5"):
            return "no"
    return None


def build(tree: list[Any]) -> Any:
    """Build the sympy expression of a tree; raises where sympy has no counterpart."""
    import sympy

    kind, rest = tree[0], tree[1:]
    if kind == "num":
        return sympy.Rational(int(rest[0], 16), int(rest[1], 16))  # decimal strings are limited to 4300 digits
    if kind == "sym":
        constants = {"#pi": sympy.pi, "#e": sympy.E, "#i": sympy.I, "#inf": sympy.oo, "#deg": sympy.pi / 180}
        return constants[rest[0]] if rest[0] in constants else sympy.Symbol(rest[0])
    if kind == "big":
        return _big(rest)
    if kind in ("call", "unknown"):
        function = getattr(sympy, rest[0]) if kind == "call" else sympy.Function(rest[0])
        return function(*map(build, rest[1:]))
    parts = [build(part) for part in rest]
    if kind == "root":
        radicand, index = parts
        negative = radicand.is_negative and index.is_odd
        return sympy.real_root(radicand, index) if negative else sympy.Pow(radicand, 1 / index)
    if kind == "pow":
        return sympy.Pow(parts[0], parts[1])
    return sympy.Add(*parts) if kind == "add" else sympy.Mul(*parts)


def _big(rest: list[Any]) -> Any:
    import sympy

    kind, body, variable = rest[0], build(rest[1]), sympy.Symbol(rest[2])
    low, high = (None if bound is None else build(bound) for bound in rest[3:])
    if kind in ("sum", "prod"):
        return (sympy.Sum if kind == "sum" else sympy.Product)(body, (variable, low, high))
    if kind == "derivative":
        return sympy.Derivative(body, variable)
    if kind == "limit":
        return sympy.Limit(body, variable, low, "+-" if high is None else "+" if high == 1 else "-")
    return sympy.Integral(body, variable) if low is None else sympy.Integral(body, (variable, low, high))
