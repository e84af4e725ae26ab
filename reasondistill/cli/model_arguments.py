"""Arguments of the commands that ask a model: the engine, the prompt, the strategy and the decoding."""

import argparse
from typing import Any

from ..errors import RecipeError
from ..generation.load_strategy import StrategyChoice, strategy_class
from ..generation.strategies import STRATEGIES
from ..records import Sampling
from ..store.options import Choice, dump_options
from .option_arguments import add_options, read_record


def add_model(parser: argparse.ArgumentParser, *, required: bool = True) -> None:
    """Add the model, its engine, the strategy, the prompt and the sampling."""
    from ..engines.options import EngineOptions
    from ..recipe.records import GenerateOptions

    group = parser.add_argument_group("model", "The API key of a server comes from OPENAI_API_KEY.")
    add_options(group, EngineOptions, required=("model",) if required else ())
    group = parser.add_argument_group("prompt and sampling")
    members = ", ".join(STRATEGIES)
    group.add_argument(
        "--strategy",
        help=f"{members} or your own package.module:Name; tir runs the model's code (default: cot, or the benchmark's)",
    )
    group.add_argument(
        "--tir",
        "--strategy-options",
        dest="strategy_options",
        nargs="+",
        default=[],
        metavar="key=value",
        help="options of the strategy, such as executions=4 syntax=fenced",
    )
    group.add_argument("--template", help="prompt template: a built-in name or a YAML file (default: the strategy's)")
    add_options(group, GenerateOptions, only=("thinking",))
    add_options(group, Sampling)
    _add_forcing(parser)


def _add_forcing(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("budget forcing (--decode budget)")
    group.add_argument("--thinking-budget", type=int, metavar="B", help="tokens of thinking at which it is closed")
    group.add_argument("--waits", type=int, metavar="N", help="most ends of thinking that `Wait` replaces")
    group.add_argument(
        "--forcing", nargs="+", default=[], metavar="key=value", help="such as format=think wait=Hmm final=Answer:"
    )


def strategy_choice(args: argparse.Namespace, name: str) -> StrategyChoice:
    """Return how the model is asked, with the strategy `name`. RecipeError for options that it would ignore."""
    from ..recipe.read import read_words
    from ..recipe.records import GenerateOptions

    options: Any = read_words(strategy_class(name).Options, args.strategy_options, name, "executions=4")
    return StrategyChoice(
        strategy=Choice(name=name, options=dump_options(options)),
        decoding=_decoding(args),
        thinking=read_record(args, GenerateOptions).thinking,
    )


def _decoding(args: argparse.Namespace) -> Choice:
    """Return the decoding rule. RecipeError for options that a rule other than budget would ignore."""
    from ..generation.decoding.forcing_options import ForcingOptions
    from ..recipe.read import read_words

    words = [f"{key}={getattr(args, key)}" for key in ("thinking_budget", "waits") if getattr(args, key) is not None]
    words = [*args.forcing, *words]
    if args.decode != "budget":
        if words:
            raise RecipeError(
                f"--thinking-budget, --waits and --forcing belong to --decode budget, got --decode {args.decode}"
            )
        return Choice(name="plain")
    options = read_words(ForcingOptions, words, "forcing", "waits=2")
    max_tokens = read_record(args, Sampling).max_tokens
    if options.thinking_budget is not None and options.thinking_budget >= max_tokens:
        raise RecipeError(
            f"--thinking-budget {options.thinking_budget} leaves no token of --max-tokens {max_tokens} for the "
            "answer: raise --max-tokens"
        )
    return Choice(name="budget", options=dump_options(options))
