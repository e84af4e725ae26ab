"""`reasondistill export`: write the dataset of a run, in one or more formats, and send it to the hub."""

import json
from argparse import ArgumentParser, Namespace
from pathlib import Path

from ..export.formats import FORMATS
from .arguments import add_overrides, command_line
from .curate import curated
from .output import print_result

HELP = "write the dataset of a run"


def add(parser: ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("recipe", type=Path, metavar="RUN", help="a run folder, or its recipe")
    text = f"also write: {', '.join(FORMATS)}, or your own package.module:NAME"
    parser.add_argument("--formats", nargs="+", default=[], metavar="NAME", help=text)
    parser.add_argument("--push", metavar="ORG/NAME", help="send the dataset to the hub; the token comes from HF_TOKEN")
    parser.add_argument("--private", action="store_true", help="make the dataset that --push creates private")
    add_overrides(parser)


def run(args: Namespace) -> int:
    """Export a run again, with overrides if any; judge and curate first."""
    from ..export.push import check_push, push_dataset
    from ..run.recipe_run import open_run
    from ..store.dataset_folder import MANIFEST

    token = check_push(args.push) if args.push else ""  # a push that cannot work is refused before any work
    formats = [f"export.formats=[{','.join(args.formats)}]"] if args.formats else []
    recipe_run = open_run(args.recipe, [*args.overrides, *formats], command=command_line())
    recipe_run.run_steps("verify", "curate", "export")
    result, lines = curated(recipe_run.path)
    dataset = recipe_run.path / "dataset"
    if rows := json.loads((dataset / MANIFEST).read_text()).get("formats", {}):
        result["formats"] = rows
        lines += [f"{name}: {count} rows" for name, count in rows.items()]
    if args.push:
        result["pushed"] = push_dataset(dataset, args.push, token=token, private=args.private)
        lines.append(f"sent to {result['pushed']}")
    print_result(args, result, lines)
    return 0
