"""`reasondistill generate`: sample a model on a file of problems."""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from ..errors import RecipeError
from ..records import Estimate, Row, Sampling
from .arguments import add_out, add_skip_bad, positive
from .model_arguments import add_model, strategy_choice
from .option_arguments import add_options, read_record
from .output import print_result

HELP = "sample a teacher on a file of problems; the same command resumes"


def add(parser: ArgumentParser) -> None:
    """Add the arguments."""
    from ..generation.spending import SpendingOptions
    from ..recipe.records import GenerateOptions

    parser.add_argument("--problems", required=True, metavar="FILE.jsonl")
    parser.add_argument("--limit", type=positive, help="first problems only")
    add_skip_bad(parser)
    add_options(parser, GenerateOptions, only=("samples", "max_failed_share"))
    add_options(parser.add_argument_group("spending"), SpendingOptions)
    parser.add_argument("--no-verify", action="store_true", help="judge nothing; problems need no reference then")
    add_model(parser, decode=("sample", "budget"))
    add_out(parser)


def run(args: Namespace) -> int:
    """Sample into DIR/rollouts and judge the rollouts into DIR/verdicts."""
    from ..engines.options import EngineOptions
    from ..generation.spending import SpendingOptions
    from ..progress import say
    from ..recipe.records import GenerateOptions
    from ..run.sample_folder import SamplingRun

    options, spending = read_record(args, GenerateOptions), read_record(args, SpendingOptions)
    if spending.max_cost is not None and not (spending.prompt_price or spending.completion_price):
        raise RecipeError("--max-cost needs prices: give --prompt-price and --completion-price, for a million tokens")
    folder = SamplingRun(
        folder=args.out,
        source=args.problems,
        engine=read_record(args, EngineOptions),
        template=args.template,
        sampling=read_record(args, Sampling),
        strategy=strategy_choice(args, "cot"),
        budget=spending,
        max_failed_share=options.max_failed_share,
    )
    result = folder.sample(limit=args.limit, samples=options.samples, skip_bad=args.skip_bad, judged=not args.no_verify)
    for line in result["warnings"]:
        say(f"warning: {line}")
    print_result(args, result, [_line(result, args.out)])
    return 0


def _line(result: Row, out: Path) -> str:
    accuracy = f", {Estimate.from_row(result['accuracy'])} right" if result.get("accuracy") else ""
    stopped = f"; stopped by {result['stopped']}" if result.get("stopped") else ""
    failed = "".join(f", {n} failed ({reason})" for reason, n in result["failed"].items())
    used = f", {Estimate.from_row(result['tool_use']['executed'])} ran code" if result.get("tool_use") else ""
    return f"{result['rollouts']} of {result['wanted']} rollouts in {out / 'rollouts'}{accuracy}{used}{failed}{stopped}"
