"""`reasondistill run`: everything a recipe says."""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from .arguments import add_overrides
from .output import print_report, print_result

HELP = "do everything a recipe says, from problems to the report"


def add(parser: ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("recipe", type=Path, metavar="RECIPE.yaml")
    add_overrides(parser)
    parser.add_argument("--skip-bad", action="store_true", help="leave out problems that cannot be read, in every set")
    parser.add_argument(
        "--dry-run", action="store_true", help="print the work of each step, stored results and tokens; do nothing"
    )


def run(args: Namespace) -> int:
    """Run a recipe and print the closing table, or with --json the report."""
    from .recipes import open_pipeline

    pipeline = open_pipeline(args.recipe, args.overrides, skip_bad=args.skip_bad)
    if args.dry_run:
        from ..run.dry_run import dry_run

        print_result(args, *dry_run(pipeline.plan))
    else:
        print_report(args, *pipeline.run(), pipeline.folder.path / "report.html")
    return 0
