"""Encodes plain data as JSON text and back: the only values that cross between a candidate and its tester.

Values of builtin and a few standard types (fractions, decimals, dates, deques, counters, numpy arrays of numbers) keep
their exact types; an instance of a subclass becomes a plain value. `refer` encodes anything else. Atoms encode as
themselves, the rest as a JSON array that starts with a tag. Decoding uses no pickle, no eval, no name in the text.
"""

import builtins
import contextlib
import importlib
import json
import math
import operator
import sys
from array import array
from binascii import a2b_base64, b2a_base64
from collections import Counter, OrderedDict, deque, namedtuple
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from .library_data import build, describe

MAX_DEPTH = 900
"""Nested containers; also stops an object that contains itself."""
MAX_BYTES = 60_000_000
"""Length of one message."""
_BIG = 1 << 1024
"""From this size integers are written in base 16, which takes linear time and has no limit of digits."""
_EXACT = 1 << 53
_MAX_EXPONENT = 10_000
_MANY = 16
"""From this count floats are written as bytes, which is faster than as decimals."""
_ATOMS = frozenset({str, bool, float, type(None)})
_FLAT = _ATOMS | {int}
_PLAIN_TYPES = (int, float, str, bool, list, tuple, dict, set, frozenset, bytes, complex, type(None))
_ERRORS = (t for t in vars(builtins).values() if isinstance(t, type) and issubclass(t, BaseException))
_BUILTIN_TYPES = {t.__name__: t for t in (*_PLAIN_TYPES, *_ERRORS)}


class NotPlainError(ValueError):
    """A value that cannot cross: too deep, too long, or not an encoding."""


def dumps(message: Any) -> bytes:
    """Return an encoded message as JSON text.

    >>> dumps(encode((1, [2.5, None])))
    b'["t",[1,["L",[2.5,null]]]]'
    """
    with _deep():
        data = _ENCODER.encode(message).encode("ascii")
    if len(data) > MAX_BYTES:
        raise NotPlainError(f"a message of {len(data)} bytes, at most {MAX_BYTES} cross")
    return data


def loads(data: bytes | bytearray) -> Any:
    """Return the message in a JSON text; raise NotPlainError for any other text."""
    try:
        with _deep():
            return _DECODER.decode(data.decode("ascii"))
    except (ValueError, RecursionError, MemoryError) as error:
        raise NotPlainError(f"not a message: {type(error).__name__}") from None


@contextlib.contextmanager
def _deep() -> Iterator[None]:
    """Allow the recursion that nested values need."""
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(max(limit, 10 * MAX_DEPTH))
    try:
        yield
    finally:
        sys.setrecursionlimit(limit)


nan = [math.nan]
"""The object that every NaN of a message becomes, as lists that hold one object are equal."""
_ENCODER = json.JSONEncoder(separators=(",", ":"))
_DECODER = json.JSONDecoder(parse_constant=lambda name: nan[0] if name == "NaN" else float(name))


def encode_any(value: Any, refer: "Callable[[Any], Any] | None" = None) -> Any:
    """Encode as `encode` does, however deep within MAX_DEPTH."""
    try:
        return encode(value, refer)
    except RecursionError:
        with _deep():
            return encode(value, refer)


def decode_any(message: Any, resolve: "Callable[[list[Any]], Any] | None" = None) -> Any:
    """Decode as `decode` does, however deep within MAX_DEPTH."""
    try:
        return decode(message, resolve)
    except RecursionError:
        with _deep():
            return decode(message, resolve)


def note_nan(value: Any, depth: int = 0) -> None:
    """Let the NaNs of later messages be the one that a value holds, if it holds one."""
    if type(value) is float and value != value:
        nan[0] = value
    elif isinstance(value, list | tuple | set | dict) and depth < 5:
        for item in [*value, *value.values()] if isinstance(value, dict) else value:
            note_nan(item, depth + 1)


