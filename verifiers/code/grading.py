"""From a completion and tests to a verdict: find the program, run it in the sandbox, name the outcome."""

import builtins
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from sandbox import Limits, Pool, SandboxError
from sandbox.places import shared_pool
from sandbox.testing import AssertTests, CallTests, TestOutcome, TestRun, run_tests

from ..verdict import Outcome, Verdict
from .forms import BadTests, StdioTests, Tests, read_tests
from .program_text import FoundProgram, code_of_prompt, find_program
from .stdio import run_stdio_tests

VERIFIER = "verifiers.code 0.3"
MAX_SECONDS = 8.0
"""The most that tests may allow a candidate; explicit `limits` may allow more."""
ANSWER_SECONDS = 12.5
"""Seconds that a verdict may take without explicit limits, including the start of the sandbox."""
_MAX_EXTRACT = 20_000
_CALL = re.compile(r"(?<![\w.])([A-Za-z_]\w*)\(")
_DEFINED = re.compile(r"\b(?:def|class|import)\s+([A-Za-z_]\w*)")
_MAX_TESTS_READ = 20_000
_OUTCOMES = {
    TestOutcome.PASSED: Outcome.CORRECT,
    TestOutcome.FAILED: Outcome.INCORRECT,
    TestOutcome.TIMEOUT: Outcome.TIMEOUT,
    TestOutcome.UNDECIDED: Outcome.UNDECIDED,
    TestOutcome.BAD_TESTS: Outcome.ERROR,
    TestOutcome.SANDBOX_ERROR: Outcome.ERROR,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeVerdict:
    """A verdict, and the layer of isolation that the program ran under; "" where none ran."""

    verdict: Verdict
    isolation: str = ""


def grade_code(completion: str, tests: Any, *, prompt: str = "", limits: Limits | None = None) -> Verdict:
    """Judge the program in a completion by tests, in any of the forms of `verifiers.code.forms`.

    `prompt` may be code (its imports, and its head for a completion that is a body alone, come before the completion)
    or plain language. Never raises for what the completion or the tests hold.

    >>> grade_code("def f(x):\\n    return x + 1", ["assert f(1) == 2"]).outcome
    <Outcome.CORRECT: 'correct'>
    """
    try:
        read = read_tests(tests)
    except BadTests as error:
        return _error(f"bad_gold: {error}")
    return judge_code(completion, read, prompt=prompt, limits=limits).verdict


def judge_code(
    completion: str,
    tests: Tests,
    *,
    prompt: str = "",
    limits: Limits | None = None,
    isolation: str = "auto",
    fail_fast: bool = False,
) -> CodeVerdict:
    """Judge as `grade_code` does by tests that have been read, and say under which isolation."""
    began = time.monotonic()
    main = isinstance(tests.body, StdioTests)
    named = None if isinstance(tests.body, StdioTests) else tests.body.entry_point
    called = _called(tests.body.code) if isinstance(tests.body, AssertTests) else frozenset()
    found = find_program(completion, prompt=prompt, entry_point=named or None, called=called, main=main)
    if found is None:
        return CodeVerdict(verdict=Verdict(outcome=Outcome.NO_ANSWER, reason="no_program", verifier=VERIFIER))
    judged = judge_program(found, tests, prompt=prompt, limits=limits, isolation=isolation, fail_fast=fail_fast)
    return replace(judged, verdict=replace(judged.verdict, seconds=time.monotonic() - began))


def judge_program(
    found: FoundProgram,
    tests: Tests,
    *,
    prompt: str = "",
    limits: Limits | None = None,
    isolation: str = "auto",
    fail_fast: bool = False,
) -> CodeVerdict:
    """Judge a program that is already extracted."""
    began = time.monotonic()
    try:
        pool = shared_pool(isolation)
        pool.zygote()
        left = None if limits is not None else ANSWER_SECONDS - (time.monotonic() - began)
        run = _run(found, tests, prompt, _limits(tests, limits), pool, fail_fast, left)
    except SandboxError as error:
        return CodeVerdict(verdict=_error(f"sandbox: {error}"))
    verdict = _verdict(run, found, style=type(tests.body).__name__.removesuffix("Tests").lower())
    return CodeVerdict(verdict=replace(verdict, seconds=run.seconds), isolation=run.isolation)


def _called(code: str) -> frozenset[str]:
    """Return the names that tests call and do not define: one of them is the function under test."""
    names = set(_CALL.findall(code[:_MAX_TESTS_READ])) - set(_DEFINED.findall(code[:_MAX_TESTS_READ]))
    return frozenset(names - set(dir(builtins)))


def _limits(tests: Tests, limits: Limits | None) -> Limits:
    if limits is not None:
        return limits
    return Limits() if tests.seconds is None else Limits(wall_seconds=min(tests.seconds, MAX_SECONDS))


def _run(
    found: FoundProgram,
    tests: Tests,
    prompt: str,
    limits: Limits,
    pool: Pool,
    fail_fast: bool,
    most_seconds: float | None,
) -> TestRun:
    body, program = tests.body, found.program
    if isinstance(body, StdioTests):
        return run_stdio_tests(program, body, pool=pool, limits=limits, fail_fast=fail_fast, most_seconds=most_seconds)
    if isinstance(body, CallTests):
        name = body.entry_point or found.method or found.entry_point or ""
        body = replace(body, entry_point=name.rpartition(".")[2])
    else:
        body = replace(body, entry_point=body.entry_point or found.entry_point, prompt=code_of_prompt(prompt))
    return run_tests(program, body, pool=pool, limits=limits, fail_fast=fail_fast, most_seconds=most_seconds)


def _verdict(run: TestRun, found: FoundProgram, *, style: str) -> Verdict:
    outcome, reason = _OUTCOMES[run.outcome], _reason(run)
    if reason.startswith("unreadable") and not found.certain:
        outcome, reason = Outcome.NO_ANSWER, "no_program: no part of the completion compiles"
    return Verdict(
        outcome=outcome,
        extracted=found.text[:_MAX_EXTRACT],
        expected=run.failures[0].get("expected") if run.failures else None,
        method=f"{found.where}:{style}",
        reason=reason,
        verifier=VERIFIER,
        steps=run.failures or None,
    )


def _reason(run: TestRun) -> str:
    prefixes: dict[TestOutcome, Callable[[str], str]] = {
        TestOutcome.BAD_TESTS: lambda text: f"bad_gold: {text}",
        TestOutcome.SANDBOX_ERROR: lambda text: f"sandbox: {text}",
        TestOutcome.UNDECIDED: lambda text: f"unjudgeable: {text}",
        TestOutcome.TIMEOUT: lambda text: f"timeout: {text}",
    }
    if run.outcome in prefixes:
        return prefixes[run.outcome](run.reason)
    if not run.failures:
        return run.reason
    first = run.failures[0]
    parts = [first["test"], *(f"{key} {first[key]}" for key in ("call", "expected", "got", "error") if first.get(key))]
    return f"test_failed: {run.passed} of {run.total} passed; {'; '.join(parts)}"


def _error(reason: str) -> Verdict:
    return Verdict(outcome=Outcome.ERROR, reason=reason, verifier=VERIFIER)
