"""`reasondistill run`: everything a recipe says."""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from .arguments import add_overrides, command_line
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
    from ..run.recipe_run import open_run

    recipe_run = open_run(args.recipe, args.overrides, skip_bad=args.skip_bad, command=command_line())
    if args.dry_run:
        print_result(args, *recipe_run.dry_run())
    else:
        recipe_run.run()
        print_report(args, *recipe_run.report(), recipe_run.path / "report.html")
    return 0
