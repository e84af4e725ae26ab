"""`reasondistill models`: list the catalogue, fetch a model, or print its path."""

from argparse import ArgumentParser, Namespace
from dataclasses import asdict

from ..errors import RecipeError
from .output import print_result

HELP = "list, fetch and find the models of the catalogue"


def add(parser: ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("action", choices=("list", "fetch", "path"))
    parser.add_argument("name", nargs="?", help="a model reference, for fetch and path")


def run(args: Namespace) -> int:
    """List, or fetch if asked and print the path."""
    from ..models.fetch import fetch_progress
    from ..models.resolve import list_models, resolve, weights_directory

    if args.action == "list":
        rows = [{**asdict(m), "path": str(m.path) if m.path else None} for m in list_models()]
        lines = [
            f"{m['name']:32} {m['size'] / 2**20:7.0f} MB  {m['licence']:12} {m['path'] or 'not fetched'}" for m in rows
        ]
        print_result(args, {"models": rows}, lines)
        return 0
    if not args.name:
        raise RecipeError(f"models {args.action}: name a model, for instance smollm2-135m-instruct")
    if args.action == "fetch":
        with fetch_progress() as progress:
            weights_directory(args.name, progress=progress)
    files = resolve(args.name, fetch_missing=False)
    if files.path is None:
        raise RecipeError(f"{args.name}: not in the cache; run `reasondistill models fetch {args.name}`")
    print_result(args, {"name": files.name, "path": str(files.path)}, [str(files.path)])
    return 0
