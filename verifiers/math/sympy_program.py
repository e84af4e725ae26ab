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
        return _by_value(gap) or _by_simplification(gap)
    except Exception:  # noqa: BLE001 - sympy raises anything on what makes no sense, and the loop must go on
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


def _by_simplification(gap: Any) -> str:
    import sympy

    return "yes" if sympy.simplify(gap) == 0 else "unknown"


def build(tree: list[Any]) -> Any:
    """Build the sympy expression of a tree; raises for what sympy has no counterpart of."""
    import sympy

    kind, rest = tree[0], tree[1:]
    if kind == "num":
        return sympy.Rational(int(rest[0], 16), int(rest[1], 16))  # decimal strings are limited to 4300 digits
    if kind == "sym":
        return _symbol(rest[0])
    if kind == "big":
        return _big(rest)
    if kind == "call":
        return _call(rest[0], [build(part) for part in rest[1:]])
    parts = [build(part) for part in rest]
    if kind == "pow":
        return sympy.Pow(parts[0], parts[1])
    return sympy.Add(*parts) if kind == "add" else sympy.Mul(*parts)


def _symbol(name: str) -> Any:
    import sympy

    constants = {"#pi": sympy.pi, "#e": sympy.E, "#i": sympy.I, "#inf": sympy.oo, "#deg": sympy.pi / 180}
    return constants[name] if name in constants else sympy.Symbol(name)


def _big(rest: list[Any]) -> Any:
    import sympy

    kind, body, variable = rest[0], build(rest[1]), sympy.Symbol(rest[2])
    low, high = (None if bound is None else build(bound) for bound in rest[3:])
    if kind == "sum":
        return sympy.Sum(body, (variable, low, high))
    if kind == "prod":
        return sympy.Product(body, (variable, low, high))
    if kind == "derivative":
        return sympy.Derivative(body, variable)
    if kind == "limit":
        return sympy.Limit(body, variable, low, "+-" if high is None else "+" if high == 1 else "-")
    return sympy.Integral(body, variable) if low is None else sympy.Integral(body, (variable, low, high))


def _call(name: str, args: list[Any]) -> Any:
    import sympy

    if name == "root":
        return sympy.real_root(*args) if args[0].is_negative and args[1].is_odd else sympy.Pow(args[0], 1 / args[1])
    return getattr(sympy, _KNOWN[name])(*args) if name in _KNOWN else sympy.Function(name)(*args)


_SAME = (
    "floor factorial gcd lcm log exp gamma re im sin cos tan sec csc cot asin acos atan acot asec acsc "
    "sinh cosh tanh coth sech csch asinh acosh atanh"
)
_KNOWN = {name: name for name in _SAME.split()} | {
    "abs": "Abs", "ceil": "ceiling", "binom": "binomial", "sgn": "sign", "max": "Max", "min": "Min", "mod": "Mod",
}  # fmt: skip
"""sympy's names of our functions; a function that is not here is an unknown one."""
