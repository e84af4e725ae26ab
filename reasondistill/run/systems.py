"""The systems that run folders and evaluation folders hold: what `compare` compares."""

from collections.abc import Sequence
from pathlib import Path

from ..errors import DataError, RecipeError
from ..evaluation.comparison import System
from ..evaluation.read import read_groups, read_problems
from ..evaluation.scorecard import problem_values
from ..report.run_results import RunResults, is_run
from ..rows.problem_file import load_problems
from ..rows.run_problems import problem_file

STUDENT = "student"
"""Name that stands for a run's first student when runs are compared."""


def read_systems(places: Sequence[str], *, metric: str = "pass@1") -> list[System]:
    """Return the systems of folders: an evaluation is one; a run is its student, or alone all that it measured.

    `RUN:WHO` names one of a run, such as `runs/quickstart:before`.
    """
    alone = len(places) == 1
    found = [system for place in places for system in _systems_of(place, metric, alone=alone)]
    names = [system.name for system in found]
    for name in names:
        if names.count(name) > 1:
            raise RecipeError(f"compare: {name} is named twice; a system does not differ from itself")
    return found


def _systems_of(place: str, metric: str, *, alone: bool) -> list[System]:
    folder, _, who = place.rpartition(":")
    if Path(place).is_dir() or not (folder and Path(folder).is_dir()):
        folder, who = place, ""
    path = Path(folder)
    if is_run(path):
        if metric != "pass@1":
            raise RecipeError(f"--metric {metric}: a run ({path}) is compared by pass@1; name its evaluations' folders")
        return _run_systems(path, who or (None if alone else STUDENT))
    if who or not (path / "rollouts").is_dir():
        raise DataError(f"{place}: neither a run nor an evaluation's folder (it has neither steps/ nor rollouts/)")
    problems = read_problems(path)
    groups = read_groups(path, problems)
    scores = problem_values(groups, metric)
    if not scores:
        raise DataError(f"{place}: no problem has {metric}; name another --metric, or score the folder first")
    rollouts = [r for group in groups.values() for r in group.rollouts]
    return [
        System(
            name=place.rstrip("/"),
            scores=scores,
            contents={p: problems[p].content_hash for p in scores},
            truncated=sum(r.truncated for r in rollouts),
            rollouts=len(rollouts),
        )
    ]


def _run_systems(path: Path, who: str | None) -> list[System]:
    """Return what a run measured, every held-out set of it together."""
    run = RunResults(path)
    contents = {
        f"{name}/{p.id}": p.content_hash
        for name in run.held_out
        if (file := path / problem_file(name)).exists()
        for p in load_problems(file)
    }
    measured = run.pooled()
    if who == STUDENT and who not in measured and (students := run.students()):
        who = students[0].name
    if who is not None and who not in measured:
        raise DataError(f"{path}: has no evaluation of {who!r}; it has {', '.join(measured) or 'none'}")
    return [
        System(
            name=f"{path}:{name}",
            scores={f"{held_out}/{p}": score for held_out, r in results.items() for p, score in r.scores.items()},
            contents=contents,
            truncated=sum(r.truncated for r in results.values()),
            rollouts=sum(r.rollouts for r in results.values()),
        )
        # The others are compared with the untrained student, which comes first.
        for name, results in sorted(measured.items(), key=lambda item: item[0] != "before")
        if who in (None, name)
    ]
