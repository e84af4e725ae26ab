"""Runs tests written in Python: bare asserts, a `check(candidate)`, test functions, unittest classes.

They run in the tester's process. A name that they use but do not define is looked up, in this order, as the entry
point, a builtin, a module or name of the usual header, a function that the prompt spells out (run here from the
prompt's text, as a candidate's helper must not judge itself), and a name of the candidate's program.
"""

import ast
import builtins
import contextlib
import functools
import importlib
import re
import sys
import types
import warnings
from typing import Any

from . import tests_text
from .brief import brief, text_of
from .prompt_helpers import prompt_helpers
from .remotes import TESTS_FILE, TESTS_MODULES, Remotes, Stop
from .report import Report
from .usual_names import NODES, usual_names

_SHARED_STATE = re.compile(r"\b(unittest\.mock|import mock|mock\.patch|monkeypatch|tempfile|shutil)\b")


_PROGRAM_MODULES = ("solution", "main", "submission")
"""Modules from which tests may import the program's names."""
_JUDGES = re.compile(r"assert|raise|fail\(")


def run_assert_tests(payload: dict[str, Any], remotes: Remotes, report: Report) -> None:
    """Run tests given as code."""
    tests = _Tests(payload, remotes, report)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            pieces = _pieces(payload["code"])
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        report.broken = f"the tests do not compile: {type(error).__name__}: {error}"
        return
    if not _JUDGES.search(payload["code"]):
        report.broken = "the tests assert nothing"
        return
    tests.run(pieces)


def _pieces(code: str) -> list[tuple[str, types.CodeType]]:
    """Split the code into pieces that count as one test each, with their text: asserts, runs of other statements."""
    if len(code) > tests_text.MAX_READ or "\nassert" not in f"\n{code}":
        return [("", compile(code, TESTS_FILE, "exec", dont_inherit=True, optimize=0))]
    groups: list[list[ast.stmt]] = []
    for statement in ast.parse(code).body:
        if groups and not isinstance(statement, ast.Assert) and not isinstance(groups[-1][0], ast.Assert):
            groups[-1].append(statement)
        else:
            groups.append([statement])
    pieces = []
    for group in groups:
        text = ast.get_source_segment(code, group[0]) if isinstance(group[0], ast.Assert) else ""
        pieces.append((text or "", compile(ast.Module(group, []), TESTS_FILE, "exec", dont_inherit=True, optimize=0)))
    return pieces


