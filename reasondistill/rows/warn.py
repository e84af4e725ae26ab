"""Where a warning goes when the caller names no other place."""

import sys


def to_stderr(line: str) -> None:
    """Print one warning line to standard error."""
    print(f"warning: {line}", file=sys.stderr)
