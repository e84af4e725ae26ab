"""Stand-ins in the tests for the candidate's functions, classes and objects.

A stand-in forwards calls, attributes and operations that only read an object. Operations by which an object of the
candidate would judge itself (its own `==`, `<`, `in`, or arithmetic with a number of the tests) are never forwarded:
the object is unequal to all plain data, and where the tests use a class of the candidate the run is undecided.
"""

import functools
import types
from collections.abc import Callable
from typing import Any, NoReturn, Protocol

_JUDGING = frozenset({"__eq__", "__ne__", "__lt__", "__le__", "__gt__", "__ge__", "__contains__"})
_UNARY = frozenset(
    f"__{name}__"
    for name in (
        *("call", "len", "getitem", "setitem", "delitem", "iter", "next", "reversed", "enter", "exit"),
        *("str", "repr", "format", "bool", "int", "float", "index", "round", "hash", "abs", "neg", "pos", "invert"),
    )
)
"""Special methods that read or change an object without comparing it to a value of the tests."""
_DATA = frozenset({"__dict__", "__name__", "__qualname__", "__annotations__"})
"""Special attributes that are forwarded; all others are not."""


class Asker(Protocol):
    """The tester's connection to the candidate."""

    classes_used: bool
    """Whether the tests made an instance of a class of the candidate, or looked into one."""

    def ask(self, body: list[Any]) -> Any: ...
    def call(self, target: Any, name: str, values: tuple[Any, ...], named: dict[str, Any]) -> Any: ...
    def special(self, target: list[Any], name: str, values: tuple[Any, ...]) -> Any: ...
    def encode(self, value: Any) -> Any: ...
    def stop(self, outcome: str, reason: str) -> NoReturn: ...


class Remote:
    """Stands for an object of the candidate."""

    __slots__ = ("__weakref__", "_name", "_number", "_remotes")

    def __init__(self, remotes: Asker, number: int, name: str) -> None:
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
        self._remotes.classes_used = True
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


@functools.lru_cache(maxsize=256)
def object_class(name: str, special: frozenset[str]) -> type[Remote]:
    """Make the stand-in class for objects whose class defines these special methods."""
    body: dict[str, Any] = {"__slots__": ()}
    for method in special:
        body[method] = _forwarding(method) if method in _UNARY else _refusing(method)
    if "__eq__" in special and "__hash__" not in special:
        body["__hash__"] = None
    return types.new_class(name if name.isidentifier() else "object_", (Remote,), {}, lambda space: space.update(body))


def _forwarding(method: str) -> Callable[..., Any]:
    if method == "__call__":
        return lambda self, *values, **named: self._remotes.call(target_of(self), self._name, values, named)
    return lambda self, *values: self._remotes.special(target_of(self), method, values)


def _refusing(method: str) -> Callable[..., Any]:
    def refuse(self: Remote, other: Any) -> Any:
        if self is other and method in ("__eq__", "__ne__"):
            return method == "__eq__"
        if method not in _JUDGING and isinstance(other, Remote):
            return self._remotes.special(target_of(self), method, (other,))
        if self._remotes.classes_used:
            reason = f"the tests rely on {method} of the program's class {self._name}, which cannot judge itself"
            self._remotes.stop("undecided", reason)
        return NotImplemented

    return refuse
