"""The run of one recipe: its folder, its steps, and what the commands ask of them."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from ..engines.identity import fetch_models
from ..engines.options import EngineOptions
from ..errors import RecipeError
from ..recipe.read import load_recipe
from ..recipe.records import STEPS, Recipe, dump_recipe
from ..records import Row
from ..report.assemble import assemble_page
from ..report.data import PageData
from ..report.run_results import RunResults
from ..store import RunFolder, write_atomic
from .build import build_steps
from .driver import Driver
from .step import Step


class RecipeRun:
    """A recipe with the driver of its steps."""

    def __init__(self, recipe: Recipe, *, recipe_folder: Path, command: str = "") -> None:
        self.recipe = recipe
        self.driver = Driver(
            build_steps(recipe, recipe_folder),
            recipe.folder,
            name=recipe.name,
            recipe_folder=recipe_folder,
            command=command or f"reasondistill run {recipe.name}.yaml",
        )

    @property
    def path(self) -> Path:
        """The run folder."""
        return self.driver.folder.path

    @property
    def steps(self) -> dict[str, Step]:
        """The steps by name, in order."""
        return {step.name: step for step in self.driver.steps}

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Hold the folder's lock and store the recipe. Raises StoreError for a folder of another run."""
        with self.driver.writing():
            write_atomic(self.path / "recipe.yaml", dump_recipe(self.recipe))
            self.driver.folder.update_manifest(seed=self.recipe.seed)
            yield

    def run(self) -> None:
        """Do every step that is missing, up to the recipe's `until`, and the report."""
        with self.writing():
            fetch_models(self._models())
            self.driver.run()

    def run_steps(self, *names: str) -> None:
        """Do these steps, and the steps below them such as `curate/ifd`, where options or inputs changed."""
        with self.writing():
            self.driver.run({s.name for s in self.driver.steps if s.name.partition("/")[0] in names})
            self.driver.refresh()

    def write_report(self) -> None:
        """Write the report again, over what this recipe would make."""
        with self.writing():
            self.driver.refresh()
            self.driver.run({"report"}, again=True)

    def report(self) -> tuple[Row, PageData]:
        """Return report.json's object and what the page shows."""
        report = self.driver.folder.read_json("report.json")
        return report, assemble_page(RunResults(self.path), report)

    def dry_run(self) -> tuple[Row, list[str]]:
        """Return what each step would do, as an object and as lines. Nothing is written."""
        planned = self.driver.dry_run()
        rows = [
            {
                "name": one.step.name,
                "current": one.current,
                "wanted": one.work.wanted,
                "stored": one.work.stored,
                "tokens_at_most": one.work.tokens,
                "parts": list(one.work.rows),
            }
            for one in planned
        ]
        lines = [f"run folder: {self.path}"]
        for one in planned:
            state = "done" if one.current else "to do"
            lines += one.work.lines or (f"{one.step.name}: {state}",)
        lines.append("nothing was written")
        return {"folder": str(self.path), "steps": rows}, lines

    def _models(self) -> Iterator[EngineOptions]:
        """Yield the models that the recipe's steps ask, up to its `until`."""
        last = STEPS.index(self.recipe.until)
        yield self.recipe.teacher
        if last >= STEPS.index("train"):
            yield self.recipe.student
        if last >= STEPS.index("curate"):
            yield from (EngineOptions(model=name) for name in self.recipe.curate.models())


def open_run(place: Path, overrides: Sequence[str] = (), *, skip_bad: bool = False, command: str = "") -> RecipeRun:
    """Return the run of a recipe file, or of a run folder wherever it was moved to.

    `skip_bad` leaves out problems that cannot be read. Raises RecipeError for a folder that holds no run.
    """
    if not place.is_dir():
        recipe = load_recipe(place, overrides)
        if skip_bad:
            held_out = {name: replace(source, skip_bad=True) for name, source in recipe.held_out.items()}
            recipe = replace(recipe, problems=replace(recipe.problems, skip_bad=True), held_out=held_out)
        return RecipeRun(recipe, recipe_folder=place.parent, command=command)
    if not (place / "recipe.yaml").is_file():
        raise RecipeError(f"{place}: holds no run (no recipe.yaml); name a run folder, such as runs/quickstart")
    recipe = replace(load_recipe(place / "recipe.yaml", overrides), out=str(place))
    manifest = RunFolder(place).read_json("manifest.json") or {}
    return RecipeRun(recipe, recipe_folder=Path(manifest.get("recipe_folder", place)), command=command)
