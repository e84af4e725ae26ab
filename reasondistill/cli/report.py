"""`reasondistill report`: write report.json and report.html."""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from .arguments import add_overrides, command_line
from .output import print_report

HELP = "write report.json and report.html of a run"


def add(parser: ArgumentParser) -> None:
    """Add the arguments."""
    text = "a run folder, its recipe, or a folder of `reasondistill evaluate`"
    parser.add_argument("recipe", type=Path, metavar="RUN", help=text)
    add_overrides(parser)


def run(args: Namespace) -> int:
    """Report a run, or write the page of an evaluation."""
    from ..report.evaluation_page import evaluation_page, is_evaluation
    from ..report.page import build_page
    from ..run.recipe_run import open_run
    from ..store import RunFolder

    if is_evaluation(args.recipe):
        page, path = evaluation_page(args.recipe), args.recipe / "report.html"
        build_page(page, path)
        print_report(args, RunFolder(args.recipe).read_json("report.json"), page, path)
        return 0
    recipe_run = open_run(args.recipe, args.overrides, command=command_line())
    recipe_run.write_report()
    print_report(args, *recipe_run.report(), recipe_run.path / "report.html")
    return 0
