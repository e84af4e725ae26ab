"""Compares returned with expected values, for tests that are data.

As the benchmarks' own scripts do: Python's equality, tuples equal to lists (JSON, the source of expected values, has no
tuples), and a tolerance where the expected number is a float.
"""

from typing import Any

TOLERANCE = 1e-6
"""Absolute or relative, whichever is wider."""


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
        return isinstance(got, dict) and _dicts_agree(got, expected)
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
    if number == expected:
        return True
    return abs(number - expected) <= TOLERANCE * max(1.0, abs(expected)) and abs(number) != float("inf")


def _dicts_agree(got: dict[Any, Any], expected: dict[Any, Any]) -> bool:
    """Compare by key; integer keys are text in JSON."""
    if got.keys() != expected.keys():
        expected = {_as_integer(key): value for key, value in expected.items()}
    return got.keys() == expected.keys() and all(agree(got[key], value) for key, value in expected.items())


def _as_integer(key: Any) -> Any:
    return int(key) if isinstance(key, str) and key.lstrip("-").isascii() and key.lstrip("-").isdigit() else key
