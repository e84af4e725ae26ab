"""Arguments of the commands that ask a model: the engine, the prompt, the strategy and the decoding."""

import argparse
from dataclasses import fields
from typing import Any

from ..engines import ENGINES, EngineOptions
from ..errors import RecipeError
from ..generation.effort import EFFORTS
from ..generation.load_strategy import StrategyChoice, strategy_class
from ..generation.strategies import STRATEGIES
from ..store.options import Choice, dump_options
from .arguments import above_zero, positive, share


def add_model(parser: argparse.ArgumentParser, *, required: bool = True) -> None:
    """Add the model, its engine, the strategy and the sampling."""
    parser.add_argument(
        "--model", required=required, help="catalogue name, hub id, directory, .gguf file, or a server's name"
    )
    parser.add_argument("--model-id", help="name to record instead; tells models of one name apart")
    parser.add_argument("--engine", default="auto", choices=ENGINES, help="default: auto, the fastest one here")
    parser.add_argument(
        "--base-url",
        action="append",
        help="address of an OpenAI-compatible server; may be repeated; the key comes from OPENAI_API_KEY",
    )
    parser.add_argument("--dtype", default="auto", choices=("auto", "float32", "bfloat16"))
    parser.add_argument("--concurrency", type=positive, default=64, help="requests in flight at once")
    parser.add_argument("--request-timeout", type=above_zero, default=600.0, metavar="SECONDS")
    parser.add_argument(
        "--retry-seconds",
        type=above_zero,
        metavar="SECONDS",
        help="give up a failing request or a dead server after this; default: 1800, and 300 or 12 for the server",
    )
    parser.add_argument("--requests-per-minute", type=above_zero, metavar="N", help="a server's bound, if it has one")
    parser.add_argument("--tokens-per-minute", type=above_zero, metavar="N", help="prompt and completion together")
    parser.add_argument(
        "--stream", default="auto", choices=("auto", "always", "never"), help="default: auto, caps from 2000 tokens"
    )
    parser.add_argument(
        "--continuation",
        default="auto",
        choices=("auto", "prefix", "turns"),
        help="how a server continues an answer; turns for one that starts anew after a last assistant message",
    )
    parser.add_argument("--max-context", type=positive, default=4096, help="tokens of prompt and completion together")
    parser.add_argument("--replay", metavar="DIR", help="recorded rollouts, for the replay engine")
    members = ", ".join(STRATEGIES)
    parser.add_argument("--strategy", help=f"{members} (runs the model's code) or your own package.module:Name")
    parser.add_argument("--thinking", default="default", choices=EFFORTS, help="effort asked of the model")
    parser.add_argument(
        "--tir",
        "--strategy-options",
        dest="strategy_options",
        nargs="+",
        default=[],
        metavar="key=value",
        help="options of the strategy, such as executions=4 syntax=fenced",
    )
    _add_forcing(parser)
    parser.add_argument("--template", help="prompt template: a built-in name or a YAML file; default: the strategy's")
    parser.add_argument("--max-tokens", type=positive, default=1024, help="cap of one completion")
    parser.add_argument("--top-p", type=share)
    parser.add_argument("--seed", type=int, default=0)


def _add_forcing(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("budget forcing (--decode budget)")
    group.add_argument("--thinking-budget", type=int, metavar="B", help="tokens of thinking at which it is closed")
    group.add_argument("--waits", type=int, metavar="N", help="most ends of thinking that `Wait` replaces")
    group.add_argument(
        "--forcing", nargs="+", default=[], metavar="key=value", help="such as format=think wait=Hmm final=Answer:"
    )


def engine_options(args: argparse.Namespace) -> EngineOptions:
    """Return the engine's options."""
    return EngineOptions(**{f.name: getattr(args, f.name) for f in fields(EngineOptions) if hasattr(args, f.name)})


def strategy_choice(args: argparse.Namespace, name: str) -> StrategyChoice:
    """Return how the model is asked, with the strategy `name`. RecipeError for options that it would ignore."""
    from ..recipe.read import read_words

    options: Any = read_words(strategy_class(name).Options, args.strategy_options, name, "executions=4")
    return StrategyChoice(
        strategy=Choice(name=name, options=dump_options(options)), decoding=_decoding(args), thinking=args.thinking
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
    if options.thinking_budget is not None and options.thinking_budget >= args.max_tokens:
        raise RecipeError(
            f"--thinking-budget {options.thinking_budget} leaves no token of --max-tokens {args.max_tokens} for the "
            "answer: raise --max-tokens"
        )
    return Choice(name="budget", options=dump_options(options))
