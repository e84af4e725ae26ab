"""Values of library types that cross between a candidate and its tester: taken apart into plain values and rebuilt.

Covers the standard library, exceptions, numpy arrays of other things than numbers, pandas and sympy. `describe` names a
kind and its parts, `build` makes the value anew. No name in a message is looked up but in the tables below.
"""

import array
import re
import sys
import types
from collections.abc import Callable
from typing import Any

_PATHS = ("PosixPath", "PurePosixPath", "WindowsPath", "PureWindowsPath")
_ADDRESSES = ["IPv4Address", "IPv6Address", "IPv4Network", "IPv6Network", "IPv4Interface", "IPv6Interface"]
_FRAME_KINDS = re.compile(r"(u?int|float)\d+|bool|object|str|string|datetime64\[\w+\]")
_ODD_ARRAYS = re.compile(r"[<>|=]?[OUSMm]\d*(\[\d*\w+\])?")
_SYMPY = """Add Mul Pow Tuple FiniteSet Interval EmptySet Union Intersection Complement Equality Unequality LessThan
StrictLessThan GreaterThan StrictGreaterThan And Or Not Derivative Integral Sum Product"""
_CONSTANTS = (
    "pi E I oo zoo nan GoldenRatio EulerGamma Catalan true false S.NegativeInfinity S.EmptySet S.Reals S.Integers"
)
Described = tuple[str, list[Any]] | None


def describe(value: Any, kind: type) -> Described:
    """Return the kind of a library's value and its parts, or None for any other object."""
    module, name = kind.__module__, kind.__qualname__
    if isinstance(value, BaseException):
        if module == "tests":
            return None
        attributes = {key: item for key, item in vars(value).items() if not key.startswith("__")}
        return "error", [kind, tuple(value.args), attributes]
    if module == "numpy":
        return _describe_array(value, kind)
    if module.partition(".")[0] == "pandas":
        return _describe_pandas(value, name)
    if module.startswith("sympy."):
        return _describe_sympy(value, name)
    take = _TAKE.get(f"{module}.{name}")
    return None if take is None else take(value)


def build(kind: str, parts: list[Any]) -> Any:
    """Return the value of a kind with these parts. Raises what the library raises for parts that do not fit."""
    return _MAKE[kind](*parts)


def _zone(value: Any) -> Described:
    offset = value.utcoffset(None)
    return "timezone", [offset, value.tzname(None)]


def _moment(value: Any) -> Described:
    known = type(value.tzinfo).__module__ in ("datetime", "zoneinfo")  # another zone is the program's own
    return ("moment", [value.replace(tzinfo=None), value.tzinfo, value.fold]) if known else None


_TAKE: dict[str, Callable[[Any], Described]] = {
    "datetime.timezone": _zone,
    "datetime.datetime": _moment,
    "datetime.time": _moment,
    "zoneinfo.ZoneInfo": lambda v: ("zone", ["ZoneInfo", v.key]),
    "array.array": lambda v: ("array", [v.typecode, v.tolist()]),
    "uuid.UUID": lambda v: ("uuid", [v.int]),
    "types.SimpleNamespace": lambda v: ("namespace", [vars(v)]),
    "builtins.slice": lambda v: ("slice", [v.start, v.stop, v.step]),
    "builtins.memoryview": lambda v: ("view", [v.tobytes(), v.format]),
    "builtins.mappingproxy": lambda v: ("proxy", [dict(v)]),
    "collections.ChainMap": lambda v: ("chain", list(v.maps)),
    "collections.UserList": lambda v: ("user", ["UserList", v.data]),
    "collections.UserDict": lambda v: ("user", ["UserDict", v.data]),
    "collections.UserString": lambda v: ("user", ["UserString", v.data]),
    "re.Pattern": lambda v: ("pattern", [v.pattern, v.flags]),
    **{f"pathlib.{path}": lambda v: ("path", [type(v).__name__, str(v)]) for path in _PATHS},
    **{f"ipaddress.{kind}": lambda v: ("address", [type(v).__name__, str(v)]) for kind in _ADDRESSES},
}


