"""`reasondistill problems`: write a problem file from any source."""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from ..errors import StoreError
from .arguments import add_skip_bad, positive
from .output import print_result

HELP = "write a problem file from any source"


def add(parser: ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("source", help="procedural, gym:NAME, a .jsonl/.parquet file, or a dataset's hub id")
    parser.add_argument("--count", type=positive, help="number of problems; default: all")
    parser.add_argument(
        "--split", help="split of procedural (train, seen, unseen); for other sources the name to record"
    )
    parser.add_argument("--seed", type=int, default=0)
    add_skip_bad(parser)
    parser.add_argument("--out", type=Path, required=True, metavar="FILE.jsonl")


def run(args: Namespace) -> int:
    """Write the problem file."""
    from ..problems import get_problems, write_problems

    if args.out.exists() and not args.out.is_file():
        # Writing would replace it, even a device: nobody means that.
        raise StoreError(f"{args.out}: is no regular file; name a file to write")
    problems = get_problems(
        args.source, count=args.count, seed=args.seed, split=args.split, skip_bad=args.skip_bad, require_reference=False
    )
    write_problems(args.out, problems)
    result = {"problems": len(problems), "out": str(args.out)}
    print_result(args, result, [f"{len(problems)} problems in {args.out}"])
    return 0
