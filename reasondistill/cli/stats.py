"""`reasondistill stats`: what is in a dataset, and what it shares with others."""

from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from ..records import Row
from .arguments import add_format, positive
from .output import print_result

HELP = "describe a dataset: lengths, sources, verdicts, tool use, diversity, duplicates"


def add(parser: ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("dataset", metavar="DIR|FILE", help="a dataset folder, a .parquet or .jsonl file, or a hub id")
    parser.add_argument(
        "--against", action="append", default=[], metavar="OTHER", help="dataset to look for shared questions in"
    )
    parser.add_argument("--limit", type=positive, help="first rows only")
    add_format(parser)
    parser.add_argument("--seed", type=int, default=0, help="seed of the sample for diversity")


def run(args: Namespace) -> int:
    """Print the description of a dataset."""
    from ..audit.description import Description, shared_with
    from ..rows.completion import NotUnderstood, read_completions

    description, skipped = Description(seed=args.seed), NotUnderstood()
    for row in read_completions(args.dataset, limit=args.limit, format=args.format, skipped=skipped):
        description.add(row)
    shared = {other: shared_with(_asked(args.dataset, args.limit), _questions(other)) for other in args.against}
    result = {"dataset": args.dataset, **description.to_row(), "not_understood": skipped.to_row(), "shared": shared}
    print_result(args, result, _lines(result))
    return 0


def _questions(place: str) -> Iterator[str]:
    """Yield the questions of a dataset folder, or of any source of problems."""
    from ..problems import get_problems
    from ..rows.completion import NoCompletions

    if Path(place).is_dir():
        with suppress(NoCompletions):
            yield from _asked(place)
            return
    yield from (problem.question for problem in get_problems(place, require_reference=False))


def _asked(place: str, limit: int | None = None) -> Iterator[str]:
    from ..rows.completion import NotUnderstood, read_completions

    return (row.question for row in read_completions(place, limit=limit, skipped=NotUnderstood()))


def _lines(row: Row) -> Iterator[str]:
    repeated = f"{row['duplicate_completions']:,} rows repeat another's text"
    yield f"{row['rows']:,} rows on {row['questions']:,} questions; {repeated}"
    for name, key in (
        ("rows of a question", "rows_per_question"),
        ("words of a question", "question_words"),
        ("words of a completion", "completion_words"),
        ("tokens of a completion", "completion_tokens"),
    ):
        if (spread := row[key]) is not None:
            yield (
                f"{name}: mean {spread['mean']:,}, 5 % {spread['p5']:,}, median {spread['median']:,}, "
                f"95 % {spread['p95']:,}, at most {spread['max']:,}, in all {spread['total']:,}"
            )
    if (skipped := row["not_understood"])["rows"]:
        yield f"{skipped['rows']} rows were not understood; the first is {skipped['first']}"
    rate = "" if row["pass_rate"] is None else f"; right of those judged: {100 * row['pass_rate']:.1f} %"
    judges = f" by the rows' own {', '.join(row['judged_by'])} (not judged here)" if row["judged_by"] else ""
    yield f"outcomes{judges}: {_counted(row['outcomes'])}{rate}"
    yield f"ended by: {_counted(row['finish_reasons'])}"
    tools = row["tool_use"]
    yield f"with executed code: {tools['rows']:,} rows, {tools['blocks']:,} blocks"
    more = f", and {row['other_sources']} more" if row["other_sources"] else ""
    yield f"sources: {_counted(row['sources'])}{more}"
    diversity = row["diversity"]
    words, pairs, triples = (
        "–" if (share := diversity[f"distinct_{n}"]) is None else f"{100 * share:.1f} %" for n in (1, 2, 3)
    )
    yield (
        f"diversity of {diversity['sample']:,} completions: distinct words {words}, pairs {pairs}, triples {triples}; "
        f"zlib makes them {_number(diversity['compression_ratio'])} times smaller; likeness (Jaccard of word triples) "
        f"of two questions' completions {_number(diversity['self_similarity'])}, of one question's "
        f"{_number(diversity['self_similarity_of_a_question'])}"
    )
    for other, shared in row["shared"].items():
        reasons = f" ({_counted(shared['reasons'])})" if shared["reasons"] else ""
        yield f"shared with {other}: {shared['shared']:,} of {shared['questions']:,} questions{reasons}"


def _counted(counts: Row) -> str:
    return ", ".join(f"{name} {n:,}" for name, n in counts.items())


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"