def encode(value: Any, refer: "Callable[[Any], Any] | None" = None, depth: int = 0) -> Any:
    """Return a value's encoding; `refer` encodes the objects that are not plain data.

    >>> encode({"a": {1}})
    ['d', ['a', ['s', [1]]]]
    """
    kind = type(value)
    if kind in _ATOMS:
        return value
    if kind is int:
        return value if -_BIG < value < _BIG else ["i", hex(value)]
    if depth > MAX_DEPTH:
        raise NotPlainError(f"more than {MAX_DEPTH} containers in one another")
    if kind is list or kind is tuple:
        kinds = set(map(type, value))
        if kinds == {float} and len(value) >= _MANY:
            return ["A", kind is list, _packed(array("d", value))]
        if kinds == {float, int} and len(value) >= _MANY and all(-_EXACT < item < _EXACT for item in value):
            integers = bytes(type(item) is int for item in value)
            return ["N", kind is list, _packed(integers), _packed(array("d", value))]
        if kinds <= _FLAT and (  # long integers are not written in base 10
            (min(value) > -_BIG and max(value) < _BIG)
            if kinds == {int}
            else int not in kinds or all(-_BIG < item < _BIG for item in value if type(item) is int)
        ):
            return ["L", value] if kind is list else ["T", list(value)]
        return ["l" if kind is list else "t", _all(value, refer, depth)]
    if kind is dict:
        return ["d", _pairs(value, refer, depth)]
    return _encode_other(value, kind, refer, depth)


def decode(message: Any, resolve: "Callable[[list[Any]], Any] | None" = None, depth: int = 0) -> Any:
    """Return the value of an encoding; `resolve` decodes the arrays with unknown tags.

    >>> decode(["d", ["a", ["s", [1]]]])
    {'a': {1}}
    """
    if type(message) in _FLAT:
        return message
    if type(message) is not list or not message or type(message[0]) is not str or depth > MAX_DEPTH:
        raise NotPlainError("an array without a tag, or too deep")
    tag = message[0]
    if tag in ("L", "T") and len(message) == 2 and type(message[1]) is list and _FLAT.issuperset(map(type, message[1])):
        return list(message[1]) if tag == "L" else tuple(message[1])
    try:
        builder = _BUILDERS.get(tag)
        if builder is not None:
            if any(type(part) is not list for part in message[1:]):
                raise NotPlainError("an array was expected")
            return builder(*([decode(m, resolve, depth + 1) for m in part] for part in message[1:]))
        if tag in _ODD_BUILDERS:
            return _ODD_BUILDERS[tag](*message[1:])
    except NotPlainError:
        raise
    except (TypeError, ValueError, ArithmeticError, LookupError, MemoryError, ImportError, AttributeError) as error:
        raise NotPlainError(f"no value of the kind {tag!r}: {type(error).__name__}") from None
    if resolve is None:
        raise NotPlainError(f"unknown tag {tag!r}")
    return resolve(message)


def _pairs(value: dict[Any, Any], refer: "Callable[[Any], Any] | None", depth: int) -> list[Any]:
    return [encode(item, refer, depth + 1) for pair in dict.items(value) for item in pair]