class _Tests:
    def __init__(self, payload: dict[str, Any], remotes: Remotes, report: Report) -> None:
        self._code: str = payload["code"]
        self._entry: str | None = payload["entry_point"] and payload["entry_point"].partition("(")[0].partition(".")[0]
        self._fail_fast: bool = payload["fail_fast"]
        self._remotes = remotes
        self._report = report
        self._lines: list[str] | None = None
        self._space = _Names(self._entry, self._code, payload["prompt"], remotes, payload["fallback"])
        self._path: str = (payload["entry_point"] or "")[len(self._entry or "") :]
        if _SHARED_STATE.search(self._code):
            report.excuse = "the tests patch modules or use files, which the program's own process does not share"

    def run(self, pieces: list[tuple[str, types.CodeType]]) -> None:
        # Tests may be under `if __name__ == "__main__"`, without a runner.
        script = "__main__" in self._code and "unittest.main" not in self._code and "pytest.main" not in self._code
        self._remotes.seeks_nan = "nan" in self._code.lower()
        if self._remotes.keeps_arguments:
            self._remotes.wanted = tests_text.wanted_changes(self._code)
        module = types.ModuleType(TESTS_MODULES[script])
        self._space.update(vars(module))
        names = {*_PROGRAM_MODULES, *tests_text.unknown_modules(self._code, self._entry)}
        sys.modules.update({name: _ProgramModule(name, self._remotes) for name in names})
        for claim in (self._space.claim_entry, lambda: self._space.claim_for_classes([code for _, code in pieces])):
            if not self._attempt(claim, self._entry or "the program", False):
                return
        counted = len(pieces) == 1
        for text, code in pieces:
            right = self._attempt(lambda code=code: exec(code, self._space), text, counted or text != "")
            if not right and (self._fail_fast or not text):
                return
        self._run_defined()

    def _run_defined(self) -> None:
        """Run the tests that are defined but not called: check(candidate), unittest classes, test_*()."""
        defined = [(n, v) for n, v in self._space.items() if getattr(v, "__module__", None) in TESTS_MODULES]
        calls = self._remotes.calls
        for name, value in defined:
            # The tests themselves run what they mention elsewhere than in its definition.
            ran = calls and re.search(rf"(?<!def )(?<!class )\b{name}\b", self._code)
            if name == "check" and isinstance(value, types.FunctionType) and "\ncheck(" not in f"\n{self._code}":
                self._attempt(lambda value=value: _finished(value(*self._arguments(value))), "")
            elif isinstance(value, type) and any(_is_test_case(kind) for kind in value.__mro__):
                self._attempt(lambda value=value: self._run_test_case(value), name, False)
            elif isinstance(value, type) and name.startswith("Test") and not ran:
                self._run_test_class(value)
            elif name.startswith("test") and isinstance(value, types.FunctionType) and not ran:
                self._attempt(lambda value=value: _finished(value(*self._arguments(value))), name)

    def _run_test_class(self, case: type) -> None:
        """Run the tests of a class as pytest does: each on an instance of its own, between setup and teardown."""
        for name in [name for name in dir(case) if name.startswith("test") and callable(getattr(case, name))]:
            if getattr(case, name).__code__.co_argcount > 1 or hasattr(getattr(case, name), "pytestmark"):
                self._remotes.stop("undecided", f"{name} of the tests wants a runner that gives it arguments")

            def run(name: str = name) -> None:
                one = case()
                getattr(case, "setup_class", _nothing)()
                getattr(one, "setup_method", getattr(one, "setup", _nothing))()
                _finished(getattr(one, name)())
                getattr(one, "teardown_method", getattr(one, "teardown", _nothing))()

            self._attempt(run, name)

    def _arguments(self, function: types.FunctionType) -> list[Any]:
        """Return the candidate's entry point for the only argument without a default."""
        wanted = function.__code__.co_argcount - len(function.__defaults__ or ())
        known = function.__name__ == "check" or function.__code__.co_varnames[:1] == ("candidate",)
        if wanted > 1 or (wanted and not known) or hasattr(function, "pytestmark"):
            self._remotes.stop("undecided", f"{function.__name__} of the tests wants a runner that gives it arguments")
        target = self._space.entry()  # which may be a method, as in `Solution().f`
        if self._path.startswith("()"):
            target = target()
        for name in filter(None, self._path.removeprefix("()").split(".")):
            target = getattr(target, name)
        return [target] * wanted

    def _run_test_case(self, case: type) -> None:
        import unittest

        result = unittest.TestResult()
        unittest.defaultTestLoader.loadTestsFromTestCase(case).run(result)
        for test, trace in [*result.failures, *result.errors]:
            if self._remotes.stopped is None:
                last = trace.strip().splitlines()[-1]
                self._report.fail(test=test.id().partition(".")[2], call=self._remotes.last_call, got=last)
        self._report.passed += result.testsRun - len(result.failures) - len(result.errors)

    def _attempt(self, run: Any, text: str, counted: bool = True) -> bool:
        """Run one piece; count it if it called the candidate, and record its failure."""
        calls = self._remotes.calls
        try:
            run()
        except Stop:
            raise
        except BaseException as error:  # noqa: BLE001 - tests raise whatever they and the candidate raise
            self._record(error, text)
            return False
        self._report.passed += counted and self._remotes.calls > calls
        return True

    def _record(self, error: BaseException, text: str) -> None:
        if self._remotes.stopped is not None:
            return
        # A note shows that the candidate raised it; a NameError, that the candidate lacks a name.
        theirs = hasattr(error, "__notes__") or isinstance(error, NameError)
        if not theirs and (isinstance(error, ImportError) or not self._remotes.touched):
            self._report.broken = f"the tests raise {type(error).__name__}: {text_of(error)}"
            return
        statement, expected = self._failing(error)
        asserted = isinstance(error, AssertionError)
        self._report.fail(
            test=text or statement,
            call=self._remotes.last_call or None,
            expected=expected,
            got=self._remotes.last_result if self._remotes.calls else None,
            error=None if asserted and not text_of(error) else f"{type(error).__name__}: {text_of(error)}",
        )

    def _failing(self, error: BaseException) -> tuple[str, str | None]:
        """Return the statement of the tests that raised an exception, and the expected value if it is visible."""
        place, frame = None, error.__traceback__
        while frame is not None:
            if frame.tb_frame.f_code.co_filename == TESTS_FILE:
                place = frame
            frame = frame.tb_next
        if place is None:
            return "the tests", None
        if self._lines is None:
            self._lines = self._code.split("\n")
        line = self._lines[place.tb_lineno - 1].strip() if place.tb_lineno <= len(self._lines) else ""
        known = place.tb_frame.f_locals
        expected = next((known[name] for name in ("expected", "exp", "want", "expect") if name in known), None)
        return line, None if expected is None else brief(expected)


