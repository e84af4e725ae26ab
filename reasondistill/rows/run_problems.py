"""The sets of problems of a run: their files, and how its steps read them."""

from collections.abc import Mapping

from ..records import Problem
from ..store.run_context import RunContext
from .problem_file import load_problems

TRAIN = "train"
"""Name of the set that the teacher is sampled on; the others are held out."""


def problem_file(name: str) -> str:
    """Return the path of a set of problems within the run folder.

    >>> problem_file("seen")
    'problems/seen.jsonl'
    """
    return f"problems/{name}.jsonl"


def stored_problems(run: RunContext, name: str) -> list[Problem]:
    """Return a set of problems: as this invocation has read it in a dry run, else from the run folder."""
    shared: Mapping[str, list[Problem]] = run.shared.get("problems", {})
    return list(shared[name]) if name in shared else load_problems(run.path / problem_file(name))
