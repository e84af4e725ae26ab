"""What a command prints: its result as one JSON object with --json, and as lines without."""

import json
from argparse import Namespace
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ..records import Row


def print_result(args: Namespace, result: Row, lines: Iterable[str]) -> None:
    """Print the result as one JSON object if --json asks for it, and the lines otherwise."""
    print(json.dumps(result) if args.json else "\n".join(lines))


def print_report(args: Namespace, report: Row, page: Any, path: Path) -> None:
    """Print a report as JSON, or the closing table of its page, which is at `path`."""
    if args.json:
        print(json.dumps(report))
        return
    from rich.console import Console

    from ..report.terminal import print_summary

    print_summary(page, Console(), page=path)
