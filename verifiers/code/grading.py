"""From a completion and tests to a verdict: find the program, run it in the sandbox, name the outcome."""

import builtins
import re
import time
from dataclasses import dataclass, replace
from typing import Any

from sandbox import Limits, SandboxError
from sandbox.pool import shared_pool
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
    TestOutcome.PASSED: (Outcome.CORRECT, ""),
    TestOutcome.FAILED: (Outcome.INCORRECT, ""),
    TestOutcome.TIMEOUT: (Outcome.TIMEOUT, "timeout"),
    TestOutcome.UNDECIDED: (Outcome.UNDECIDED, "unjudgeable"),
    TestOutcome.BAD_TESTS: (Outcome.ERROR, "bad_gold"),
    TestOutcome.SANDBOX_ERROR: (Outcome.ERROR, "sandbox"),
}
"""Outcome of the verdict, and first word of its reason."""


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
        read = read_tests(tests, prompt=prompt)
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
    called: set[str] = set()
    if isinstance(tests.body, AssertTests):  # one of the names that tests call and do not define is under test
        code = tests.body.code[:_MAX_TESTS_READ]
        called = set(_CALL.findall(code)) - set(_DEFINED.findall(code)) - set(dir(builtins))
    found = find_program(completion, prompt=prompt, entry_point=named or None, called=frozenset(called), main=main)
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
    began, body = time.monotonic(), tests.body
    if isinstance(body, CallTests):
        name = body.entry_point or found.method or found.entry_point or found.last or ""
        body = replace(body, entry_point=name.rpartition(".")[2])
    elif isinstance(body, AssertTests):
        entry = body.entry_point or found.entry_point
        body = replace(body, entry_point=entry, fallback=found.last, prompt=code_of_prompt(prompt))
    bounds = limits or Limits()
    if limits is None and tests.seconds is not None:
        bounds = Limits(wall_seconds=min(tests.seconds, MAX_SECONDS))
    try:
        pool = shared_pool(isolation)
        pool.zygote()
        left = None if limits is not None else ANSWER_SECONDS - (time.monotonic() - began)
        if isinstance(body, StdioTests):
            run = run_stdio_tests(found.program, body, pool=pool, limits=bounds, fail_fast=fail_fast, most_seconds=left)
        else:
            run = run_tests(found.program, body, pool=pool, limits=bounds, fail_fast=fail_fast, most_seconds=left)
    except SandboxError as error:
        return CodeVerdict(verdict=_error(f"sandbox: {error}"))
    return CodeVerdict(verdict=_verdict(run, found, type(body).__name__), isolation=run.isolation)


def _verdict(run: TestRun, found: FoundProgram, tests: str) -> Verdict:
    outcome, prefix = _OUTCOMES[run.outcome]
    reason = f"{prefix}: {run.reason}" if prefix else run.reason
    if not prefix and run.failures:
        first = run.failures[0]
        parts = [
            first["test"],
            *(f"{key} {first[key]}" for key in ("call", "expected", "got", "error") if first.get(key)),
        ]
        reason = f"test_failed: {run.passed} of {run.total} passed; {'; '.join(parts)}"
    if reason.startswith("unreadable") and not found.certain:
        outcome, reason = Outcome.NO_ANSWER, "no_program: no part of the completion compiles"
    return Verdict(
        outcome=outcome,
        extracted=found.text[:_MAX_EXTRACT],
        expected=run.failures[0].get("expected") if run.failures else None,
        method=f"{found.where}:{tests.removesuffix('Tests').lower()}",
        reason=reason,
        verifier=VERIFIER,
        seconds=run.seconds,
        steps=run.failures or None,
    )


def _error(reason: str) -> Verdict:
    return Verdict(outcome=Outcome.ERROR, reason=reason, verifier=VERIFIER)
