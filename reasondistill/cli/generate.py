"""`reasondistill generate`: sample a model on a file of problems."""

from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import Any

from ..errors import RecipeError
from ..records import Estimate, Row, Sampling
from .arguments import above_zero, add_out, add_skip_bad, at_least_zero, positive, share
from .model_arguments import add_model, engine_options, strategy_choice
from .output import print_result

HELP = "sample a teacher on a file of problems; the same command resumes"


def add(parser: ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("--problems", required=True, metavar="FILE.jsonl")
    parser.add_argument("--limit", type=positive, help="first problems only")
    add_skip_bad(parser)
    parser.add_argument("--samples", type=positive, default=1, help="rollouts of each problem")
    parser.add_argument("--until-correct", type=positive, metavar="K", help="stop a problem at K right rollouts")
    parser.add_argument(
        "--max-tokens-total", type=positive, metavar="N", help="bound on prompt and completion tokens of the folder"
    )
    parser.add_argument("--max-cost", type=above_zero, metavar="MONEY", help="bound on the cost, by the two prices")
    parser.add_argument("--prompt-price", type=above_zero, default=0.0, help="price of a million prompt tokens")
    parser.add_argument("--completion-price", type=above_zero, default=0.0, help="price of a million completion tokens")
    parser.add_argument(
        "--max-failed-share", type=share, default=0.02, help="share of failed requests above which the status is 2"
    )
    parser.add_argument("--no-verify", action="store_true", help="judge nothing; problems need no reference then")
    add_model(parser)
    parser.add_argument("--decode", choices=("sample", "budget"), default="sample")
    parser.add_argument("--temperature", type=at_least_zero, help="default: the model's own")
    add_out(parser)


def run(args: Namespace) -> int:
    """Sample into DIR/rollouts and judge the rollouts into DIR/verdicts."""
    from ..run.sample_folder import SamplingRun

    sampling = Sampling(temperature=args.temperature, top_p=args.top_p, max_tokens=args.max_tokens, seed=args.seed)
    folder = SamplingRun(
        folder=args.out,
        source=args.problems,
        engine=engine_options(args),
        template=args.template,
        sampling=sampling,
        strategy=strategy_choice(args, args.strategy or "cot"),
        budget=_spending(args),
        max_failed_share=args.max_failed_share,
    )
    result = folder.sample(limit=args.limit, samples=args.samples, skip_bad=args.skip_bad, judged=not args.no_verify)
    print_result(args, result, [_line(result, args.out)])
    return 0


def _spending(args: Namespace) -> Any:
    from ..generation.spending import SpendingOptions

    if args.max_cost is not None and not (args.prompt_price or args.completion_price):
        raise RecipeError("--max-cost needs prices: give --prompt-price and --completion-price, for a million tokens")
    names = ("until_correct", "max_tokens_total", "max_cost", "prompt_price", "completion_price")
    return SpendingOptions(**{name: getattr(args, name) for name in names})


def _line(result: Row, out: Path) -> str:
    accuracy = f", {Estimate.from_row(result['accuracy'])} right" if result.get("accuracy") else ""
    stopped = f"; stopped by {result['stopped']}" if result.get("stopped") else ""
    failed = "".join(f", {n} failed ({reason})" for reason, n in result["failed"].items())
    used = f", {Estimate.from_row(result['tool_use']['executed'])} ran code" if result.get("tool_use") else ""
    return f"{result['rollouts']} of {result['wanted']} rollouts in {out / 'rollouts'}{accuracy}{used}{failed}{stopped}"
