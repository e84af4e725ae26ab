"""Runs a program against tests that it cannot see: candidate and tester are two processes, each in its own sandbox.

The candidate holds the program, and of the tests only the arguments of the calls so far. The tester holds the tests
and rebuilds every returned value from plain data. The outcome is the tester's report; the candidate has no channel to
the owner. A program keeps its memory between the calls of one run, as in any harness, and nothing between runs.
"""

import json
import os
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from typing import Any

from .inside.candidate_program import Program, Reading
from .inside.plain_data import NotPlainError, encode
from .launch import Task, TaskResult
from .limits import GIB, Limits, Status
from .pool import Pool, as_bytes

__all__ = [
    "AssertTests", "CallTests", "Case", "Program", "Reading", "TestOutcome", "TestRun", "run_script", "run_tests",
    "starved",
]  # fmt: skip

BUSY = "the machine was too busy to run the program for as long as it may take"
TESTER_SECONDS = 4.0
"""Time for the tests themselves, added to the candidate's wall clock."""
_ASLEEP_SECONDS = 0.1
"""Processor time below which a program slept of its own accord."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AssertTests:
    """Tests that are Python: bare asserts, `check(candidate)`, test functions, unittest classes."""

    code: str
    entry_point: str | None = None
    """Name passed to `check`; names that the code itself uses need no entry point."""
    fallback: str | None = None
    """The program's own name passed to `check` where nothing names the entry point; the tests see it under no name."""
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
    """Result of a test run. Only passed, failed and timeout say something about the program."""

    __test__ = False  # pytest must not collect it
    PASSED = "passed"
    FAILED = "failed"
    TIMEOUT = "timeout"
    UNDECIDED = "undecided"
    """The tests depend on the program's word about itself, or on a value that cannot cross."""
    BAD_TESTS = "bad_tests"
    SANDBOX_ERROR = "sandbox_error"


@dataclass(frozen=True, slots=True, kw_only=True)
class TestRun:
    """A program's run against its tests."""

    __test__ = False
    outcome: TestOutcome
    reason: str
    """Empty where the failures suffice."""
    passed: int
    total: int
    failures: tuple[dict[str, str], ...]
    """The first failed tests: `test`, and where known `call`, `expected`, `got` and `error`."""
    isolation: str
    seconds: float


def run_tests(
    program: Program, tests: AssertTests | CallTests, *, pool: Pool, limits: Limits | None = None,
    fail_fast: bool = False, most_seconds: float | None = None,
) -> TestRun:  # fmt: skip
    """Run a program against tests; `limits` apply to the candidate, their wall clock to all its calls together.

    `most_seconds` bounds the whole, with the tests' own time and a second run.

    >>> program = Program(readings=(Reading(source="def f(x):\\n    return x + 1"),))
    >>> with Pool(prewarm=()) as pool:
    ...     run_tests(program, AssertTests(code="assert f(1) == 2"), pool=pool).outcome
    <TestOutcome.PASSED: 'passed'>
    """
    limits = limits or Limits()
    longest = most_seconds if most_seconds is not None else 2 * (limits.wall_seconds + TESTER_SECONDS)
    payload: dict[str, Any] = {"fail_fast": fail_fast, "style": "assert"}
    if isinstance(tests, AssertTests):
        payload |= asdict(tests)
    else:
        payload |= {"style": "call", "entry_point": tests.entry_point}
        try:
            payload["cases"] = [
                {
                    "args": encode(list(case.args)),
                    "kwargs": encode(case.kwargs),
                    "expected": [encode(value) for value in (case.expected, *case.also_right)],
                }
                for case in tests.cases
            ]
        except (NotPlainError, RecursionError) as error:
            return _unjudged(TestOutcome.BAD_TESTS, f"a value of the tests cannot cross: {error}", pool.isolation)
    trial = _Trial(program=program, payload=payload, limits=limits, longest=longest, pool=pool)
    run = trial.run(limits.wall_seconds)
    if run.outcome is TestOutcome.TIMEOUT and trial.starved:
        run = trial.run(2 * limits.wall_seconds)
        if run.outcome is TestOutcome.TIMEOUT and trial.starving:
            return replace(run, outcome=TestOutcome.UNDECIDED, reason=BUSY)
    if run.outcome is not TestOutcome.PASSED or not trial.changed_arguments:
        return run  # else the program may have emptied the list that the tests were about to compare with
    again = trial.run(limits.wall_seconds, keep_arguments=True)
    if again.outcome is TestOutcome.PASSED:
        return run
    reason = f"calls change their arguments; {again.outcome} without those changes"
    if again.outcome is TestOutcome.FAILED and not trial.wants_changes:
        return replace(again, reason=reason)
    return replace(run, outcome=TestOutcome.UNDECIDED, reason=reason)


def starved(task: TaskResult, seconds: float, share: float = 0.5) -> bool:
    """Whether a program ran out of time with less than a share of a processor, as the machine is busy with others."""
    wanted_more = _ASLEEP_SECONDS < task.cpu_seconds < share * seconds
    return wanted_more and os.getloadavg()[0] - task.forks > 1.5 * (os.cpu_count() or 1)


