"""Run a program against tests that it cannot see: candidate and tester are two processes, each in its own sandbox.

The candidate holds the program, and of the tests nothing but the arguments of the calls so far. The tester holds the
tests and rebuilds every returned value from plain data. What a run came to is the tester's report; the candidate has
no channel to the owner. What a program keeps in its own memory between the calls of one run is kept, as in any harness;
nothing is kept between runs.
"""

import json
import os
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from .inside.candidate_program import Program, Reading
from .inside.plain_data import NotPlainError, encode
from .launch import Task, TaskResult
from .limits import Limits, Status
from .pool import Pool

__all__ = [
    "AssertTests",
    "CallTests",
    "Case",
    "Program",
    "Reading",
    "TestOutcome",
    "TestRun",
    "run_script",
    "run_tests",
    "starved",
]

BUSY = "the machine was too busy to run the program for as long as it may take"
TESTER_SECONDS = 4.0
"""What the tests themselves may take on top of the candidate's wall clock."""
_ASLEEP_SECONDS = 0.1
_MIB = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class AssertTests:
    """Tests that are Python: bare asserts, `check(candidate)`, test functions, unittest classes."""

    code: str
    entry_point: str | None = None
    """The name that `check` is given; names that the code itself uses need no entry point."""
    prompt: str = ""
    """Code whose whole functions the tests may use."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One call, and what it should return."""

    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = field(default_factory=dict)
    expected: Any = None
    also_right: tuple[Any, ...] = ()
    """Other results that the benchmark accepts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallTests:
    """Tests that are data."""

    entry_point: str
    """A function, or a method of the program's class `Solution`."""
    cases: tuple[Case, ...]


class TestOutcome(StrEnum):
    """What a test run came to. Only passed, failed and timeout say something about the program."""

    __test__ = False  # no class of tests, whatever pytest makes of its name
    PASSED = "passed"
    FAILED = "failed"
    TIMEOUT = "timeout"
    UNDECIDED = "undecided"
    """The tests rest on something that the program would have to vouch for itself, or cannot be carried over."""
    BAD_TESTS = "bad_tests"
    SANDBOX_ERROR = "sandbox_error"


@dataclass(frozen=True, slots=True, kw_only=True)
class TestRun:
    """A program's run against its tests."""

    __test__ = False
    outcome: TestOutcome
    reason: str
    """Empty where the failures say it all."""
    passed: int
    total: int
    failures: tuple[dict[str, str], ...]
    """The first failed tests: `test`, and where they are known `call`, `expected`, `got` and `error`."""
    isolation: str
    seconds: float


def run_tests(
    program: Program,
    tests: AssertTests | CallTests,
    *,
    pool: Pool,
    limits: Limits | None = None,
    fail_fast: bool = False,
    most_seconds: float | None = None,
) -> TestRun:
    """Run a program against tests; `limits` are the candidate's, its wall clock is that of all its calls together.

    `most_seconds` bounds the whole, the tests' own time and a second run included.

    >>> program = Program(readings=(Reading(source="def f(x):\\n    return x + 1"),))
    >>> with Pool(prewarm=()) as pool:
    ...     run_tests(program, AssertTests(code="assert f(1) == 2"), pool=pool).outcome
    <TestOutcome.PASSED: 'passed'>
    """
    limits = limits or Limits()
    longest = most_seconds if most_seconds is not None else 2 * (limits.wall_seconds + TESTER_SECONDS)
    try:
        trial = _Trial(program=program, payload=_payload(tests, fail_fast), limits=limits, longest=longest, pool=pool)
    except NotPlainError as error:
        return _unjudged(TestOutcome.BAD_TESTS, f"a value of the tests cannot cross: {error}", pool.isolation)
    run = trial.run(limits.wall_seconds)
    if run.outcome is TestOutcome.TIMEOUT and trial.starved:
        run = trial.run(2 * limits.wall_seconds)
        if run.outcome is TestOutcome.TIMEOUT and trial.starving:
            return replace(run, outcome=TestOutcome.UNDECIDED, reason=BUSY)
    if run.outcome is not TestOutcome.PASSED or not trial.changed_arguments:
        return run
    again = trial.run(limits.wall_seconds, keep_arguments=True)
    if again.outcome is TestOutcome.PASSED:
        return run
    reason = f"calls change their arguments as well as return something; {again.outcome} without those changes"
    return replace(run, outcome=TestOutcome.UNDECIDED, reason=reason)


def starved(task: TaskResult, seconds: float, share: float = 0.5) -> bool:
    """Whether a program used up its wall clock with less than a share of a processor, because the machine is busy.

    One that hardly asked for the processor slept of its own will.
    """
    wanted_more = _ASLEEP_SECONDS < task.cpu_seconds < share * seconds
    return wanted_more and os.getloadavg()[0] > 1.5 * (os.cpu_count() or 1)


