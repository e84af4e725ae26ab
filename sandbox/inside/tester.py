"""The tester: runs the tests against stand-ins of the candidate's objects and reports to the owner.

Its own sandbox holds tests that hang or are wrong. The candidate reaches neither the report's channel nor this memory.
"""

import contextlib
import json
from collections.abc import Callable
from typing import Any

from ..wire import Channel
from . import Channels
from .assert_tests import run_assert_tests
from .brief import text_of
from .call_tests import run_call_tests
from .remotes import Remotes, Stop
from .report import Report


def main(channels: Channels, payload: bytes) -> int:
    """Run the tests and write the report to the result channel."""
    if channels.link is None or channels.result is None:
        raise ValueError("a tester needs a link and a result channel")
    result = channels.result
    # A blank ahead of the report says, should the tests never end, that they have called the program.
    report = judge(json.loads(payload), channels.link, note=lambda: result.write(b" "))
    channels.link.close()  # the candidate can end while this process does, instead of after it
    result.write(json.dumps(report).encode("ascii"))
    return 0


def judge(payload: dict[str, Any], channel: Channel, note: Callable[[], None] | None = None) -> dict[str, Any]:
    """Run the tests against the program at the other end of a link; return the report."""
    remotes = Remotes(
        channel,
        candidate_seconds=payload["candidate_seconds"],
        total_seconds=payload["total_seconds"],
        keep_arguments=payload["keep_arguments"],
        note=note,
    )
    report = Report()
    run = run_assert_tests if payload["style"] == "assert" else run_call_tests
    remotes.start_clock()
    with contextlib.suppress(Stop):  # latched in remotes; the clock may raise it again at any time
        try:
            run(payload, remotes, report)
        except Exception as error:
            if not remotes.calls:
                raise
            report.fail(test="the tests", call=remotes.last_call, error=f"{type(error).__name__}: {text_of(error)}")
    with contextlib.suppress(Stop):
        remotes.stop_clock()
    remotes.stop_clock()
    row = report.to_row(remotes)
    # Each case of the tests that are data has arguments of its own.
    return {**row, "changed_arguments": row["changed_arguments"] and payload["style"] == "assert"}
