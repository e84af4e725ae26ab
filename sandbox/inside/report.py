"""What a test run found, test by test, cut to a size that can be read."""

from dataclasses import dataclass, field
from typing import Any

from .remotes import Stop

_MOST_FAILURES = 5


@dataclass(slots=True, kw_only=True)
class Report:
    """Counts and the first failures. A run that was stopped is what stopped it, unless a test had failed before."""

    passed: int = 0
    failed: int = 0
    failures: list[dict[str, Any]] = field(default_factory=list)
    broken: str = ""
    """Why the tests themselves cannot be used; empty if they can."""
    excuse: str = ""
    """Why a failure may not be the program's; empty if it is."""

    def fail(self, **details: Any) -> None:
        """Record a failed test: `test`, and where they are known `call`, `expected`, `got`."""
        self.failed += 1
        if len(self.failures) < _MOST_FAILURES:
            self.failures.append({key: str(value)[:600] for key, value in details.items() if value is not None})

    def to_row(self, stopped: Stop | None) -> dict[str, Any]:
        """Return the report as plain data."""
        outcome, reason = self._outcome(stopped)
        counts = {"passed": self.passed, "total": self.passed + self.failed}
        return {"outcome": outcome, "reason": reason, "failures": self.failures, **counts}

    def _outcome(self, stopped: Stop | None) -> tuple[str, str]:
        if self.broken:
            return "bad_tests", self.broken
        if self.failed:
            return ("undecided", self.excuse) if self.excuse else ("failed", "")
        if stopped is not None:
            return stopped.outcome, stopped.reason
        return ("passed", "") if self.passed else ("bad_tests", "no test called the program")
