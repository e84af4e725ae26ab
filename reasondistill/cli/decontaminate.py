"""`reasondistill decontaminate`: a dataset against benchmarks, without a run folder and without torch."""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from .arguments import add_skip_bad
from .option_arguments import add_options, read_record
from .output import print_result

HELP = "say which questions of a dataset repeat a benchmark's problem"


def add(parser: ArgumentParser) -> None:
    """Add the arguments."""
    from ..curation.lookup.held_out import DecontaminationOptions

    parser.add_argument("dataset", type=Path, metavar="FILE|DIR", help="rows with a question, or a dataset folder")
    parser.add_argument(
        "--against", action="append", required=True, metavar="FILE", help="a benchmark; may be repeated"
    )
    add_options(parser, DecontaminationOptions)
    add_skip_bad(parser)
    parser.add_argument("--report", type=Path, metavar="FILE.md", help="every match, both texts side by side")
    parser.add_argument("--out", type=Path, metavar="FILE.jsonl", help="the problems that repeat none")


def run(args: Namespace) -> int:
    """Compare a dataset with benchmarks; status 0 whatever the result."""
    from ..curation.contamination import decontaminate_file
    from ..curation.lookup.held_out import DecontaminationOptions
    from ..store import write_atomic

    options = read_record(args, DecontaminationOptions)
    report = decontaminate_file(args.dataset, args.against, options, skip_bad=args.skip_bad, out=args.out)
    if args.report:
        args.report.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(args.report, report.markdown())
    print_result(args, report.to_row(), report.lines())
    return 0
