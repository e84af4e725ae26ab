"""`reasondistill compare`: the differences between systems measured on the same problems."""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from ..errors import RecipeError
from ..records import SCHEMA
from .output import print_result

HELP = "say what can be concluded about two or more systems on the same problems"


def add(parser: ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("places", nargs="+", metavar="RUN", help="run folders, RUN:WHO, or folders of `evaluate`")
    parser.add_argument("--metric", default="pass@1", help="metric of evaluations, such as maj@8; default: pass@1")
    parser.add_argument("--page", type=Path, metavar="FILE.html", help="also write a page with every rollout")
    parser.add_argument("--all-pairs", action="store_true", help="compare all with each other, not only with the first")


def run(args: Namespace) -> int:
    """Print what can be concluded about the systems."""
    from ..evaluation.comparison import compare_systems, comparison_lines, comparison_warnings
    from ..progress import say
    from ..run.systems import read_systems

    systems = read_systems(args.places, metric=args.metric)
    if len(systems) < 2:
        raise RecipeError(f"compare needs two systems or more, got {len(systems)}: name several runs or evaluations")
    warnings = list(comparison_warnings(systems))
    for line in warnings:
        say(f"warning: {line}")
    pairs = compare_systems(systems, all_pairs=args.all_pairs)
    if args.page:
        from ..report.evaluation_page import comparison_page
        from ..report.page import build_page

        build_page(comparison_page(systems, pairs, metric=args.metric, warnings=warnings), args.page)
    row = {
        "schema": SCHEMA,
        "metric": args.metric,
        "systems": [{"name": s.name, "accuracy": s.accuracy.to_row()} for s in systems],
        "warnings": warnings,
        "pairs": [pair.to_row() for pair in pairs],
    }
    print_result(args, row, comparison_lines(systems, pairs, args.metric))
    return 0