def _encode_other(value: Any, kind: type, refer: "Callable[[Any], Any] | None", depth: int) -> Any:
    """Encode anything but atoms and exact lists, tuples and dicts."""
    if kind is bytes or kind is bytearray:
        return ["b" if kind is bytes else "B", _packed(value)]
    if kind is complex:
        return ["c", value.real, value.imag]
    if kind is range:
        return ["r", [value.start, value.stop, value.step]]
    if kind is type and value in _BUILTIN_TYPES.values():
        return ["y", value.__name__]
    if value is Ellipsis:
        return ["e"]
    if not isinstance(value, type):
        name = f"{kind.__module__}.{kind.__qualname__}"
        if name == "collections.deque":
            return ["q", _all(value, refer, depth), [value.maxlen]]
        if name in ("collections.Counter", "collections.OrderedDict"):
            return ["C" if kind is Counter else "O", _pairs(value, refer, depth)]
        if name in ("builtins.dict_keys", "builtins.dict_values", "builtins.dict_items"):
            return ["v", [name[14]], _all(value, refer, depth)]
        if name == "fractions.Fraction":
            return ["F", [encode(value.numerator), encode(value.denominator)]]
        if name == "decimal.Decimal":
            return ["M", str(value)]
        if name in ("datetime.datetime", "datetime.date", "datetime.time") and getattr(value, "tzinfo", None) is None:
            return ["D", kind.__name__, value.isoformat()]
        if name == "datetime.timedelta":
            return ["D", "timedelta", value.days, value.seconds, value.microseconds]
        encoded = _encode_numeric(value, kind)
        if encoded is None:
            encoded = _encode_subclass(value, refer, depth)
        if encoded is not None:
            return encoded
        try:
            described = describe(value, kind)
        except Exception:  # noqa: BLE001 - the program may have made an object that only looks like a library's
            described = None
        if described is not None:
            return ["S", [described[0]], _all(described[1], refer, depth)]
    if refer is None:
        raise NotPlainError(f"a value of the type {kind.__name__}")
    return refer(value)


def _encode_numeric(value: Any, kind: type) -> Any:
    """Encode a numpy array or scalar of numbers, and sympy's numbers as the plain ones; None for others."""
    numpy, sympy = sys.modules.get("numpy"), sys.modules.get("sympy")
    if numpy is not None and kind.__module__ == "numpy" and isinstance(value, numpy.ndarray | numpy.generic):
        if value.dtype.kind in "biufc" and value.dtype.itemsize <= 16 and value.dtype.name in _NUMPY_TYPES:
            flat = encode(numpy.asarray(value).ravel().tolist())
            return ["a", value.dtype.name, list(value.shape) if isinstance(value, numpy.ndarray) else None, flat]
    elif sympy is not None and kind.__module__.startswith("sympy."):
        if isinstance(value, sympy.Number) and value.is_Rational:
            parts = [encode(int(value.p)), encode(int(value.q))]
            return parts[0] if value.is_Integer else ["F", parts]
        if isinstance(value, sympy.Number) and value.is_Float:
            return float(value)
        return bool(value) if value is sympy.true or value is sympy.false else None
    return None


def _all(items: Iterable[Any], refer: "Callable[[Any], Any] | None", depth: int) -> list[Any]:
    return [encode(item, refer, depth + 1) for item in items]


def _encode_subclass(value: Any, refer: "Callable[[Any], Any] | None", depth: int) -> Any:
    """Encode an instance of a subclass of a plain type as the plain value, by the plain type's methods."""
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int):
        return encode(int.__int__(value))
    if isinstance(value, float):
        return float.__float__(value)
    if isinstance(value, bytes):
        return ["b", _packed(value)]
    if isinstance(value, dict):
        return ["d", _pairs(value, refer, depth)]
    if isinstance(value, tuple):
        items = _all(tuple.__iter__(value), refer, depth)
        fields = getattr(type(value), "_fields", None)
        if type(fields) is tuple and all(type(field) is str for field in fields):
            return ["n", [type(value).__name__, *fields], items]
        return ["t", items]
    if isinstance(value, list):
        return ["l", _all(list.__iter__(value), refer, depth)]
    if isinstance(value, frozenset):
        return ["f", _all(frozenset.__iter__(value), refer, depth)]
    return ["s", _all(set.__iter__(value), refer, depth)] if isinstance(value, set) else None


def _dict(flat: list[Any]) -> dict[Any, Any]:
    if len(flat) % 2:
        raise NotPlainError("a dict with a key too many")
    built = {}
    for place in range(0, len(flat), 2):  # a Python loop, which a timer can end when all hashes collide
        built[flat[place]] = flat[place + 1]
    return built


