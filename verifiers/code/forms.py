"""A code problem, with tests in the forms that benchmark files use, read into one of three kinds. Runs nothing."""

import json
from ast import literal_eval
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sandbox import Limits
from sandbox.testing import AssertTests, CallTests, Case

from ..dispatch import field_of
from .program_text import code_of_prompt, last_head

_MAX_TEXT = 20_000_000
"""Characters of tests."""
_INPUTS = ("input", "stdin", "inputs")
_OUTPUTS = ("output", "stdout", "outputs", "expected_output")


class BadTests(ValueError):
    """Tests in none of the known forms."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StdioCase:
    """What a program reads, and what it should print."""

    input: str
    output: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StdioTests:
    """Tests of a program that reads stdin and writes stdout."""

    cases: tuple[StdioCase, ...]
    checker: str = ""
    """Python that defines `check(input, expected, output) -> bool`, where more than one output is right."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tests:
    """The tests of one problem."""

    body: AssertTests | CallTests | StdioTests
    seconds: float | None = None
    """Wall clock of the whole candidate, or of one stdio case; None where the tests do not say."""


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
    prompt, starter = _first_text(row, "prompt", "question"), _first_text(row, "starter_code")
    if starter and starter not in prompt:
        prompt = f"{prompt}\n```python\n{starter}\n```"
    setup = "\n".join(filter(None, (_first_text(row, key) for key in ("test_imports", "test_setup"))))
    entry_point = _first_text(row, "entry_point", "fn_name", "func_name") or None
    tests = read_tests(field_of(row, "tests"), entry_point=entry_point, setup=setup, prompt=prompt)
    limits = [field_of(row, name) for name in ("time_limit_s", "time_limit")]
    limits = [x for x in limits if isinstance(x, int | float) and not isinstance(x, bool) and 0 < x < 3600]
    if tests.seconds is None and limits:  # a contest's limit is for faster languages: it only ever lengthens ours
        tests = replace(tests, seconds=max(float(limits[0]), Limits().wall_seconds))
    return CodeProblem(tests=tests, prompt=prompt)


def _first_text(row: Any, *names: str) -> str:
    """Return the first of some fields that holds text, or a list of lines, in a row or in its metadata."""
    metadata = field_of(row, "metadata")
    if isinstance(metadata, str) and metadata.startswith("{"):
        try:
            metadata = json.loads(metadata)
        except (ValueError, RecursionError):
            metadata = None
    for name in names:
        for place in (row, metadata):
            value = field_of(place, name)
            if isinstance(value, list) and all(isinstance(line, str) for line in value):
                value = "\n".join(value)
            if isinstance(value, str) and value.strip():
                return value
    return ""


def read_tests(tests: Any, *, entry_point: str | None = None, setup: str = "", prompt: str = "") -> Tests:
    """Return the tests of a problem; raise BadTests for what is in no known form.

    `setup` is code that comes before the tests of style assert. Where `prompt` begins a function, cases that could be
    lines of stdin and stdout are its arguments and results.

    >>> read_tests(["assert f(1) == 2"]).body.code
    'assert f(1) == 2'
    >>> read_tests([{"stdin": "1", "stdout": "2"}]).body.cases[0].output
    '2'
    """
    if isinstance(tests, str):
        if tests.lstrip()[:1] in ("[", "{"):
            try:
                return read_tests(json.loads(tests), entry_point=entry_point, setup=setup, prompt=prompt)
            except (ValueError, RecursionError):
                pass  # no JSON of a known form: Python may begin so too
        return _assert_tests(tests, entry_point, setup)
    if isinstance(tests, Mapping):
        return _read_mapping(tests, entry_point, setup, prompt)
    if isinstance(tests, Sequence) and not isinstance(tests, bytes) and tests:
        if all(isinstance(test, str) for test in tests):
            return _assert_tests("\n".join(tests), entry_point, setup)
        if all(isinstance(test, Mapping) for test in tests):
            return Tests(body=_read_cases(tests, entry_point, prompt))
    raise BadTests(f"tests must be text, a list or an object, got {type(tests).__name__} {str(tests)[:80]}")


