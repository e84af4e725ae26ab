"""Runs tests given as data: arguments and the expected result. Each case counts."""

from typing import Any

from .brief import brief
from .comparison import agree
from .plain_data import decode
from .remotes import Remotes, Stop
from .report import Report
from .stand_ins import Remote


def run_call_tests(payload: dict[str, Any], remotes: Remotes, report: Report) -> None:
    """Call the entry point with the arguments of every case; a method of `Solution` gets a new instance each time."""
    name = payload["entry_point"]
    try:
        defined = remotes.names([name, "Solution"])
    except Stop:
        raise
    except BaseException:  # noqa: BLE001 - an exception of the program's top level is its answer
        report.fail(test=name, got=remotes.last_result)
        return
    if name not in defined and "Solution" not in defined:
        report.fail(test=name, got=f"the program defines no {name}")
        return
    for case in payload["cases"]:
        arguments, named = decode(case["args"]), decode(case["kwargs"])
        expected = [decode(value) for value in case["expected"]]
        try:
            function = defined[name] if name in defined else getattr(defined["Solution"](), name)
            right = _agree(function(*arguments, **named), expected)
        except Stop:
            raise
        except BaseException:  # noqa: BLE001 - an exception of the program is its answer
            right = False
        if right:
            report.passed += 1
        else:
            report.fail(test=name, call=remotes.last_call, expected=brief(expected[0]), got=remotes.last_result)
            if payload["fail_fast"]:
                return


def _agree(got: Any, expected: list[Any]) -> bool:
    return not isinstance(got, Remote) and any(agree(got, value) for value in expected)
