"""`reasondistill scale`: how accuracy grows with thinking budgets, waits and samples."""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from .arguments import add_overrides, command_line
from .output import print_report

HELP = "sweep thinking budgets, waits and samples: how accuracy grows with tokens"


def add(parser: ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("recipe", type=Path, metavar="RECIPE.yaml", help="such as configs/scaling.yaml")
    parser.add_argument("--report-only", action="store_true", help="sample nothing; report the stored rollouts")
    add_overrides(parser)


def run(args: Namespace) -> int:
    """Sweep the grid; print the closing table, or with --json the report."""
    from ..scaling.recipe import load_scaling
    from ..scaling.sweep import Sweep

    recipe = load_scaling(args.recipe, args.overrides)
    sweep = Sweep(recipe=recipe, recipe_folder=args.recipe.parent, command=command_line())
    report, page = sweep.report_only() if args.report_only else sweep.run()
    print_report(args, report, page, recipe.folder / "report.html")
    return 0
