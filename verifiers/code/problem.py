"""A code problem as a benchmark's row states it: the tests and the fields that belong to them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from sandbox import Limits

from .forms import StdioTests, Tests, read_tests


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeProblem:
    """The tests of a problem, ready to run."""

    tests: Tests
    prompt: str
    """Code or plain language."""

    @property
    def entry_point(self) -> str | None:
        """The function or method that the tests call, where they name it."""
        body = self.tests.body
        return None if isinstance(body, StdioTests) else body.entry_point or None


def code_problem(row: Any) -> CodeProblem:
    """Read a row: a mapping, or an object with such attributes; extras may stand in its `metadata`.

    Raises BadTests. Other fields that count: `prompt` or `question`, `starter_code`, `entry_point` or `fn_name`,
    `test_imports`, `test_setup`, `time_limit_s`.

    >>> code_problem({"tests": ["assert f(1) == 1"], "entry_point": "f"}).entry_point
    'f'
    """
    prompt, starter = first_text(row, "prompt", "question"), first_text(row, "starter_code")
    if starter and starter not in prompt:
        prompt = f"{prompt}\n```python\n{starter}\n```"
    setup = "\n".join(filter(None, (first_text(row, key) for key in ("test_imports", "test_setup"))))
    entry_point = first_text(row, "entry_point", "fn_name", "func_name") or None
    tests = read_tests(field_of(row, "tests"), entry_point=entry_point, setup=setup)
    if tests.seconds is None and (limit := _time_limit(row)):
        tests = replace(tests, seconds=max(limit, Limits().wall_seconds))
    return CodeProblem(tests=tests, prompt=prompt)


def _time_limit(row: Any) -> float | None:
    """Return the time limit that a contest states, which is for faster languages: it only ever lengthens ours."""
    for name in ("time_limit_s", "time_limit"):
        value = field_of(row, name)
        if isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < 3600:
            return float(value)
    return None


def field_of(row: Any, name: str) -> Any:
    """Return a field of a mapping, or an attribute of another object; None if it has none."""
    return row.get(name) if isinstance(row, Mapping) else getattr(row, name, None)


def first_text(row: Any, *names: str) -> str:
    """Return the first of some fields that holds text, or a list of lines, in a row or in its metadata."""
    for name in names:
        for place in (row, _metadata(row)):
            value = field_of(place, name)
            if isinstance(value, list) and all(isinstance(line, str) for line in value):
                value = "\n".join(value)
            if isinstance(value, str) and value.strip():
                return value
    return ""


def _metadata(row: Any) -> Any:
    """Return a row's metadata, which some files hold as text."""
    value = field_of(row, "metadata")
    if isinstance(value, str) and value.startswith("{"):
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            return None
    return value
