"""Describes the program's objects to the tester: numbered, by kind, never copied.

A description is only the candidate's word. The tester uses it to shape a stand-in, never to decide a test.
"""

import builtins
import types
from collections.abc import Callable
from typing import Any

from .program import FILE

UNARY = """call len getitem setitem delitem iter next reversed enter exit str repr format bool int float index round
hash abs neg pos invert"""
"""Special methods that read or change an object without comparing it to a value of the tests."""
_BINARY = """contains eq ne lt le gt ge add sub mul truediv floordiv mod divmod pow matmul radd rsub rmul rtruediv
rfloordiv rmod rpow rmatmul and or xor rand ror rxor lshift rshift"""
SPECIAL = frozenset(f"__{name}__" for name in f"{UNARY} {_BINARY}".split())
"""Special methods that cross, where the object's class defines them."""
_ITERATORS = ("builtins", "itertools", "_collections", "collections")
_MAX_TEXT = 500


class ObjectTable:
    """Objects by number."""

    def __init__(self) -> None:
        self._objects: list[Any] = []
        self._numbers: dict[int, int] = {}

    def refer(self, value: Any) -> list[Any]:
        """Return a description of an object; the same object has the same number."""
        number = self._numbers.setdefault(id(value), len(self._objects))
        if number == len(self._objects):
            self._objects.append(value)  # kept, so that its id is not given to another object
        kind, details, known = "object", [], type(value)
        if isinstance(value, type):
            kind = "class"
            if issubclass(value, BaseException):
                kind, details = "exception", _builtin_names(value)
        elif known is types.CoroutineType:
            kind = "coroutine"
        elif hasattr(known, "__next__") and hasattr(known, "__iter__") and known.__module__ in _ITERATORS:
            kind = "iterator"
        elif isinstance(value, types.FunctionType | types.BuiltinFunctionType | types.MethodType):
            kind = "function"
        else:
            special = (name for k in known.__mro__[:-1] for name in vars(k) if name in SPECIAL and vars(k)[name])
            details = sorted(set(special))
        named = getattr(value, "__name__", None) if isinstance(value, type | types.FunctionType) else known.__name__
        return ["h", number, kind, named if isinstance(named, str) else "object", details]

    def find(self, number: int) -> Any:
        """Return the object with a number."""
        return self._objects[number]


def describe_exception(error: BaseException, encode: Callable[[Any], Any]) -> list[Any]:
    """Return the exception's class, its builtin bases, arguments, attributes, text, and the line that raised it."""
    arguments: list[Any] = []
    attributes: Any = ["d", []]
    try:
        text = str(error)[:_MAX_TEXT]
        arguments = [encode(argument) for argument in error.args]
        attributes = encode(vars(error))
    except Exception:  # noqa: BLE001 - the program's __str__ may raise, or an argument may not be plain data
        text = "its text cannot be read"
    own = encode(type(error)) if type(error).__module__ != "builtins" else None
    line, frame = None, error.__traceback__  # the program's line that raised it, or that it passed through last
    while frame is not None:
        line = frame.tb_lineno if frame.tb_frame.f_code.co_filename == FILE else line
        frame = frame.tb_next
    return [own, _builtin_names(type(error)), type(error).__name__, arguments, attributes, text, line]


def _builtin_names(kind: type) -> list[str]:
    return [k.__name__ for k in kind.__mro__ if getattr(builtins, k.__name__, None) is k and k is not object]
