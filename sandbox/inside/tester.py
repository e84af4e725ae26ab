"""The tester: runs the tests against stand-ins of the candidate's objects and reports to the owner.

Its own sandbox holds tests that hang or are wrong. The candidate reaches neither the report's channel nor this memory.
"""

import contextlib
import json
from typing import Any

from ..wire import Channel
from . import Channels
from .assert_tests import run_assert_tests
from .call_tests import run_call_tests
from .remotes import Remotes, Stop
from .report import Report


def main(channels: Channels, payload: bytes) -> int:
    """Run the tests and write the report to the result channel."""
    if channels.link is None or channels.result is None:
        raise ValueError("a tester needs a link and a result channel")
    report = judge(json.loads(payload), channels.link)
    channels.link.close()  # the candidate can end while this process does, instead of after it
    channels.result.write(json.dumps(report).encode("ascii"))
    return 0


def judge(payload: dict[str, Any], channel: Channel) -> dict[str, Any]:
    """Run the tests against the program at the other end of a link; return the report."""
    remotes = Remotes(
        channel,
        candidate_seconds=payload["candidate_seconds"],
        total_seconds=payload["total_seconds"],
        keep_arguments=payload["keep_arguments"],
    )
    report = Report()
    run = run_assert_tests if payload["style"] == "assert" else run_call_tests
    remotes.start_clock()
    with contextlib.suppress(Stop):  # latched in remotes
        run(payload, remotes, report)
    remotes.stop_clock()
    return report.to_row(remotes)