def _read_mapping(tests: Mapping[str, Any], entry_point: str | None, setup: str, prompt: str) -> Tests:
    entry_point = next(
        (str(tests[key]) for key in ("entry_point", "fn_name", "func_name") if tests.get(key)), entry_point
    )
    style = tests.get("style")
    if style not in (None, "assert", "stdio", "call"):
        raise BadTests(f"style must be assert, stdio or call, got {style!r}")
    seconds = tests.get("seconds")
    if seconds is not None:
        if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 < seconds < 3600:
            raise BadTests(f"seconds must be a positive number, got {seconds!r}")
        seconds = float(seconds)
    setup = "\n".join(filter(None, [setup, *(_text(tests.get(key)) for key in ("test_imports", "test_setup_code"))]))
    for key in ("code", "test_list", "test", "assert"):
        if style in (None, "assert") and tests.get(key):
            return _assert_tests(_text(tests[key]), entry_point, setup, seconds)
    cases = _columns(tests) if tests.get("cases") is None else tests["cases"]
    if not isinstance(cases, Sequence) or not cases or not all(isinstance(case, Mapping) for case in cases):
        raise BadTests("tests must hold `code` or a list of `cases`")
    if style == "stdio":
        body: Any = StdioTests(cases=tuple(map(_stdio_case, cases)), checker=_text(tests.get("checker")))
    elif style == "call":
        body = CallTests(entry_point=entry_point or "", cases=tuple(map(_call_case, cases)))
    else:
        body = _read_cases(cases, entry_point, prompt)
    return Tests(body=body, seconds=seconds)


def _columns(tests: Mapping[str, Any]) -> list[dict[str, Any]] | None:
    """Return the cases of an object that holds one list of inputs and one of outputs."""
    names = [next((key for key in keys if isinstance(tests.get(key), list)), None) for keys in (_INPUTS, _OUTPUTS)]
    if None in names:
        return None
    inputs, outputs = (tests[str(name)] for name in names)
    if len(inputs) != len(outputs):
        raise BadTests(f"tests hold {len(inputs)} inputs and {len(outputs)} outputs")
    return [{"input": one, "output": other, "wrapped": True} for one, other in zip(inputs, outputs, strict=True)]


def _assert_tests(code: str, entry_point: str | None, setup: str, seconds: float | None = None) -> Tests:
    if not code.strip():
        raise BadTests("the tests are empty")
    if len(code) > _MAX_TEXT:
        raise BadTests(f"the tests are longer than {_MAX_TEXT} characters")
    body = AssertTests(code=f"{setup}\n{code}" if setup else code, entry_point=entry_point)
    return Tests(body=body, seconds=seconds)


def _read_cases(cases: Sequence[Mapping[str, Any]], entry_point: str | None, prompt: str) -> CallTests | StdioTests:
    """Read cases without a style: of calls where they hold arguments or name a function, else of stdin and stdout."""
    functional = any(case.get("testtype") == "functional" or "args" in case or "kwargs" in case for case in cases)
    texts = all(isinstance(_field(case, _INPUTS), str | None) for case in cases)
    # TACO and APPS give stdin and stdout also as lists of lines.
    lines = all(_is_text(_field(case, names)) for case in cases for names in (_INPUTS, _OUTPUTS))
    if functional or entry_point or not (texts or (lines and not last_head(code_of_prompt(prompt)))):
        return CallTests(entry_point=entry_point or "", cases=tuple(map(_call_case, cases)))
    return StdioTests(cases=tuple(map(_stdio_case, cases)))


def _is_text(value: Any) -> bool:
    return isinstance(value, str) or (isinstance(value, list) and all(isinstance(line, str) for line in value))


def _stdio_case(case: Mapping[str, Any]) -> StdioCase:
    return StdioCase(input=_text(_field(case, _INPUTS)), output=_text(_field(case, _OUTPUTS)))


def _call_case(case: Mapping[str, Any]) -> Case:
    if "args" in case or "kwargs" in case:
        arguments, named = case.get("args", []), case.get("kwargs", {})
        expected = case["expected"] if "expected" in case else _field(case, _OUTPUTS)
    else:
        arguments, named = _field(case, _INPUTS), {}
        expected = _field(case, (*_OUTPUTS, "expected"))
        if isinstance(arguments, str):
            arguments = [_value(line) for line in arguments.splitlines() if line.strip()]
        expected = _value(expected) if isinstance(expected, str) else expected
    if isinstance(arguments, Mapping):
        arguments, named = [], arguments
    if not isinstance(arguments, list | tuple) or not isinstance(named, Mapping):
        raise BadTests("the arguments of a call must be a list or an object")
    wrapped = case.get("wrapped") is True and isinstance(expected, list) and len(expected) > 0
    also_right = (expected[0],) if wrapped else ()  # APPS puts results into a list, and takes them without it
    return Case(args=tuple(arguments), kwargs=dict(named), expected=expected, also_right=also_right)


def _value(text: str) -> Any:
    """Read a value written as JSON, or else as a Python literal; other text stands for itself."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        pass  # Python's own notation has True, tuples and single quotes
    try:
        return literal_eval(text.strip())
    except (ValueError, SyntaxError, RecursionError, MemoryError, TypeError):
        return text


def _field(case: Mapping[str, Any], names: Sequence[str]) -> Any:
    for name in names:
        if name in case:
            return case[name]
    raise BadTests(f"a test case has none of {', '.join(names)}: {str(dict(case))[:80]}")


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, list | tuple) and all(isinstance(line, str) for line in value):
        return "\n".join(value)
    if isinstance(value, str):
        return value
    raise BadTests(f"text was expected, got {type(value).__name__}")
