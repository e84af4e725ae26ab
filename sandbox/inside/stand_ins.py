"""Stand-ins in the tests for the candidate's functions, classes and objects.

A stand-in forwards calls, attributes and operations that only read an object. Operations by which an object of the
candidate would judge itself (its own `==`, `<`, `in`, or arithmetic with a number of the tests) are never forwarded:
the object is unequal to all plain data, and where the tests use a class of the candidate the run is undecided.
"""

import types
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NoReturn

from .candidate_objects import UNARY

if TYPE_CHECKING:
    from .remotes import Remotes

_JUDGING = frozenset({"__eq__", "__ne__", "__lt__", "__le__", "__gt__", "__ge__", "__contains__"})
_UNARY = frozenset(f"__{name}__" for name in UNARY.split())
_DATA = frozenset({"__dict__", "__name__", "__qualname__", "__annotations__"})
"""Special attributes that are forwarded; all others are not."""


class Remote:
    """Stands for an object of the candidate."""

    __slots__ = ("__weakref__", "_name", "_number", "_remotes")

    def __init__(self, remotes: "Remotes", number: int, name: str) -> None:
        for slot, value in (("_remotes", remotes), ("_number", number), ("_name", name)):
            object.__setattr__(self, slot, value)

    def __getattr__(self, name: str) -> Any:
        if name == "__name__" and isinstance(self, RemoteFunction | RemoteClass):
            return self._name
        if name.startswith("__") and name not in _DATA:
            raise AttributeError(name)
        return self._remotes.ask(["get", target_of(self), name])

    def __setattr__(self, name: str, value: Any) -> None:
        self._remotes.ask(["set", target_of(self), name, self._remotes.encode(value)])

    def __delattr__(self, name: str) -> None:
        self._remotes.ask(["delete", target_of(self), name])

    def __repr__(self) -> str:
        return f"<{self._name}>"

    def __copy__(self) -> Any:
        return self._remotes.ask(["copy", target_of(self), False])

    def __deepcopy__(self, _memo: Any) -> Any:
        return self._remotes.ask(["copy", target_of(self), True])


class RemoteFunction(Remote):
    """Stands for a function of the candidate."""

    __slots__ = ()

    def __call__(self, *values: Any, **named: Any) -> Any:
        return self._remotes.call(target_of(self), self._name, values, named)


class RemoteClass(Remote):
    """Stands for a class of the candidate."""

    __slots__ = ()

    def __call__(self, *values: Any, **named: Any) -> Any:
        self._remotes.classes_used |= self._number in self._remotes.classes
        return self._remotes.call(target_of(self), self._name, values, named)

    def __getattr__(self, name: str) -> Any:
        self._remotes.classes_used = True
        return super().__getattr__(name)

    def __instancecheck__(self, value: Any) -> bool:
        if not isinstance(value, Remote):
            return False
        return bool(self._remotes.ask(["isinstance", target_of(value), target_of(self)]))

    def __subclasscheck__(self, kind: Any) -> bool:
        if not isinstance(kind, RemoteClass):
            return False
        return bool(self._remotes.ask(["issubclass", target_of(kind), target_of(self)]))

    def __mro_entries__(self, _bases: Any) -> NoReturn:
        raise self._remotes.stop("undecided", f"the tests make a subclass of the program's class {self._name}")


def target_of(value: Remote) -> list[Any]:
    """Return the reference to a stand-in's object in a message."""
    return ["ref", object.__getattribute__(value, "_number")]


def object_class(name: str, special: frozenset[str]) -> type[Remote]:
    """Make the stand-in class for objects whose class defines these special methods."""
    body: dict[str, Any] = {"__slots__": ()}
    for method in special:
        body[method] = _method(method)
    if "__eq__" in special and "__hash__" not in special:
        body["__hash__"] = None
    return types.new_class(name if name.isidentifier() else "object_", (Remote,), {}, lambda space: space.update(body))


def _method(method: str) -> Callable[..., Any]:
    """Return the stand-in's special method: one that forwards, or one that judges by identity alone."""

    def refuse(self: Remote, other: Any) -> Any:
        if self is other and method in ("__eq__", "__ne__"):
            return method == "__eq__"
        if method not in _JUDGING and isinstance(other, Remote):
            return self._remotes.special(target_of(self), method, (other,))
        if self._remotes.classes_used:
            reason = f"the tests rely on {method} of the program's class {self._name}, which cannot judge itself"
            self._remotes.stop("undecided", reason)
        if method == "__contains__":  # by its items, of which it does not know what they are compared with
            return any(item is other or item == other for item in iter(self))
        return NotImplemented

    def leave(self: Remote, kind: Any, error: Any, _trace: Any) -> Any:
        """Leave a `with` block; the program does not learn of a failed assertion, and cannot excuse it."""
        if kind is None or not issubclass(kind, AssertionError) or hasattr(error, "__notes__"):
            return self._remotes.special(target_of(self), method, (kind, error, None))
        self._remotes.special(target_of(self), method, (None, None, None))
        return False

    if method == "__exit__":
        return leave
    if method == "__call__":
        return lambda self, *values, **named: self._remotes.call(target_of(self), self._name, values, named)
    forward = lambda self, *values: self._remotes.special(target_of(self), method, values)  # noqa: E731
    return forward if method in _UNARY else refuse
