"""Arguments of the commands that ask a model: the engine, the prompt, the strategy and the decoding."""

import argparse
from typing import Any

from ..errors import RecipeError
from ..generation.strategies.registry import STRATEGIES
from ..records import Sampling
from .option_arguments import add_options, read_record


def add_model(parser: argparse.ArgumentParser, *, required: bool = True) -> None:
    """Add the model, its engine, the strategy, the prompt and the sampling."""
    from ..engines.options import EngineOptions
    from ..recipe.records import GenerateOptions

    group = parser.add_argument_group("model", "The API key of a server comes from OPENAI_API_KEY.")
    add_options(group, EngineOptions, required=("model",) if required else ())
    group = parser.add_argument_group("prompt and sampling")
    group.add_argument(
        "--strategy",
        choices=STRATEGIES,
        help="tir runs the code that the model writes (default: cot, or the benchmark's)",
    )
    group.add_argument("--tir", nargs="+", default=[], metavar="key=value", help="such as executions=4 syntax=fenced")
    group.add_argument("--template", help="prompt template: a built-in name or a YAML file (default: the strategy's)")
    add_options(group, GenerateOptions, only=("thinking",))
    add_options(group, Sampling)
    _add_forcing(parser)


def _add_forcing(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("budget forcing (--decode budget, --strategy budget)")
    group.add_argument("--thinking-budget", type=int, metavar="B", help="tokens of thinking at which it is closed")
    group.add_argument("--waits", type=int, metavar="N", help="most ends of thinking that `Wait` replaces")
    group.add_argument(
        "--forcing", nargs="+", default=[], metavar="key=value", help="such as format=think wait=Hmm final=Answer:"
    )


def strategy_options(args: argparse.Namespace, name: str) -> Any:
    """Return the options of the strategy `name`. RecipeError for options that it would ignore."""
    from ..generation.strategies.registry import StrategyOptions
    from ..generation.strategies.tir.options import TirOptions
    from ..recipe.read import read_words
    from ..recipe.records import GenerateOptions

    tir = read_words(TirOptions, args.tir, "tir", "executions=4")
    return StrategyOptions(
        name=name, thinking=read_record(args, GenerateOptions).thinking, tir=tir, forcing=_forcing(args, name)
    )


def _forcing(args: argparse.Namespace, strategy: str) -> Any:
    """Return the ForcingOptions. RecipeError for options that another strategy would ignore."""
    from ..generation.decoding.forcing_options import ForcingOptions
    from ..recipe.read import read_words

    words = [f"{key}={getattr(args, key)}" for key in ("thinking_budget", "waits") if getattr(args, key) is not None]
    if (words or args.forcing) and strategy != "budget":
        raise RecipeError(
            f"--thinking-budget, --waits and --forcing belong to --decode budget (or --strategy budget), got {strategy}"
        )
    options = read_words(ForcingOptions, [*args.forcing, *words], "forcing", "waits=2")
    max_tokens = read_record(args, Sampling).max_tokens
    if options.thinking_budget is not None and options.thinking_budget >= max_tokens:
        raise RecipeError(
            f"--thinking-budget {options.thinking_budget} leaves no token of --max-tokens {max_tokens} for the "
            "answer: raise --max-tokens"
        )
    return options
