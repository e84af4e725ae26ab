"""`reasondistill curate`: which rollouts of a run become examples."""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from ..records import Row
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

    recipe_run = open_run(args.recipe, args.overrides, command=command_line())
    recipe_run.run_steps("verify", "curate")
    print_result(args, *curated(recipe_run.path))
    return 0


def curated(folder: Path) -> tuple[Row, list[str]]:
    """Return the counts of a curated run, as a row and as lines."""
    from ..report.assemble import count_rows
    from ..report.run_results import RunResults

    counts = count_rows(RunResults(folder))
    dropped = [
        f"dropped {n}: {step}, {reason}" for step, reasons in counts["drops"].items() for reason, n in reasons.items()
    ]
    kept = f"{counts['examples']} of {counts['rollouts']} rollouts of {folder} become examples"
    return {"folder": str(folder), "counts": counts}, [*dropped, kept]
