"""Budget forcing on the command line: the options of `evaluate` and `generate`, and what they mean together."""

import argparse
from typing import Any

from ..errors import RecipeError


def add_forcing(parser: argparse.ArgumentParser) -> None:
    """Add the options of budget forcing."""
    group = parser.add_argument_group("budget forcing (--decode budget, --strategy budget)")
    group.add_argument("--thinking-budget", type=int, metavar="B", help="tokens of thinking at which it is closed")
    group.add_argument("--waits", type=int, metavar="N", help="ends of thinking taken back for `Wait`, at most")
    group.add_argument(
        "--forcing", nargs="+", default=[], metavar="key=value", help="such as format=think wait=Hmm final=Answer:"
    )


def forcing(given: argparse.Namespace, strategy: str) -> Any:
    """Return the ForcingOptions. RecipeError for options that another strategy would ignore."""
    from ..recipe.read import parse_forcing

    words = [f"{key}={getattr(given, key)}" for key in ("thinking_budget", "waits") if getattr(given, key) is not None]
    if (words or given.forcing) and strategy != "budget":
        raise RecipeError(
            f"--thinking-budget, --waits and --forcing belong to --decode budget (or --strategy budget), got {strategy}"
        )
    options = parse_forcing([*given.forcing, *words])
    if options.thinking_budget is not None and options.thinking_budget >= given.max_tokens:
        raise RecipeError(
            f"--thinking-budget {options.thinking_budget} leaves no token of --max-tokens {given.max_tokens} for the "
            "answer: raise --max-tokens"
        )
    return options
