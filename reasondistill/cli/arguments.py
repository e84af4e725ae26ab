"""Arguments that several commands share, and the types of their values."""

import argparse
import shlex
import sys
from pathlib import Path


def add_out(parser: argparse.ArgumentParser) -> None:
    """Add --out, the folder that a command writes."""
    parser.add_argument("--out", type=Path, required=True, metavar="DIR")


def add_overrides(parser: argparse.ArgumentParser, help: str = "values that win over the recipe's") -> None:
    """Add the key=value words."""
    parser.add_argument("overrides", nargs="*", default=[], metavar="key=value", help=help)


def add_skip_bad(parser: argparse.ArgumentParser) -> None:
    """Add --skip-bad."""
    parser.add_argument("--skip-bad", action="store_true", help="leave out rows that cannot be read")


def add_format(parser: argparse._ActionsContainer) -> None:
    """Add --format, the layout of somebody's rows."""
    text = "layout of the rows: auto, rollouts, evalplus, lm-eval, open-r1, ..., or your own package.module:Name"
    parser.add_argument("--format", default="auto", metavar="NAME", help=text)


def command_line() -> str:
    """Return the command as it was typed, for the manifest."""
    return shlex.join(["reasondistill", *sys.argv[1:]])


def positive(text: str) -> int:
    """Read an integer of at least 1."""
    try:
        value = int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be an integer, got {text!r}") from None
    if value < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, got {value}")
    return value
