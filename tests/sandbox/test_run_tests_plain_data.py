"""Plain data: what crosses keeps its type and value, and text that is no encoding is refused, never run."""

import contextlib
import json
import math
from collections import Counter, OrderedDict, deque, namedtuple
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import IntEnum
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.inside.plain_data import MAX_DEPTH, NotPlainError, decode, decode_any, dumps, encode, encode_any, loads
from sandbox.testing import AssertTests, Program, Reading, TestOutcome, run_tests

ATOMS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text()
    | st.binary()
    | st.complex_numbers(allow_nan=False)
)
HASHABLE = st.recursive(ATOMS, lambda inner: st.tuples(inner, inner) | st.frozensets(inner, max_size=3), max_leaves=5)
VALUES = st.recursive(
    ATOMS,
    lambda inner: (
        st.lists(inner, max_size=20)
        | st.lists(inner, max_size=4).map(tuple)
        | st.dictionaries(HASHABLE, inner, max_size=4)
        | st.sets(HASHABLE, max_size=4)
    ),
    max_leaves=20,
)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=4)
    | st.sampled_from(list("LTdsfrqCOvFnibBcyeMDaANlth")),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=2), inner, max_size=2),
    max_leaves=12,
)


def across(value: Any) -> Any:
    return decode(loads(dumps(encode(value))))


def shape(value: Any) -> Any:
    """A value with the types of all its parts, so that 1, 1.0 and True differ."""
    if isinstance(value, dict):
        return type(value), [(shape(k), shape(v)) for k, v in value.items()]
    if isinstance(value, set | frozenset):
        return type(value), sorted(repr(shape(item)) for item in value)
    if isinstance(value, tuple):
        return type(value), tuple(shape(item) for item in value)
    return (type(value), [shape(item) for item in value]) if isinstance(value, list) else (type(value), repr(value))


@given(VALUES)
def test_values_come_back_as_they_were(value: Any) -> None:
    assert shape(across(value)) == shape(value)


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(10**5000, id="long"),
        -(2**70),
        pytest.param([10**5000, 1], id="list with a long one"),
        [1.5] * 40,
        (1.5, 2) * 20,
        [1, 2.0, 3] * 20,
        [2**60, 0.5] * 20,
        "\ud800",
        range(3, 9, 2),
        bytearray(b"a"),
        Fraction(1, 3),
        Decimal("1.10"),
        date(2024, 2, 29),
        datetime(2024, 2, 29, 1, 2, 3),
        timedelta(days=1, microseconds=5),
        deque([1, 2], maxlen=3),
        Counter("aab"),
        OrderedDict(a=1),
        int,
        ...,
    ],
)
def test_odd_values_come_back_as_they_were(value: Any) -> None:
    back = across(value)
    assert (type(back), back) == (type(value), value)


def test_a_set_is_iterated_as_its_literal_is() -> None:
    for literal in ({12, 13, 14, 15, 16}, {6, 7, 8, 9, 10, 11}, {40, 8, 16}, {1, 2}):
        assert list(across(literal)) == list(literal)


def test_not_a_number_and_infinity_cross() -> None:
    back = across([math.nan, math.inf, -0.0])
    assert math.isnan(back[0])
    assert repr(back[1:]) == "[inf, -0.0]"


@pytest.mark.parametrize("view", ["keys", "values", "items"])
def test_views_of_a_dict_cross(view: str) -> None:
    assert list(across(getattr({1: 2, 3: 4}, view)())) == list(getattr({1: 2, 3: 4}, view)())


def test_numpy_arrays_and_numbers_cross() -> None:
    numpy = pytest.importorskip("numpy")
    array = numpy.arange(6, dtype="int16").reshape(2, 3)
    back = across(array)
    assert (back.dtype, back.tolist()) == (array.dtype, array.tolist())
    assert type(across(numpy.float64(0.5))) is numpy.float64
    assert type(across(numpy.bool_(True))) is numpy.bool_


class Liar(int):
    def __eq__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return 0

    def __repr__(self) -> str:
        return "3"


class Endless(list[int]):
    def __len__(self) -> int:
        return 5

    def __iter__(self) -> Any:
        while True:
            yield 0


