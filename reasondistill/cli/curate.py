"""`reasondistill curate`: which rollouts of a run become examples."""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from .arguments import add_overrides, command_line
from .output import print_result

HELP = "choose the rollouts of a run that become examples, and say why the others do not"


def add(parser: ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("recipe", type=Path, metavar="RUN", help="a run folder, or its recipe")
    add_overrides(parser)


def run(args: Namespace) -> int:
    """Curate a run again, with overrides if any; judge first what has no verdict."""
    from ..run.recipe_run import open_run
    from .recipes import curated

    recipe_run = open_run(args.recipe, args.overrides, command=command_line())
    recipe_run.run_steps("verify", "curate")
    print_result(args, *curated(recipe_run))
    return 0
