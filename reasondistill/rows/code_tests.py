"""The forms that benchmark files give tests in, brought to the three styles of `verifiers.code`.

HumanEval has a string and an entry point, MBPP a list of asserts with a set-up, contest sets a list of
input/output pairs, LiveCodeBench pairs of JSON arguments for a named function. Nothing is run here.
"""

import json
from collections.abc import Mapping
from typing import Any

from ..records import Row
from .keys import TESTS

SETUP_KEYS = ("test_setup", "test_setup_code", "test_imports")
CODE_KEYS = (*TESTS, *SETUP_KEYS, "entry_point", "fn_name", "time_limit_s")
"""Every key that `normal_tests` reads."""


class FormError(ValueError):
    """Tests of a form that no style fits."""


def normal_tests(row: Mapping[str, Any]) -> Row | None:
    """Return the row's tests as an assert, stdio or call object; None where it has none.

    >>> normal_tests({"test_list": ["assert f(1) == 2"], "test_imports": ["import math"]})
    {'style': 'assert', 'code': 'import math\\nassert f(1) == 2', 'entry_point': None}
    """
    value = next((row[key] for key in TESTS if row.get(key)), None)
    entry_point = row.get("entry_point") or row.get("fn_name")
    match value:
        case None:
            return None
        case dict():
            return value
        case str():
            return _asserts([value], row, entry_point)
        case [str(), *_]:
            return _asserts(value, row, entry_point)
        case [dict(), *_]:
            return _call(value, entry_point) if entry_point else _stdio(value, row.get("time_limit_s"))
        case _:
            raise FormError(f"tests must be text, an object or a list of either, got {type(value).__name__}")


def _asserts(parts: list[str], row: Mapping[str, Any], entry_point: str | None) -> Row:
    setup = [line for key in SETUP_KEYS for line in _lines(row.get(key))]
    return {"style": "assert", "code": "\n".join([*setup, *parts]), "entry_point": entry_point}


def _lines(value: object) -> list[str]:
    if isinstance(value, list):
        return [str(line) for line in value]
    return [value] if isinstance(value, str) and value.strip() else []


def _stdio(cases: list[Row], seconds: float | None) -> Row:
    pairs = [dict(zip(("input", "output"), _pair(n, case), strict=True)) for n, case in enumerate(cases)]
    return {"style": "stdio", "cases": pairs, **({"seconds": seconds} if seconds else {})}


def _call(cases: list[Row], entry_point: str) -> Row:
    return {"style": "call", "entry_point": entry_point, "cases": [_case(n, case) for n, case in enumerate(cases)]}


def _case(number: int, case: Row) -> Row:
    if "args" in case and "expected" in case:
        return {"args": case["args"], "expected": case["expected"]}
    given, expected = _pair(number, case)
    try:
        # LiveCodeBench: one JSON value per line is one argument.
        return {"args": [json.loads(line) for line in given.splitlines()], "expected": json.loads(expected)}
    except (json.JSONDecodeError, AttributeError, TypeError):
        raise FormError(
            f"tests[{number}] of a function must hold JSON arguments, one a line, and a JSON output"
        ) from None


def _pair(number: int, case: object) -> tuple[Any, Any]:
    if isinstance(case, dict):
        given, expected = case.get("input", case.get("stdin")), case.get("output", case.get("stdout"))
        if given is not None and expected is not None:
            return given, expected
    has = ", ".join(map(str, case)) if isinstance(case, dict) else type(case).__name__
    raise FormError(f"tests[{number}] needs input and output (or stdin and stdout), it has {has}")
