"""The parts of `reasondistill export` that no other step has: which formats to write, and sending them to the hub."""

import json
from argparse import ArgumentParser, Namespace
from pathlib import Path

from ..export.formats.names import FORMATS
from ..records import Row


def add_options(parser: ArgumentParser) -> None:
    """Add the options of `export`."""
    parser.add_argument(
        "--formats", nargs="+", choices=FORMATS, metavar="NAME", help=f"write also: {', '.join(FORMATS)}"
    )
    parser.add_argument("--push", metavar="ORG/NAME", help="send the dataset to the hub; the token comes from HF_TOKEN")
    parser.add_argument("--private", action="store_true", help="of a dataset that --push creates")


def words(given: Namespace) -> list[str]:
    """Return the recipe's words that the options stand for; a push that cannot work is refused here."""
    if getattr(given, "push", None):
        from ..export.push import check_push

        check_push(given.push)
    names = getattr(given, "formats", None)
    return [f"export.formats=[{','.join(names)}]"] if names else []


def finish(given: Namespace, dataset: Path) -> tuple[Row, list[str]]:
    """Return what the command adds to its result: the rows of each format, and where it was sent."""
    from ..store.dataset_folder import MANIFEST

    rows = json.loads((dataset / MANIFEST).read_text()).get("formats", {})
    result: Row = {"formats": rows} if rows else {}
    lines = [f"{name}: {count} rows" for name, count in rows.items()]
    if given.push:
        from ..export.push import check_push, push_dataset

        address = push_dataset(dataset, given.push, token=check_push(given.push), private=given.private)
        return {**result, "pushed": address}, [*lines, f"sent to {address}"]
    return result, lines