@dataclass(slots=True, kw_only=True)
class _Trial:
    """A program and its tests, run once or again: on a busy machine, or where calls have changed their arguments.

    A program may empty the list that the tests are about to compare with: a run that passes so is repeated without
    the changes.
    """

    program: Program
    payload: dict[str, Any]
    limits: Limits
    longest: float
    pool: Pool
    spent: float = 0.0
    starved: bool = False
    """Whether another run with more time may help."""
    starving: bool = False
    """Whether even that would not."""
    changed_arguments: bool = False

    def run(self, seconds: float, *, keep_arguments: bool = False) -> TestRun:
        """Run candidate and tester once; the candidate may take so long by the wall clock, not by the processor."""
        total = max(0.5, min(seconds + TESTER_SECONDS, self.longest - self.spent))
        seconds = min(seconds, 0.95 * total)  # it must be the program that runs out of time, not its tests
        clocks = {"candidate_seconds": seconds, "total_seconds": total, "keep_arguments": keep_arguments}
        cpu_seconds = self.limits.cpu_seconds or self.limits.wall_seconds
        candidate = replace(self.limits, wall_seconds=total, cpu_seconds=cpu_seconds)
        memory = max(self.limits.memory_bytes, 1024 * _MIB)
        # A tester starts no process; saying so spares the zygote a listener for its forks.
        tester = Limits(wall_seconds=total, cpu_seconds=total, memory_bytes=memory, processes=0)
        payload = _json({**self.payload, **clocks})
        asked, told = self.pool.launch(
            [
                Task(entry="candidate", payload=_json(self.program.to_row()), limits=candidate, linked=True),
                Task(entry="tester", payload=payload, limits=tester, linked=True, result=True),
            ],
            wall_seconds=total + 0.5,
        )
        run, self.changed_arguments = _test_run(asked, told)
        self.spent += told.wall_seconds
        self.starved = starved(asked, seconds)
        self.starving = starved(asked, seconds, share=0.25)
        return run


def run_script(program: Program, stdin: str, *, pool: Pool, limits: Limits | None = None) -> TaskResult:
    """Run a program as a script that reads stdin; its readings and usual names are as in `run_tests`."""
    payload = _json(replace(program, main=True).to_row())
    task = Task(
        entry="candidate", payload=payload, stdin=stdin.encode("utf-8", "surrogatepass"), limits=limits or Limits()
    )
    return pool.launch([task])[0]


def _payload(tests: AssertTests | CallTests, fail_fast: bool) -> dict[str, Any]:
    common = {"fail_fast": fail_fast}
    if isinstance(tests, AssertTests):
        named = {"code": tests.code, "entry_point": tests.entry_point, "prompt": tests.prompt}
        return {"style": "assert", **named, **common}
    cases = [
        {
            "args": encode(list(case.args)),
            "kwargs": encode(case.kwargs),
            "expected": [encode(value) for value in (case.expected, *case.also_right)],
        }
        for case in tests.cases
    ]
    return {"style": "call", "entry_point": tests.entry_point, "cases": cases, **common}


def _json(row: dict[str, Any]) -> bytes:
    return json.dumps(row).encode("ascii")


def _test_run(asked: TaskResult, told: TaskResult) -> tuple[TestRun, bool]:
    for task, name in ((told, "tester"), (asked, "candidate")):
        if task.status is Status.SANDBOX_ERROR:
            return _unjudged(TestOutcome.SANDBOX_ERROR, f"{name}: {task.reason}", task.isolation), False
    if told.status in (Status.NONZERO_EXIT, Status.EXCEPTION):
        last = told.stderr.decode("utf-8", "replace").strip().rpartition("\n")[2]
        reason = f"the tester ended with exit code {told.exit_code}: {last}"
        return _unjudged(TestOutcome.SANDBOX_ERROR, reason, told.isolation), False
    if told.status is not Status.OK:
        reason = f"the tests did not come to an end: {told.status} {told.reason}".rstrip()
        return _unjudged(TestOutcome.UNDECIDED, reason, told.isolation), False
    row = json.loads(told.result)
    outcome, reason = _explained(TestOutcome(row["outcome"]), row["reason"], asked)
    run = TestRun(
        outcome=outcome,
        reason=reason,
        passed=row["passed"],
        total=row["total"],
        failures=tuple(row["failures"]),
        isolation=told.isolation,
        seconds=told.wall_seconds,
    )
    return run, row["changed_arguments"]


def _explained(outcome: TestOutcome, reason: str, asked: TaskResult) -> tuple[TestOutcome, str]:
    """Say how the candidate ended, where all that the tester knows is that it did."""
    if reason != "gone":
        return outcome, reason
    if asked.status is Status.TIMEOUT:
        return TestOutcome.TIMEOUT, asked.reason
    if asked.status in (Status.OK, Status.NONZERO_EXIT):
        return outcome, f"exit: the program ended with exit code {asked.exit_code} before it had answered"
    return outcome, f"{asked.status}: {asked.reason or 'the program ended before it had answered'}"


def _unjudged(outcome: TestOutcome, reason: str, isolation: str) -> TestRun:
    return TestRun(outcome=outcome, reason=reason, passed=0, total=0, failures=(), isolation=isolation, seconds=0.0)
