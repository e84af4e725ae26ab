"""Names that programs use without importing them, as if `from typing import *` and the like came first.

Benchmarks judge model-written programs under such a header. A program gets only the names that it mentions. A builtin
is never replaced.
"""

import builtins
import importlib
import types
from collections.abc import Iterable
from typing import Any

_MODULES = """bisect collections copy dataclasses datetime decimal enum fractions functools heapq io itertools json math
operator os random re statistics string sys time typing"""
MODULES = frozenset(_MODULES.split())
"""Modules under their names."""
_WHOLE = ("typing", "collections", "itertools", "functools", "heapq", "bisect", "math")
"""Modules of which all public names are provided."""
_SINGLE = {
    **dict.fromkeys(("ascii_letters", "ascii_lowercase", "ascii_uppercase", "digits", "punctuation"), "string"),
    **dict.fromkeys(("itemgetter", "attrgetter", "mul", "xor"), "operator"),
    **dict.fromkeys(("randint", "choice", "shuffle"), "random"),
    **dict.fromkeys(("mean", "median", "mode"), "statistics"),
    "deepcopy": "copy", "dataclass": "dataclasses", "field": "dataclasses", "date": "datetime", "timedelta": "datetime",
    "Decimal": "decimal", "getcontext": "decimal", "Enum": "enum", "Fraction": "fractions",
}  # fmt: skip
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
"""Classes that LeetCode provides to every program."""


def names_of(code: types.CodeType) -> set[str]:
    """Return the names of globals, attributes and imports in some code, nested code included.

    >>> sorted(names_of(compile("f = lambda: sqrt(2)", "", "exec")))
    ['f', 'sqrt']
    """
    names, rest = set(code.co_names), [code]
    while rest:
        nested = [constant for constant in rest.pop().co_consts if isinstance(constant, types.CodeType)]
        names.update(name for inner in nested for name in inner.co_names)
        rest += nested
    return names


def usual_names(names: Iterable[str]) -> dict[str, Any]:
    """Return the names among these that the usual header provides, with their values.

    >>> usual_names(["sqrt", "pow", "spam"])
    {'sqrt': <built-in function sqrt>}
    """
    values: dict[str, Any] = {}
    for name in names:
        if name in MODULES:
            values[name] = importlib.import_module(name)
        elif name in NODES:
            namespace: dict[str, Any] = {"__name__": "solution"}
            exec(_NODES, namespace)
            values.update({n: namespace[n] for n in NODES if n not in values})
        elif not hasattr(builtins, name):
            for module in map(importlib.import_module, [_SINGLE[name]] if name in _SINGLE else _WHOLE):
                public = getattr(module, "__all__", None) or vars(module)
                if name in _SINGLE or (name in public and not name.startswith("_")):
                    values[name] = getattr(module, name)
                    break
    return values