def _make_error(kind: Any, arguments: Any, attributes: dict[str, Any]) -> BaseException:
    if not (isinstance(kind, type) and issubclass(kind, BaseException)):
        raise TypeError("no class of exceptions")
    error = kind(*arguments)
    error.__dict__.update({key: item for key, item in attributes.items() if not key.startswith("__")})
    return error


def _make_zone(offset: Any, name: str) -> Any:
    import datetime

    zone = datetime.timezone(offset)
    return (datetime.UTC if not offset else zone) if zone.tzname(None) == name else datetime.timezone(offset, name)


def _make_moment(naive: Any, zone: Any, fold: int) -> Any:
    import datetime

    if not isinstance(zone, datetime.tzinfo) or isinstance(naive, type):
        raise TypeError("no time zone")
    return naive.replace(tzinfo=zone, fold=fold)


def _member(module: str, names: Any) -> Callable[..., Any]:
    """Return a builder of one of a module's classes: those that `names` lists."""

    def make(name: str, *parts: Any) -> Any:
        if name not in names:
            raise ValueError(f"{module} has no {name} that crosses")
        return getattr(__import__(module), name)(*parts)

    return make


def _describe_array(value: Any, kind: type) -> Described:
    numpy = sys.modules["numpy"]
    if not isinstance(value, numpy.ndarray | numpy.generic) or not _ODD_ARRAYS.fullmatch(value.dtype.str):
        return None
    plain = numpy.asarray(value)
    flat = (plain.astype("int64") if value.dtype.kind in "Mm" else plain).ravel().tolist()
    return "ndarray", [value.dtype.str, list(value.shape) if isinstance(value, numpy.ndarray) else None, flat]


def _make_array(kind: str, shape: Any, flat: list[Any]) -> Any:
    import numpy

    if not _ODD_ARRAYS.fullmatch(kind):
        raise ValueError("an array of that kind does not cross")
    if kind.lstrip("<>|=")[0] in "Mm":
        filled = numpy.array(flat, "int64").view(kind)
    else:
        filled = numpy.empty(len(flat), kind)
        for place, item in enumerate(flat):
            filled[place] = item
    return filled.reshape(shape) if shape is not None else filled[0]


def _describe_pandas(value: Any, name: str) -> Described:
    if name == "DataFrame":
        columns = [value.iloc[:, place] for place in range(value.shape[1])]
        return "frame", [[_column(column) for column in columns], _column(value.index), _column(value.columns)]
    if name == "Series":
        return "series", [_column(value), _column(value.index), value.name]
    if name == "Timestamp" and value.tzinfo is None:
        return "timestamp", [value.isoformat()]
    return ("index", [_column(value)]) if name in ("Index", "RangeIndex", "DatetimeIndex") else None


def _column(values: Any) -> tuple[Any, ...]:
    """Return a column or an index as its kind, its items and its name; a range as its ends."""
    kind = str(values.dtype)
    if type(values).__name__ == "RangeIndex":
        return ("range", [values.start, values.stop, values.step], values.name)
    if not _FRAME_KINDS.fullmatch(kind):
        raise TypeError(f"pandas values of the kind {kind} do not cross")
    items = values.astype("int64") if kind.startswith("datetime64") else values
    return (kind, items.tolist(), values.name)


def _make_column(column: tuple[Any, ...], *, index: bool = False) -> Any:
    import pandas  # type: ignore[import-untyped]

    kind, items, name = column
    if kind == "range":
        return pandas.RangeIndex(*items, name=name)
    if not _FRAME_KINDS.fullmatch(kind):
        raise ValueError("no kind of column that crosses")
    made = pandas.Series(items, dtype="int64" if kind.startswith("datetime64") else kind, name=name).astype(kind)
    return pandas.Index(made, name=name) if index else made


def _make_series(column: Any, index: Any, name: Any) -> Any:
    made = _make_column(column)
    made.index, made.name = _make_column(index, index=True), name
    return made


