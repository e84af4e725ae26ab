"""The names that programs use without importing them: what `from typing import *` and its like would bring.

Model-written programs are judged under such a header by custom; only the names that a program mentions are given to it.
A builtin is never replaced.
"""

import builtins
import importlib
import types
from collections.abc import Iterable
from typing import Any

MODULES = frozenset(
    (
        *("bisect", "collections", "copy", "dataclasses", "datetime", "decimal", "enum", "fractions", "functools"),
        *("heapq", "io", "itertools", "json", "math", "operator", "os", "random", "re", "statistics", "string", "sys"),
        *("time", "typing"),
    )
)
"""Given by their own names."""
_WHOLE = ("typing", "collections", "itertools", "functools", "heapq", "bisect", "math")
"""All their public names are given."""
_SINGLE = {
    **dict.fromkeys(("ascii_letters", "ascii_lowercase", "ascii_uppercase", "digits", "punctuation"), "string"),
    **dict.fromkeys(("deepcopy",), "copy"),
    **dict.fromkeys(("dataclass", "field"), "dataclasses"),
    **dict.fromkeys(("date", "timedelta"), "datetime"),
    **dict.fromkeys(("Decimal", "getcontext"), "decimal"),
    **dict.fromkeys(("Enum",), "enum"),
    **dict.fromkeys(("Fraction",), "fractions"),
    **dict.fromkeys(("itemgetter", "attrgetter", "mul", "xor"), "operator"),
    **dict.fromkeys(("randint", "choice", "shuffle"), "random"),
    **dict.fromkeys(("mean", "median", "mode"), "statistics"),
}
NODES = ("ListNode", "TreeNode")
_NODES = """
class ListNode:
    def __init__(self, val=0, next=None):
        self.val = val
        self.next = next

class TreeNode:
    def __init__(self, val=0, left=None, right=None):
        self.val = val
        self.left = left
        self.right = right
"""
"""The classes that LeetCode gives to every program."""


def names_of(code: types.CodeType) -> set[str]:
    """Return every name of a global, attribute or import in some code and what is nested in it.

    >>> sorted(names_of(compile("f = lambda: sqrt(2)", "", "exec")))
    ['f', 'sqrt']
    """
    found, rest = set(code.co_names), [code]
    while rest:
        nested = [constant for constant in rest.pop().co_consts if isinstance(constant, types.CodeType)]
        found.update(name for inner in nested for name in inner.co_names)
        rest += nested
    return found


def usual_names(names: Iterable[str]) -> dict[str, Any]:
    """Return those of the names that the usual header gives, with their values.

    >>> usual_names(["sqrt", "pow", "spam"])
    {'sqrt': <built-in function sqrt>}
    """
    found: dict[str, Any] = {}
    for name in names:
        if hasattr(builtins, name):
            continue
        if name in MODULES:
            found[name] = importlib.import_module(name)
        elif name in _SINGLE:
            found[name] = getattr(importlib.import_module(_SINGLE[name]), name)
        elif name in NODES:
            namespace: dict[str, Any] = {"__name__": "solution"}
            exec(_NODES, namespace)
            found.update({n: namespace[n] for n in NODES if n not in found})
        elif (home := _home_of(name)) is not None:
            found[name] = getattr(importlib.import_module(home), name)
    return found


def _home_of(name: str) -> str | None:
    for home in _WHOLE:
        module = importlib.import_module(home)
        public = getattr(module, "__all__", None)
        if name in (public if public is not None else vars(module)) and not name.startswith("_"):
            return home
    return None
