"""`reasondistill curate`: which rollouts of a run become examples."""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from .arguments import add_overrides
from .output import print_result

HELP = "choose the rollouts of a run that become examples, and say why the others do not"


def add(parser: ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("recipe", type=Path, metavar="RUN", help="a run folder, or its recipe")
    add_overrides(parser)


def run(args: Namespace) -> int:
    """Curate a run again, with overrides if any; judge first what has no verdict."""
    from .recipes import curated, open_pipeline

    pipeline = open_pipeline(args.recipe, args.overrides)
    with pipeline.writing():
        pipeline.verify()
        pipeline.curate()
        print_result(args, *curated(pipeline))
    return 0
