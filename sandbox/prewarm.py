"""Imports libraries and uses them once, so that forks start warm. Libraries that are not installed are skipped."""

import contextlib
import importlib
from collections.abc import Callable, Iterable

DEFAULT = (
    "numpy", "sympy", "math", "cmath", "random", "itertools", "functools", "collections", "re", "json", "string",
    "statistics", "fractions", "decimal", "heapq", "bisect", "datetime", "copy", "typing", "dataclasses", "operator",
    "queue", "threading", "time", "hashlib", "calendar", "textwrap", "enum", "abc", "io", "struct", "array", "unittest",
)  # fmt: skip

_EXERCISES = {
    "numpy": """
import numpy as np
a = np.arange(12.0).reshape(3, 4)
(a @ a.T).sum(); np.linalg.solve(np.eye(3) * 2, np.ones(3)); np.linalg.det(np.eye(2)); np.roots([1, -3, 2])
np.random.rand(2)
str(a); np.sort(a); np.mean(a); np.dot(a[0], a[1]); np.array([1, 2, 3]).tolist()
""",
    "sympy": """
import sympy as s
from sympy.abc import x, y
s.solve(x**2 - 3*x + 2, x); s.solve([x + y - 3, x - y - 1], [x, y]); s.simplify(s.sin(x)**2 + s.cos(x)**2)
s.integrate(x * s.exp(x), x); s.diff(s.sin(x) * x, x); s.expand((x + 1)**3); s.factor(x**2 - 1)
s.Rational(1, 3) + s.sqrt(2)
s.limit(s.sin(x) / x, x, 0); s.Sum(x, (x, 1, 10)).doit(); s.factorint(360)
s.Matrix([[1, 2], [3, 4]]).det(); s.N(s.pi, 20)
str(s.sqrt(8)); s.latex(x**2 / 2); s.nsolve(x**2 - 2, x, 1); s.sympify("2*x + 1"); s.gcd(12, 18); s.isprime(97)
""",
}


def warm(names: Iterable[str], *, proceed: Callable[[], bool]) -> None:
    """Import and exercise libraries while `proceed()` holds."""
    for name in names:
        if not proceed():
            return
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
            exec(_EXERCISES.get(name, ""), {"__name__": "prewarm"})
