"""Runs tests given as data: arguments and the expected result. Each case counts.

Values are compared as the benchmarks' own scripts do: Python's equality, tuples equal to lists (JSON, the source of
expected values, has no tuples), and a tolerance where the expected number is a float.
"""

import re
from typing import Any

from .brief import brief
from .plain_data import decode_any
from .remotes import Remotes, Stop
from .report import Report
from .stand_ins import Remote

TOLERANCE = 1e-6
"""Absolute or relative, whichever is wider."""
_INTEGER = re.compile(r"-?[0-9]+").fullmatch


def run_call_tests(payload: dict[str, Any], remotes: Remotes, report: Report) -> None:
    """Call the entry point with the arguments of every case; a method of `Solution` gets a new instance each time."""
    name = payload["entry_point"]
    try:
        defined = remotes.names([name, "Solution"])
    except Stop:
        raise
    except BaseException:  # noqa: BLE001 - an exception of the program's top level is its answer
        report.fail(test=name, got=remotes.last_result)
        return
    if name not in defined and "Solution" not in defined:
        report.fail(test=name, got=f"the program defines no {name}")
        return
    for case in payload["cases"]:
        arguments, named = decode_any(case["args"]), decode_any(case["kwargs"])
        expected = [decode_any(value) for value in case["expected"]]
        try:
            function = defined[name] if name in defined else getattr(defined["Solution"](), name)
            got = function(*arguments, **named)
            right = not isinstance(got, Remote) and any(agree(got, value) for value in expected)
        except Stop:
            raise
        except BaseException:  # noqa: BLE001 - an exception of the program is its answer
            right = False
        if right:
            report.passed += 1
        else:
            report.fail(test=name, call=remotes.last_call, expected=brief(expected[0]), got=remotes.last_result)
            if payload["fail_fast"]:
                return


def agree(got: Any, expected: Any) -> bool:
    """Return whether a plain value agrees with the expected one.

    >>> agree((1, 2.0000001), [1, 2.0]), agree("3", 3), agree(10**17 + 1, 1e17)
    (True, False, True)
    """
    if isinstance(expected, float):
        return _close(got, expected)
    if isinstance(expected, list | tuple):
        if not isinstance(got, list | tuple) or len(got) != len(expected):
            return False
        return all(agree(one, other) for one, other in zip(got, expected, strict=True))
    if isinstance(expected, dict):
        if not isinstance(got, dict):
            return False
        if got.keys() != expected.keys():  # integer keys are text in JSON
            expected = {int(k) if isinstance(k, str) and _INTEGER(k) else k: value for k, value in expected.items()}
        return got.keys() == expected.keys() and all(agree(got[key], value) for key, value in expected.items())
    if type(got).__name__ == "ndarray" or isinstance(expected, str) is not isinstance(got, str):
        return False
    return bool(got == expected)


def _close(got: Any, expected: float) -> bool:
    if isinstance(got, str | bytes | complex) or not hasattr(got, "__float__"):
        return False
    if expected != expected:
        return bool(got != got)
    try:
        number = float(got)
    except (OverflowError, ValueError, TypeError):
        return False
    if number == expected or abs(expected) == float("inf"):
        return number == expected  # infinity is no measure of nearness
    return abs(number - expected) <= TOLERANCE * max(1.0, abs(expected)) and abs(number) != float("inf")
