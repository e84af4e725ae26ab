"""Tests that are data: arguments and the result to expect. Each case counts."""

from typing import Any

from .brief import brief
from .comparison import agree
from .plain_data import decode
from .remotes import Remotes
from .report import Report
from .stand_ins import Remote


def run_call_tests(payload: dict[str, Any], remotes: Remotes, report: Report) -> None:
    """Call the entry point with the arguments of every case; a method of `Solution` gets a new instance each time."""
    name = payload["entry_point"]
    found = remotes.names([name, "Solution"])
    if name not in found and "Solution" not in found:
        report.fail(test=name, got=f"the program defines no {name}")
        return
    for case in payload["cases"]:
        arguments, named = decode(case["args"]), decode(case["kwargs"])
        expected = decode(case["expected"])
        try:
            function = found[name] if name in found else getattr(found["Solution"](), name)
            right = _agree(function(*arguments, **named), expected)
        except Exception:  # noqa: BLE001 - what the program raises is its answer
            right = False
        if right:
            report.passed += 1
        else:
            report.fail(test=name, call=remotes.last_call, expected=brief(expected), got=remotes.last_result)
            if payload["fail_fast"]:
                return


def _agree(got: Any, expected: Any) -> bool:
    return not isinstance(got, Remote) and agree(got, expected)
