"""The command `stats`: says what is in a dataset, and what it shares with others."""

import json
from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path

from ..audit.description import Description, shared_with
from ..problems import get_problems
from ..records import Row
from ..rows.datasets import read_foreign


def stats(given: Namespace) -> int:
    """Print what is in a dataset."""
    description = Description(seed=given.seed)
    for one in read_foreign(given.dataset, limit=given.limit):
        description.add(one)
    shared = {
        other: shared_with((one.question for one in read_foreign(given.dataset, limit=given.limit)), _questions(other))
        for other in given.against or ()
    }
    row = {"dataset": given.dataset, **description.to_row(), "shared": shared}
    print(json.dumps(row) if given.json else "\n".join(_lines(row)))
    return 0


def _questions(place: str) -> Iterator[str]:
    """Yield the questions of a dataset folder, or of any source of problems."""
    if Path(place).is_dir():
        yield from (one.question for one in read_foreign(place))
    else:
        yield from (problem.question for problem in get_problems(place, require_reference=False))


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
    rate = "" if row["pass_rate"] is None else f"; right of those judged: {100 * row['pass_rate']:.1f} %"
    yield f"outcomes: {_counted(row['outcomes'])}{rate}"
    yield f"ended by: {_counted(row['finish_reasons'])}"
    tools = row["tool_use"]
    yield f"with executed code: {tools['rows']:,} rows, {tools['blocks']:,} blocks"
    more = f", and {row['other_sources']} more" if row["other_sources"] else ""
    yield f"sources: {_counted(row['sources'])}{more}"
    found = row["diversity"]
    yield (
        f"diversity of {found['sample']:,} completions: distinct words {_share(found['distinct_1'])}, pairs "
        f"{_share(found['distinct_2'])}, triples {_share(found['distinct_3'])}; zlib makes them "
        f"{_number(found['compression_ratio'])} times smaller; likeness (Jaccard of word triples) of two questions' "
        f"completions {_number(found['self_similarity'])}, of one question's "
        f"{_number(found['self_similarity_of_a_question'])}"
    )
    for other, shared in row["shared"].items():
        reasons = f" ({_counted(shared['reasons'])})" if shared["reasons"] else ""
        yield f"shared with {other}: {shared['shared']:,} of {shared['questions']:,} questions{reasons}"


def _counted(counts: Row) -> str:
    return ", ".join(f"{name} {n:,}" for name, n in counts.items())


def _share(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.1f} %"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"