def _nothing() -> None:
    """The setup of a test class that has none."""


def _finished(result: Any) -> None:
    """Wait for the end of a test function that is async."""
    if isinstance(result, types.CoroutineType):
        import asyncio

        asyncio.run(result)


def _is_test_case(kind: type) -> bool:
    return kind.__module__.startswith("unittest.") and kind.__name__ == "TestCase"


class _ProgramModule(types.ModuleType):
    """The module behind `from solution import f`."""

    def __init__(self, name: str, remotes: Remotes) -> None:
        super().__init__(name)
        self._names = remotes.names

    def __getattr__(self, name: str) -> Any:
        defined = {} if name.startswith("__") else self._names([name])
        if name not in defined:
            raise AttributeError(f"the program defines no {name}")
        return defined[name]


class _Names(dict[str, Any]):
    """The names of the tests; missing ones are looked up in the order of the module's docstring."""

    def __init__(
        self, entry: str | None, code: str, prompt: str, remotes: Remotes, fallback: str | None = None
    ) -> None:
        super().__init__()
        self._code = code
        self._entry = entry
        self._prompt = prompt
        self._remotes = remotes
        self._helpers: dict[str, Any] | None = None
        self._fallback = fallback

    def entry(self) -> Any:
        if self._entry is not None or self._fallback is None:
            return self[self._entry] if self._entry is not None else None
        return self._remotes.names([self._fallback]).get(self._fallback)

    def claim_entry(self) -> None:
        """Put the entry point before a builtin of the same name."""
        names = {self._entry} if self._entry else self._under_test
        if len(names) == 1 and hasattr(builtins, name := next(iter(names))):
            self.update(self._remotes.names([name]))

    @functools.cached_property
    def _under_test(self) -> set[str]:
        return tests_text.names_under_test(self._code) if self._entry is None else set()

    def _module(self, name: str) -> str | None:
        """Return the module that a name means, though the tests do not import it."""
        as_module = name in sys.stdlib_module_names and name in tests_text.module_names(self._code)
        return tests_text.TEST_MODULES.get(name, name if as_module else None)

    def claim_for_classes(self, codes: list[types.CodeType]) -> None:
        """Look up the names in class bodies now, as the interpreter does not ask `__missing__` for those."""
        wanted = {name for code in codes for name in tests_text.names_in_classes(code) if not hasattr(builtins, name)}
        for name in sorted(wanted - set(self)):
            try:
                self[name] = self._find(name)
            except NameError:
                continue  # an attribute, or a name that the tests themselves define

    def __missing__(self, name: str) -> Any:
        if name != self._entry and hasattr(builtins, name):
            return getattr(builtins, name)
        self[name] = value = self._find(name)
        return value

    def _find(self, name: str) -> Any:
        if name != self._entry and (module := self._module(name)):
            with contextlib.suppress(ImportError):
                return importlib.import_module(module)
        # A usual name is a tool, unless tests without an entry point use nothing else and call it innermost.
        if name not in (self._entry, *NODES) and (usual := usual_names([name])) and name not in self._under_test:
            return usual[name]
        if name != self._entry and self._prompt and name in self._from_prompt():
            return self._from_prompt()[name]
        defined = self._remotes.names([name])
        if name not in defined:
            raise NameError(f"the program defines no {name}")
        return defined[name]

    def _from_prompt(self) -> dict[str, Any]:
        if self._helpers is None:
            self._helpers = {}  # look-ups by the helpers themselves must not recurse
            space = _Names(self._entry, self._prompt, "", self._remotes)
            self._helpers = prompt_helpers(self._prompt, self._entry, space)
        return self._helpers