class Colour(IntEnum):
    RED = 1


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (Liar(7), 7),
        (Endless(), []),
        (type("Text", (str,), {"__eq__": lambda a, b: True, "__hash__": None})("x"), "x"),
        (type("Number", (float,), {"__sub__": lambda a, b: 0.0})(0.5), 0.5),
        (type("Map", (dict,), {"__getitem__": lambda a, b: 9})(a=1), {"a": 1}),
        (Colour.RED, 1),
    ],
)
def test_a_subclass_leaves_its_methods_behind(value: Any, plain: Any) -> None:
    back = across([value])[0]
    assert type(back) is type(plain)
    assert repr(back) == repr(plain)


def test_a_named_tuple_keeps_its_fields() -> None:
    point = namedtuple("point", "x y")(1, 2)
    assert across(point) == (1, 2)
    assert across(point).y == 2


@pytest.mark.parametrize("value", [object(), open, type("Own", (), {})(), Liar, lambda: 0, json])
def test_other_objects_do_not_cross(value: Any) -> None:
    with pytest.raises(NotPlainError):
        encode([value])


def test_depth_and_self_reference_are_refused() -> None:
    loop: list[Any] = []
    loop.append(loop)
    deep: Any = 1
    for _ in range(MAX_DEPTH + 2):
        deep = [deep, "x"]
    for value in (loop, deep):
        with pytest.raises(NotPlainError):
            encode_any(value)
    text = b'["l",[' * 5000 + b"]]" * 5000
    with pytest.raises(NotPlainError):
        decode_any(loads(text))


@given(JSON)
def test_any_json_is_a_value_or_refused(message: Any) -> None:
    with contextlib.suppress(NotPlainError):
        decode(message)


@pytest.mark.parametrize(
    "text", [b"", b"{", b"\xff", b"nan", b'{"py/object": "os.system"}', b"cos\nsystem\n", b"1" * 10_000]
)
def test_text_that_is_no_encoding_is_refused(text: bytes) -> None:
    with pytest.raises(NotPlainError):
        decode(loads(text))


LIBRARY = """
import array, collections, datetime, ipaddress, pathlib, re, types, uuid, zoneinfo
from datetime import timezone as tz
VALUES = [
    datetime.datetime(2020, 1, 2, tzinfo=tz.utc), tz(datetime.timedelta(hours=2)), array.array("d", [1, 2]),
    datetime.datetime(2020, 7, 2, tzinfo=zoneinfo.ZoneInfo("UTC")), uuid.UUID(int=5), pathlib.PurePosixPath("/a"),
    types.SimpleNamespace(a=[1]), slice(1, None), memoryview(b"ab"), collections.ChainMap({1: 2}, {3: 4}),
    collections.UserList([1]), ipaddress.ip_network("10.0.0.0/8"), re.compile("a+"),
]
def f(n):
    return VALUES[n]
"""


def test_values_of_the_standard_library_cross(pool) -> None:
    code = LIBRARY.replace("VALUES", "EXPECTED").partition("def f")[0]
    code += "for n, value in enumerate(EXPECTED):\n    assert f(n) == value and type(f(n)) is type(value), value\n"
    code += "assert f(0) != f(1)\nassert f(7) != slice(2)\n"
    run = run_tests(Program(readings=(Reading(source=LIBRARY),)), AssertTests(code=code), pool=pool)
    assert run.outcome is TestOutcome.PASSED, run.failures


def test_large_deep_and_nan_values_cross(pool) -> None:
    source = "def f(n):\n    return [True] * n\ndef g(n):\n    d = []\n    for _ in range(n): d = [d]\n    return d\n"
    source += "def h(xs):\n    return list(xs)\n"
    code = "assert len(f(5_000_000)) == 5_000_000\nassert len(g(400)) == 1\nn = float('nan')\nassert h([n]) == [n]\n"
    code += "assert h([1.0] * 20 + [n]) == [1.0] * 20 + [n]\nassert h(n for n in [1]) != [n]\n"
    run = run_tests(Program(readings=(Reading(source=source),)), AssertTests(code=code), pool=pool)
    assert run.outcome is TestOutcome.PASSED, run.failures
