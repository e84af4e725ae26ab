"""Programs that read stdin and print: each case runs in its own sandboxed process, and the output is compared here."""

import json
import time
from dataclasses import dataclass, field, replace

from sandbox import Limits, Pool, Status, TaskResult
from sandbox.testing import BUSY, Program, TestOutcome, TestRun, run_script, starved

from .forms import StdioCase, StdioTests
from .outputs import difference

_MAX_FAILURES = 5
_CHECKER = """{checker}

import json as _json, sys as _sys
_case = _json.load(_sys.stdin)
_sys.exit(0 if check(_case["input"], _case["expected"], _case["output"]) else 3)
"""
_REFUSED = 3


def run_stdio_tests(
    program: Program,
    tests: StdioTests,
    *,
    pool: Pool,
    limits: Limits,
    fail_fast: bool = False,
    most_seconds: float | None = None,
) -> TestRun:
    """Run a program on every case, in `most_seconds` for all; a case that takes too long ends the run."""
    total = most_seconds if most_seconds is not None else limits.wall_seconds * len(tests.cases)
    run = _StdioRun(program=program, tests=tests, pool=pool, limits=limits, total=total)
    for case in tests.cases:
        if not run.attempt(case) or (fail_fast and run.failures):
            break
    return run.result()


class _Unusable(Exception):
    """The checker program broke."""


@dataclass(slots=True, kw_only=True)
class _StdioRun:
    program: Program
    tests: StdioTests
    pool: Pool
    limits: Limits
    total: float
    began: float = field(default_factory=time.monotonic)
    passed: int = 0
    failed: int = 0
    failures: list[dict[str, str]] = field(default_factory=list)
    outcome: TestOutcome | None = None
    reason: str = ""

    def attempt(self, case: StdioCase) -> bool:
        """Run one case; return whether the run goes on."""
        left = self.began + self.total - time.monotonic()
        seconds = min(self.limits.wall_seconds, left)
        if left < 0.1:
            return self._stop(TestOutcome.UNDECIDED, f"over {self.total:.1f} s for all cases together")
        ran = self._run(case, seconds)
        if ran.status is Status.TIMEOUT and starved(ran, seconds) and left - seconds > 1.0:
            seconds = min(2 * seconds, left - seconds)
            ran = self._run(case, seconds)
        if ran.status is Status.SANDBOX_ERROR:
            return self._stop(TestOutcome.SANDBOX_ERROR, ran.reason)
        if ran.status is Status.TIMEOUT:
            if starved(ran, seconds, share=0.25):
                return self._stop(TestOutcome.UNDECIDED, BUSY)
            if seconds < self.limits.wall_seconds:
                return self._stop(TestOutcome.UNDECIDED, f"over {self.total:.1f} s for all cases together")
            self._note(case, "no output in time")
            return self._stop(TestOutcome.TIMEOUT, f"the program ran longer than {seconds:g} s")
        try:
            problem = self._problem(case, ran)
        except _Unusable as error:
            return self._stop(TestOutcome.BAD_TESTS, str(error))
        if problem is None:
            self.passed += 1
        else:
            self.failed += 1
            self._note(case, *problem)
        return True

    def _run(self, case: StdioCase, seconds: float) -> TaskResult:
        """Run one case; a longer wall clock than the limit's does not mean more of the processor."""
        kept = max(self.limits.output_bytes, 4 * len(case.output) + 65_536)
        cpu = self.limits.cpu_seconds or self.limits.wall_seconds
        limits = replace(self.limits, wall_seconds=seconds, cpu_seconds=cpu, output_bytes=kept)
        return run_script(self.program, case.input, pool=self.pool, limits=limits)

    def result(self) -> TestRun:
        if self.failed and self.outcome not in (TestOutcome.BAD_TESTS, TestOutcome.SANDBOX_ERROR):
            self.outcome, self.reason = TestOutcome.FAILED, ""
        return TestRun(
            outcome=self.outcome or TestOutcome.PASSED,
            reason=self.reason,
            passed=self.passed,
            total=len(self.tests.cases),
            failures=tuple(self.failures),
            isolation=self.pool.isolation,
            seconds=time.monotonic() - self.began,
        )

    def _stop(self, outcome: TestOutcome, reason: str) -> bool:
        self.outcome, self.reason = outcome, reason
        return False

    def _note(self, case: StdioCase, got: str, expected: str = "", where: str = "") -> None:
        if len(self.failures) < _MAX_FAILURES:
            place = f"stdin {_cut(case.input)!r}" + (f", {where}" if where else "")
            self.failures.append({"test": place, "expected": expected or _cut(case.output), "got": got})

    def _checked(self, case: StdioCase, output: str) -> bool | None:
        """Return what the checker says of an output; None where it fails."""
        asked = json.dumps({"input": case.input, "expected": case.output, "output": output})
        ran = self.pool.run(_CHECKER.format(checker=self.tests.checker), stdin=asked)
        ended = ran.exit_code in (0, _REFUSED) and ran.status in (Status.OK, Status.NONZERO_EXIT)
        return ran.exit_code == 0 if ended else None

    def _problem(self, case: StdioCase, ran: TaskResult) -> tuple[str, str, str] | None:
        """Return the fault in the output of one case: got, expected, where."""
        if ran.status is not Status.OK:
            last = ran.stderr.decode("utf-8", "replace").strip().rpartition("\n")[2]
            code = f"exit code {ran.exit_code}" if ran.exit_code else str(ran.status)
            return _cut(last or f"{code} {ran.reason}".strip()), "", ""
        output = ran.stdout.decode("utf-8", "replace")
        if self.tests.checker:  # the benchmark's, in a sandboxed process
            checked = self._checked(case, output)
            # A checker that breaks on this output, and not on the expected one, has met an output that is wrong.
            if checked is None and self._checked(case, case.output) is None:
                raise _Unusable("the checker failed, on the expected output too")
            return None if checked else (_cut(output), "", "refused by the checker")
        if ran.stdout_truncated:
            return "an output that is far too long", "", ""
        found = difference(output, case.output)
        return None if found is None else (found.got, found.expected, f"line {found.line} of the output")


def _cut(text: str) -> str:
    return text if len(text) <= 200 else f"{text[:180]}...{len(text)}"