def _make_frame(columns: list[Any], index: Any, names: Any) -> Any:
    import pandas

    made = pandas.DataFrame(dict(enumerate(map(_make_column, columns))))
    made.index, made.columns = _make_column(index, index=True), _make_column(names, index=True)
    return made


def _constants() -> dict[str, Any]:
    import sympy

    found = {}
    for name in _CONSTANTS.split():
        owner, _, member = name.rpartition(".")
        found[name] = getattr(sympy.S if owner else sympy, member)
    return found


def _describe_sympy(value: Any, name: str) -> Described:
    sympy = sys.modules["sympy"]
    if not isinstance(value, sympy.Basic | sympy.MatrixBase):
        return None
    for constant, known in _constants().items():
        if value is known:
            return "constant", [constant]
    if isinstance(value, sympy.MatrixBase):
        return "matrix", [isinstance(value, sympy.Basic), list(value.shape), list(value)]
    if name == "Symbol":
        return "symbol", [value.name, dict(value._assumptions_orig)]
    if isinstance(value, sympy.Number):
        return "number", [str(value)]
    known = name in _SYMPY.split() or (isinstance(value, sympy.Function) and hasattr(sympy, name))
    name = "Tuple" if name == "ExprCondPair" else name
    return ("sympy", [name, *value.args]) if known or name == "Tuple" else None


def _make_sympy(name: str, *parts: Any) -> Any:
    import sympy

    kind = getattr(sympy, name, None) if name.isidentifier() else None
    function = isinstance(kind, type) and issubclass(kind, sympy.Function)
    if not (function or name in _SYMPY.split()) or not isinstance(kind, type):
        raise ValueError("no expression that crosses")
    parts = tuple(map(_sympified, parts))
    if function or name in ("Add", "Mul", "Pow"):  # as it was: nothing is computed here
        return kind(*parts, evaluate=False)
    return kind(*parts)


def _sympified(part: Any) -> Any:
    """Return a plain number as sympy's; never reads text."""
    import sympy

    if isinstance(part, str):
        raise TypeError("text is no expression")
    return part if isinstance(part, sympy.Basic) else sympy.sympify(part, strict=True)


def _make_matrix(fixed: bool, shape: list[int], items: list[Any]) -> Any:
    import sympy

    return (sympy.ImmutableMatrix if fixed else sympy.Matrix)(*shape, [_sympified(item) for item in items])


def _make_number(text: str) -> Any:
    import sympy

    if not re.fullmatch(r"-?\d{1,4000}(\.\d{0,4000})?(e[+-]?\d{1,5})?(/\d{1,4000})?", text):
        raise ValueError("no number")
    return sympy.Float(text) if "." in text or "e" in text else sympy.Rational(text)


_MAKE: dict[str, Callable[..., Any]] = {
    "error": _make_error,
    "timezone": _make_zone,
    "moment": _make_moment,
    "zone": _member("zoneinfo", ("ZoneInfo",)),
    "array": lambda code, items: array.array(code, items),
    "uuid": lambda number: __import__("uuid").UUID(int=number),
    "namespace": lambda row: types.SimpleNamespace(**row),
    "slice": slice,
    "view": lambda data, form: memoryview(data).cast(form),
    "proxy": types.MappingProxyType,
    "chain": lambda *maps: __import__("collections").ChainMap(*maps),
    "user": _member("collections", ("UserList", "UserDict", "UserString")),
    "pattern": re.compile,
    "path": _member("pathlib", _PATHS),
    "address": _member("ipaddress", _ADDRESSES),
    "ndarray": _make_array,
    "frame": _make_frame,
    "series": _make_series,
    "index": lambda column: _make_column(column, index=True),
    "timestamp": lambda text: __import__("pandas").Timestamp(text),
    "constant": lambda name: _constants()[name],
    "symbol": lambda name, known: __import__("sympy").Symbol(name, **known),
    "number": _make_number,
    "sympy": _make_sympy,
    "matrix": _make_matrix,
}
