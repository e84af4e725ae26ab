"""`reasondistill verify`: judge rollouts made anywhere."""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from .arguments import add_format, add_out, add_skip_bad
from .option_arguments import add_options, read_record
from .output import print_result

HELP = "judge the rollouts of a file or a run folder"


def add(parser: ArgumentParser) -> None:
    """Add the arguments."""
    from ..verification.judging import VerifyOptions

    parser.add_argument("rollouts", type=Path, metavar="FILE.jsonl|DIR", help="rows with `messages` or `completion`")
    parser.add_argument(
        "--problems", type=Path, metavar="FILE", help="problems whose references rows name by problem_id"
    )
    parser.add_argument("--strict", action="store_true", help="accept marked answers only")
    add_options(parser, VerifyOptions, skip=("strict",))
    add_format(parser)
    add_skip_bad(parser)
    add_out(parser)


def run(args: Namespace) -> int:
    """Write DIR/verdicts, a row for each rollout."""
    from ..evaluation.read import read_problems
    from ..progress import say
    from ..rows.completion_file import CompletionFile, ReadOptions
    from ..rows.problem_file import load_problems
    from ..verification.judging import VerifyOptions
    from ..verification.verify_file import verify_file

    problems = {p.id: p for p in load_problems(args.problems)} if args.problems else read_problems(args.rollouts)
    read = ReadOptions(format=args.format, skip_bad=args.skip_bad)
    rollouts = CompletionFile(path=args.rollouts, references=problems, options=read, warn=say)
    result = verify_file(rollouts, args.out, read_record(args, VerifyOptions, strict=args.strict))
    outcomes = ", ".join(f"{name} {n}" for name, n in result["outcomes"].items())
    lines = [f"{result['rollouts']} rollouts: {outcomes}", f"verdicts in {args.out / 'verdicts'}"]
    print_result(args, result, lines)
    return 0