def _frozenset(items: list[Any]) -> frozenset[Any]:
    built: set[Any] = set()
    for item in items:
        built.add(item)
    return frozenset(built)


def _view(which: list[Any], items: list[Any]) -> Any:
    if which == ["k"]:
        return dict.fromkeys(items).keys()
    return dict(enumerate(items)).values() if which == ["v"] else dict(items).items()


def _named_tuple(names: list[Any], items: list[Any]) -> tuple[Any, ...]:
    if len(names) > 200 or len(names) != len(items) + 1 or not all(type(n) is str and n.isidentifier() for n in names):
        raise NotPlainError("a named tuple with other names than fields")
    return namedtuple(names[0], names[1:], rename=True)(*items)


def _decimal(text: str) -> Any:
    from decimal import Decimal

    number = Decimal(text)
    if number.is_finite() and abs(number.adjusted()) > _MAX_EXPONENT:
        raise NotPlainError("a decimal with too large an exponent")  # int() of it would not end
    return number


def _date(which: str, *parts: Any) -> Any:
    import datetime

    if which == "timedelta":
        return datetime.timedelta(*parts)
    kinds: dict[str, Any] = {"datetime": datetime.datetime, "date": datetime.date, "time": datetime.time}
    return kinds[which].fromisoformat(*parts)


def _packed(data: Any) -> str:
    return b2a_base64(data, newline=False).decode("ascii")


def _floats(as_list: bool, text: str) -> Any:
    numbers = array("d", a2b_base64(text))
    items = numbers.tolist() if all(map(operator.eq, numbers, numbers)) else [n if n == n else nan[0] for n in numbers]
    return items if as_list else tuple(items)


def _mixed(as_list: bool, integers: str, text: str) -> Any:
    pairs = zip(a2b_base64(integers), array("d", a2b_base64(text)), strict=True)
    numbers = [int(number) if integer else number for integer, number in pairs]
    return numbers if as_list else tuple(numbers)


_NUMBERS = "complex64 complex128 float16 float32 float64 int8 int16 int32 int64 uint8 uint16 uint32 uint64"
_NUMPY_TYPES = frozenset(("bool", *_NUMBERS.split()))


def _array_of_numbers(name: str, shape: list[int] | None, flat: Any) -> Any:
    import numpy

    if name not in _NUMPY_TYPES:
        raise NotPlainError("an array of something else than numbers")
    array = numpy.array(decode(flat), dtype=name)
    return array.reshape(shape) if shape is not None else array.reshape(1)[0]


_BUILDERS: dict[str, Callable[..., Any]] = {
    "l": list, "t": tuple, "d": _dict, "f": _frozenset, "v": _view, "n": _named_tuple,
    "s": lambda items: set().union(_frozenset(items)),  # like a literal of constants, for its order of iteration
    "r": lambda parts: range(*parts),
    "q": lambda items, limit: deque(items, *limit),
    "C": lambda flat: Counter(_dict(flat)),
    "O": lambda flat: OrderedDict(_dict(flat)),
    "S": lambda kind, parts: build(str(kind[0]), parts),
    "F": lambda parts: importlib.import_module("fractions").Fraction(*parts),
}  # fmt: skip
"""Builders that take arrays of encoded values."""
_ODD_BUILDERS: dict[str, Callable[..., Any]] = {
    "A": _floats, "N": _mixed, "b": a2b_base64, "M": _decimal, "D": _date, "a": _array_of_numbers,
    "i": lambda digits: int(digits, 16),
    "B": lambda text: bytearray(a2b_base64(text)),
    "c": lambda real, imag: complex(float(real), float(imag)),
    "y": _BUILTIN_TYPES.__getitem__,
    "e": lambda: Ellipsis,
}  # fmt: skip
"""Builders that take raw parts of the message."""
