"""Report of a test run, test by test, cut to a readable size."""

from dataclasses import dataclass, field
from typing import Any

from .remotes import Remotes

_MAX_FAILURES = 5


@dataclass(slots=True, kw_only=True)
class Report:
    """Counts and the first failures. A stopped run has the outcome of its stop, unless a test failed before."""

    passed: int = 0
    failed: int = 0
    failures: list[dict[str, Any]] = field(default_factory=list)
    broken: str = ""
    """Reason why the tests are unusable, or empty."""
    excuse: str = ""
    """Reason why a failure may not be the program's, or empty."""

    def fail(self, **details: Any) -> None:
        """Record a failed test: `test`, and where known `call`, `expected`, `got`."""
        self.failed += 1
        if len(self.failures) < _MAX_FAILURES:
            self.failures.append({key: str(value)[:600] for key, value in details.items() if value is not None})

    def to_row(self, remotes: Remotes) -> dict[str, Any]:
        """Return the report as plain data."""
        if self.broken:
            outcome, reason = "bad_tests", self.broken
        elif self.failed:
            outcome, reason = ("undecided", self.excuse) if self.excuse else ("failed", "")
        elif remotes.stopped is not None:
            outcome, reason = remotes.stopped.outcome, remotes.stopped.reason
        elif remotes.ended_iteration:
            outcome, reason = "undecided", "a call raised StopIteration, which may have ended a loop of the tests early"
        else:
            outcome, reason = ("passed", "") if remotes.calls else ("bad_tests", "the tests do not call the program")
        return {
            "outcome": outcome, "reason": reason, "failures": self.failures, "passed": self.passed,
            "total": self.passed + self.failed, "changed_arguments": remotes.changed_arguments,
            "wants_changes": remotes.wanted is None or bool(remotes.wanted),
        }  # fmt: skip
