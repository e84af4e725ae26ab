"""`compare`: from folders of runs and evaluations to systems, and the table of their paired differences."""

import json
from argparse import Namespace
from collections.abc import Iterator, Sequence
from pathlib import Path

from ..errors import DataError, RecipeError
from ..evaluation.comparison import Pair, System, compare_systems, shared_problems
from ..evaluation.read import read_groups, read_problems
from ..evaluation.results import SetResult, pool
from ..evaluation.scorecard import problem_values
from ..progress import say

STUDENT = "student"
"""What a run stands for where it is compared with others."""


def compare(given: Namespace) -> int:
    """Print what can be concluded about the systems that the arguments name."""
    systems = read_systems(given.places, metric=given.metric)
    if len(systems) < 2:
        raise RecipeError(f"compare needs two systems or more, got {len(systems)}: name several runs or evaluations")
    for line in _left_out(systems):
        say(f"warning: {line}")
    pairs = compare_systems(systems, all_pairs=given.all_pairs)
    row = {
        "schema": 1,
        "metric": given.metric,
        "systems": [{"name": s.name, "accuracy": s.accuracy.to_row()} for s in systems],
        "pairs": [pair.to_row() for pair in pairs],
    }
    if given.page:
        from ..report.evaluation_page import comparison_page
        from ..report.page import build_page

        build_page(comparison_page(systems, pairs, metric=given.metric), given.page)
    print(json.dumps(row) if given.json else "\n".join(table(systems, pairs, given.metric)))
    return 0


def write_evaluation_page(given: Namespace) -> int:
    """Write report.html into an evaluation's folder and print what it shows."""
    from rich.console import Console

    from ..report.evaluation_page import evaluation_page
    from ..report.page import build_page
    from ..report.terminal import print_summary

    page, path = evaluation_page(given.recipe), given.recipe / "report.html"
    build_page(page, path)
    if given.json:
        print((given.recipe / "report.json").read_text(encoding="utf-8"), end="")
    else:
        print_summary(page, Console(), page=path)
    return 0


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


def table(systems: Sequence[System], pairs: Sequence[Pair], metric: str) -> Iterator[str]:
    """Yield the lines of the comparison: each system, each pair, and the words."""
    width = max(len(name) for name in ["system", *(s.name for s in systems)])
    yield f"{'system':{width}}  {metric}"
    for system in systems:
        yield f"{system.name:{width}}  {system.accuracy}"
    yield ""
    wide = max(len(text) for text in ["pair", *(f"{p.b} - {p.a}" for p in pairs)])
    heads = f"{'points':>7}  {'95 % interval':>16}  {'n':>5}  {'won':>4}  {'lost':>4}  {'p':>8}  {'Holm':>8}"
    yield f"{'pair':{wide}}  {heads}"
    for pair in pairs:
        interval = f"[{100 * pair.low:+.1f}, {100 * pair.high:+.1f}]"
        yield (
            f"{f'{pair.b} - {pair.a}':{wide}}  {100 * pair.difference:>+7.1f}  {interval:>16}  {pair.n:>5}  "
            f"{pair.won:>4}  {pair.lost:>4}  {pair.p_value:>8.2g}  {pair.p_holm:>8.2g}"
        )
    yield ""
    yield from (str(pair.to_row()["words"]) for pair in pairs)


def _systems_of(place: str, metric: str, *, alone: bool) -> list[System]:
    path, who = (Path(place), "") if Path(place).is_dir() else _split(place)
    if (path / "recipe.yaml").is_file():
        if metric != "pass@1":
            raise RecipeError(f"--metric {metric}: a run ({path}) is compared by pass@1; name its evaluations' folders")
        return _run_systems(path, who or (None if alone else STUDENT))
    if who or not (path / "rollouts").is_dir():
        raise DataError(f"{place}: neither a run nor an evaluation's folder (it has no recipe.yaml and no rollouts/)")
    problems = read_problems(path)
    scores = problem_values(read_groups(path, problems), metric)
    if not scores:
        raise DataError(f"{place}: no problem has {metric}; name another --metric, or score the folder first")
    return [System(name=place.rstrip("/"), scores=scores, contents={p: problems[p].content_hash for p in scores})]


def _split(place: str) -> tuple[Path, str]:
    folder, _, who = place.rpartition(":")
    return (Path(folder), who) if folder and Path(folder).is_dir() else (Path(place), "")


def _run_systems(path: Path, who: str | None) -> list[System]:
    """Return what a run measured, every held-out set of it together."""
    from ..problems import load_problems
    from ..recipe.read import load_recipe
    from ..run.plan import Plan
    from ..run.report_assembly import measure_all
    from ..store import RunFolder

    recipe = load_recipe(path / "recipe.yaml")
    recipe.out = str(path)
    beside = (RunFolder(path).read_json("manifest.json") or {}).get("recipe_folder", path)
    plan = Plan(recipe=recipe, folder=path, recipe_folder=Path(beside))
    contents = {
        f"{name}/{p.id}": p.content_hash
        for name in recipe.held_out
        if plan.problem_file(name).exists()
        for p in load_problems(plan.problem_file(name))
    }
    measured = _over_seeds(measure_all(plan, RunFolder(path)))
    if who is not None and who not in measured:
        raise DataError(f"{path}: has no evaluation of {who!r}; it has {', '.join(measured) or 'none'}")
    return [
        System(
            name=f"{path}:{name}",
            scores={f"{held_out}/{p}": score for held_out, r in results.items() for p, score in r.scores.items()},
            contents=contents,
        )
        for name, results in _before_first(measured)
        if who in (None, name)
    ]


def _over_seeds(measured: dict[str, dict[str, SetResult]]) -> dict[str, dict[str, SetResult]]:
    """Return the results with the seeds of one arm averaged problem by problem."""
    arms: dict[str, dict[str, list[SetResult]]] = {}
    for name, results in measured.items():
        for held_out, result in results.items():
            arms.setdefault(name.partition("-seed")[0], {}).setdefault(held_out, []).append(result)
    return {
        name: {held_out: own[0] if len(own) == 1 else pool(own) for held_out, own in results.items()}
        for name, results in arms.items()
    }


def _before_first(measured: dict[str, dict[str, SetResult]]) -> list[tuple[str, dict[str, SetResult]]]:
    """Return a run's measurements with the untrained student first, which the others are compared with."""
    return sorted(measured.items(), key=lambda item: item[0] != "before")


def _left_out(systems: Sequence[System]) -> Iterator[str]:
    first = systems[0]
    for other in systems[1:]:
        shared, different = shared_problems(first, other)
        apart = len(first.scores.keys() | other.scores.keys()) - len(shared)
        if apart:
            why = f", {len(different)} because an id stands for another problem there" if different else ""
            yield f"{first.name} and {other.name}: {apart} problems are not in both and are left out{why}"
