"""Arguments of the commands that ask a model: engine, strategy, decoding, prompt and sampling."""

from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from typing import Any

from ..errors import RecipeError
from ..generation.decoding.forcing_options import ForcingOptions
from ..generation.load_strategy import StrategyChoice
from ..generation.strategies import STRATEGIES
from ..records import Sampling
from ..store.options import Choice, dump_options, load_member_options
from .option_arguments import add_options, read_record, typed_options


def add_model(parser: ArgumentParser, *, decode: Sequence[str], required: bool = True) -> None:
    """Add the model, its engine, the strategy, the prompt and the sampling; the first of `decode` is the default."""
    from ..engines.options import EngineOptions

    group = parser.add_argument_group("model", "The API key of a server comes from OPENAI_API_KEY.")
    add_options(group, EngineOptions, required=("model",) if required else ())
    group = parser.add_argument_group("prompt and sampling")
    text = (
        f"{', '.join(STRATEGIES)} or your own package.module:Name, and its options, such as tir executions=4; tir runs "
        "the code that the model writes (default: cot, or the benchmark's)"
    )
    group.add_argument("--strategy", nargs="+", metavar=("NAME", "key=value"), help=text)
    add_options(group, StrategyChoice, only=("thinking",))
    group.add_argument("--template", help="prompt template: a built-in name or a YAML file (default: the strategy's)")
    text = f"greedy: temperature 0; sample: by --temperature; budget: forced thinking (default: {decode[0]})"
    group.add_argument("--decode", choices=decode, default=decode[0], help=text)
    add_options(group, Sampling)
    group = parser.add_argument_group("--decode budget")
    add_options(group, ForcingOptions, only=("thinking_budget", "waits"))
    text = "such as format=think wait=Hmm final=Answer:"
    group.add_argument("--forcing", nargs="+", default=[], metavar="key=value", help=text)


def strategy_choice(args: Namespace, default: str) -> StrategyChoice:
    """Return the strategy with its options, and the decoding. RecipeError for a mistaken or ignored option."""
    from ..recipe.read import read_words

    name, *words = args.strategy or [default]
    record = load_member_options(name, STRATEGIES, "--strategy")[1]
    options: Any = read_words(record, words, name, "executions=4")
    strategy = Choice(name=name, options=dump_options(options))
    return read_record(args, StrategyChoice, strategy=strategy, decoding=_decoding(args))


def _decoding(args: Namespace) -> Choice:
    """Return the decoding rule. RecipeError for options of budget forcing that another rule would ignore."""
    from ..recipe.read import read_words

    words = [*args.forcing, *(f"{key}={value}" for key, value in typed_options(args, ForcingOptions).items())]
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
            f"--thinking-budget {options.thinking_budget} leaves no token of --max-tokens {max_tokens} for the answer: "
            "raise --max-tokens"
        )
    return Choice(name="budget", options=dump_options(options))
