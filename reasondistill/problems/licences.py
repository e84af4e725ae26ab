"""The licence of a source of problems: what the recipe says, what the table of benchmarks says, or our own."""

from pathlib import Path

from .benchmarks.benchmark import benchmark_names, find_benchmark
from .source import ProblemSource

OWN = "Apache-2.0"
"""Licence of what this package's templates and reasoning-gym's generators make."""


def licence_of_source(source: ProblemSource) -> str:
    """Return the licence, or an empty text if it is unknown.

    >>> licence_of_source(ProblemSource(source="data/aime24.jsonl.gz"))
    'problem texts (c) MAA'
    >>> licence_of_source(ProblemSource(source="mine.jsonl")), licence_of_source(ProblemSource(source="procedural"))
    ('', 'Apache-2.0')
    """
    if source.licence:
        return source.licence
    if source.source == "procedural" or source.source.startswith("gym:"):
        return OWN
    place = source.source.removeprefix("hub:").partition(":")[0].casefold()
    for benchmark in filter(None, map(find_benchmark, benchmark_names())):
        hub = (benchmark.hub or "").partition(":")[0].casefold()
        if (benchmark.file and Path(source.source).name == benchmark.file) or (hub and place == hub):
            return benchmark.licence
    return ""