@dataclass(slots=True, kw_only=True)
class _Trial:
    """A program and its tests, run again on a busy machine, or where calls have changed their arguments."""

    program: Program
    payload: dict[str, Any]
    limits: Limits
    longest: float
    pool: Pool
    spent: float = 0.0
    starved: bool = False
    """Whether another run with more time may help."""
    starving: bool = False
    """Whether even more time would not help."""
    changed_arguments: bool = False
    wants_changes: bool = False
    """Whether the tests look at changes that calls make to their arguments."""

    def run(self, seconds: float, *, keep_arguments: bool = False) -> TestRun:
        """Run candidate and tester once; `seconds` bound the candidate's wall clock, not its processor time."""
        total = max(0.5, min(seconds + TESTER_SECONDS, self.longest - self.spent))
        seconds = min(seconds, 0.95 * total)  # the program must run out of time before its tests do
        clocks = {"candidate_seconds": seconds, "total_seconds": total, "keep_arguments": keep_arguments}
        cpu_seconds = self.limits.cpu_seconds or self.limits.wall_seconds
        limits = replace(self.limits, wall_seconds=total, cpu_seconds=cpu_seconds)
        program = Task(entry="candidate", payload=_json(self.program.to_row()), limits=limits, linked=True)
        memory = max(self.limits.memory_bytes, GIB)
        # A tester starts no process, and with a limit of 0 the zygote needs no listener for its forks.
        limits = Limits(wall_seconds=total, cpu_seconds=total, memory_bytes=memory, processes=0)
        payload = _json({**self.payload, **clocks})
        tests = Task(entry="tester", payload=payload, limits=limits, linked=True, result=True)
        candidate, tester = self.pool.launch([program, tests], wall_seconds=total + 0.5)
        run, row = _test_run(candidate, tester)
        self.changed_arguments, self.wants_changes = row.get("changed_arguments", False), row.get("wants_changes", True)
        self.spent += tester.wall_seconds
        self.starved = starved(candidate, seconds)
        self.starving = starved(candidate, seconds, share=0.25)
        return run


def run_script(program: Program, stdin: str, *, pool: Pool, limits: Limits | None = None) -> TaskResult:
    """Run a program as a script that reads stdin; its readings and usual names are as in `run_tests`."""
    payload = _json(replace(program, main=True).to_row())
    task = Task(entry="candidate", payload=payload, stdin=as_bytes(stdin), limits=limits or Limits())
    return pool.launch([task])[0]


def _json(row: dict[str, Any]) -> bytes:
    return json.dumps(row).encode("ascii")


def _test_run(candidate: TaskResult, tester: TaskResult) -> tuple[TestRun, dict[str, Any]]:
    """Return the run, and the tester's report where it made one."""
    for task, name in ((tester, "tester"), (candidate, "candidate")):
        if task.status is Status.SANDBOX_ERROR:
            return _unjudged(TestOutcome.SANDBOX_ERROR, f"{name}: {task.reason}", task.isolation), {}
    if tester.status in (Status.NONZERO_EXIT, Status.EXCEPTION):
        last = tester.stderr.decode("utf-8", "replace").strip().rpartition("\n")[2]
        reason = f"the tester ended with exit code {tester.exit_code}: {last}"
        return _unjudged(TestOutcome.SANDBOX_ERROR, reason, tester.isolation), {}
    if tester.status is not Status.OK:
        reason = f"the tests did not come to an end: {tester.status} {tester.reason}".rstrip()
        # A blank instead of a report: the tests called the program, whose answers made them too long or too large.
        late = TestOutcome.TIMEOUT if tester.status is Status.TIMEOUT else TestOutcome.FAILED
        return _unjudged(late if tester.result else TestOutcome.UNDECIDED, reason, tester.isolation), {}
    row = json.loads(tester.result)
    outcome, reason = TestOutcome(row["outcome"]), row["reason"]
    if reason == "gone":  # the tester knows only that the candidate ended
        if candidate.status is Status.TIMEOUT:
            outcome, reason = TestOutcome.TIMEOUT, candidate.reason
        elif candidate.status in (Status.OK, Status.NONZERO_EXIT):
            reason = f"exit: the program ended with exit code {candidate.exit_code} before it had answered"
        else:
            reason = f"{candidate.status}: {candidate.reason or 'the program ended before it had answered'}"
    run = TestRun(
        outcome=outcome, reason=reason, passed=row["passed"], total=row["total"], failures=tuple(row["failures"]),
        isolation=tester.isolation, seconds=tester.wall_seconds,
    )  # fmt: skip
    return run, row


def _unjudged(outcome: TestOutcome, reason: str, isolation: str) -> TestRun:
    return TestRun(outcome=outcome, reason=reason, passed=0, total=0, failures=(), isolation=isolation, seconds=0.0)
