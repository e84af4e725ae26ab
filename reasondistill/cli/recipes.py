"""The run that a command names: a recipe, or a run folder."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from ..errors import RecipeError
from ..recipe.read import load_recipe
from ..records import Row
from ..run.pipeline import Pipeline
from ..run.report_assembly import count_rows
from ..store import RunFolder
from .arguments import command_line


def open_pipeline(place: Path, overrides: Sequence[str], *, skip_bad: bool = False) -> Pipeline:
    """Return the pipeline of a recipe, or of a run folder, wherever it was moved to.

    Raises RecipeError for a folder that holds no run, and for a recipe that cannot be used.
    """
    recipe, folder = place, place.parent
    if place.is_dir():
        recipe = place / "recipe.yaml"
        if not recipe.is_file():
            raise RecipeError(f"{place}: holds no run (no recipe.yaml); name a run folder, such as runs/quickstart")
        manifest = RunFolder(place).read_json("manifest.json") or {}
        folder = Path(manifest.get("recipe_folder", place))
    loaded = load_recipe(recipe, overrides)
    if place.is_dir():
        loaded = replace(loaded, out=str(place))
    if skip_bad:
        held_out = {name: replace(source, skip_bad=True) for name, source in loaded.held_out.items()}
        loaded = replace(loaded, problems=replace(loaded.problems, skip_bad=True), held_out=held_out)
    return Pipeline(loaded, recipe_folder=folder, command=command_line())


def curated(pipeline: Pipeline) -> tuple[Row, list[str]]:
    """Return the counts of a curated run, as a row and as lines."""
    counts = count_rows(pipeline.plan, pipeline.folder)
    dropped = [
        f"dropped {n}: {step}, {reason}" for step, reasons in counts["drops"].items() for reason, n in reasons.items()
    ]
    folder = str(pipeline.folder.path)
    kept = f"{counts['examples']} of {counts['rollouts']} rollouts of {folder} become examples"
    return {"folder": folder, "counts": counts}, [*dropped, kept]
