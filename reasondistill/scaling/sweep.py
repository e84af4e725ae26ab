"""The sweep: sample every cell of a grid that is missing, judge it, and report the curves.

A sweep is one folder: `recipe.yaml manifest.json problems/ cells/NAME/{rollouts,verdicts}/ report.json report.html
scaling.svg log.jsonl`. The same command goes on where it was; a cell that is added later is all that is sampled.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from ..engines.identity import is_local, model_name, model_weights
from ..engines.options import EngineOptions
from ..errors import EngineError, RecipeError
from ..generation.sample_stage import SampleSet, SampleStage, failures
from ..models.fetch import fetch_progress
from ..models.resolve import resolve, weights_directory
from ..problems import get_problems, load_problems, write_problems
from ..problems.benchmarks.benchmark import find_benchmark
from ..problems.source import input_hash
from ..progress import say
from ..recipe.records import dump_recipe
from ..records import SCHEMA, Row
from ..report.data import PageData
from ..report.page import build_page
from ..report.scaling_chart import scaling_figure
from ..run.child_process import run_job
from ..store import RunFolder, write_atomic
from ..store.versions import versions
from .curves import Curves
from .grid import Cell, cells, sample_set
from .page import scaling_page
from .points import Samples, read_samples
from .recipe import ScalingRecipe
from .selectors import selectors


@dataclass(slots=True, kw_only=True)
class Sweep:
    """A sweep's recipe and folder; `run` does what is missing."""

    recipe: ScalingRecipe
    recipe_folder: Path
    """Prompt templates given as relative paths are looked up here first."""
    command: str = ""
    say: Callable[[str], None] = say
    folder: RunFolder = field(init=False)

    def __post_init__(self) -> None:
        self.folder = RunFolder(self.recipe.folder)

    def run(self) -> tuple[Row, PageData]:
        """Sample, judge and report; return report.json's object and what the page shows."""
        if is_local(self.recipe.model):
            with fetch_progress() as progress:
                if resolve(self.recipe.model.model, progress=progress).kind == "hub":
                    weights_directory(self.recipe.model.model, progress=progress)
        with self.folder:
            self.folder.claim(f"scaling:{self.recipe.name}")
            write_atomic(self.folder.path / "recipe.yaml", dump_recipe(self.recipe))
            self.folder.update_manifest(
                versions=versions(),
                inputs={"benchmark": input_hash(self.recipe.benchmark)},
                recipe_folder=str(self.recipe_folder.resolve()),
            )
            self._problems()
            self._run(self.recipe.model, self.model, tuple(self.sets().values()))
            self._select()
            return self.report()

    def report_only(self) -> tuple[Row, PageData]:
        """Report what is there of a sweep. Raises RecipeError where nothing is."""
        if not (self.folder.path / "problems" / "problems.jsonl").is_file():
            raise RecipeError(f"{self.folder.path}: holds no sweep; leave --report-only out to make one")
        with self.folder:
            self.folder.claim(f"scaling:{self.recipe.name}")
            return self.report()

    def report(self) -> tuple[Row, PageData]:
        """Write report.json, report.html and scaling.svg from what is in the folder."""
        samples = self.samples()
        asked = selectors(self.recipe, self.sets(), samples)
        curves = Curves.of(self.recipe, samples, {cell: each.choices() for cell, each in asked.items()})
        manifest = self.folder.read_json("manifest.json") or {}
        missing = self._missing(samples)
        report = {
            "schema": SCHEMA,
            "name": self.recipe.name,
            "command": self.command,
            "model": self.model,
            "benchmark": self.recipe.benchmark.source,
            **curves.to_row(),
            "missing": missing,
            "versions": manifest.get("versions", {}),
            "inputs": manifest.get("inputs", {}),
        }
        if missing:
            report["summary"].insert(0, f"Unfinished: {sum(missing.values())} rollouts are still to be made or judged.")
        page = scaling_page(self.recipe, report, curves, self.sets())
        self.folder.write_json("report.json", report)
        build_page(page, self.folder.path / "report.html")
        if page.scaling is not None:
            write_atomic(self.folder.path / "scaling.svg", scaling_figure(page.scaling.curves))
        return report, page

    @property
    def model(self) -> str:
        """The name that rollouts record; a student of ours carries the fingerprint of its training."""
        model = self.recipe.model
        name = model_name(model)
        trained = RunFolder(Path(model.model)).read_json("training.json") if is_local(model) else None
        return name if trained is None or model.model_id else f"{name}@{trained['identity'][:8]}"

    def sets(self) -> dict[Cell, SampleSet]:
        """Return what is sampled, by cell."""
        problems = self.folder.path / "problems" / "problems.jsonl"
        return {
            cell: sample_set(self.recipe, cell, folder=self.folder.path, problems=problems, beside=self.recipe_folder)
            for cell in cells(self.recipe)
        }

    def samples(self) -> Mapping[Cell, Samples]:
        """Return what is there, by cell; cells without anything are left out."""
        found: dict[Cell, Samples] = {}
        weights, steps = model_weights(self.recipe.model), "steps" in self.recipe.parallel.votes
        for cell, given in self.sets().items():
            wanted = [identifier for identifier, _, _ in replace(given, weights=weights).plan(self.model).wanted()]
            if samples := read_samples(given.folder, wanted, checks_steps=steps):
                found[cell] = samples
        return found

    def _missing(self, samples: Mapping[Cell, Samples]) -> dict[str, int]:
        """Return how many rollouts each cell still lacks, cells without a lack left out."""
        problems = len(load_problems(self.folder.path / "problems" / "problems.jsonl"))
        there = {cell: sum(len(group) for group in own.values()) for cell, own in samples.items()}
        lacking = {cell.label: problems * cell.samples - there.get(cell, 0) for cell in cells(self.recipe)}
        return {label: n for label, n in lacking.items() if n > 0}

    def _problems(self) -> None:
        source = self.recipe.benchmark
        if named := find_benchmark(source.source):
            found = named.load(limit=source.count, seed=self.recipe.seed, skip_bad=source.skip_bad)
        else:
            found = get_problems(
                source.source,
                count=source.count,
                seed=self.recipe.seed,
                split=source.split,
                skip_bad=source.skip_bad,
                warn=self.say,
            )
        write_problems(self.folder.path / "problems" / "problems.jsonl", found)

    def _select(self) -> None:
        """Have a model judge or select, where a vote needs it."""
        asked = selectors(self.recipe, self.sets(), self.samples())
        other = self.recipe.selector.model
        model, name = (other, model_name(other)) if other.model else (self.recipe.model, self.model)
        if asked:
            self._run(model, name, tuple(each.write() for each in asked.values()))

    def _run(self, model: EngineOptions, name: str, sets: tuple[SampleSet, ...]) -> None:
        weights = model_weights(model)
        sets = tuple(replace(given, weights=weights) for given in sets)
        named, verify = find_benchmark(self.recipe.benchmark.source), self.recipe.verify
        options = replace(verify, policy=named.policy) if named else verify
        stage = SampleStage(engine=model, model=name, sets=sets, verify=options)
        result = run_job(stage, lock_fd=self.folder.lock_fd)
        self.folder.log("sampled", **result)
        for label, counts in result["sets"].items():
            if counts["failed_share"] > self.recipe.max_failed_share:
                raise EngineError(
                    f"{label}: {100 * counts['failed_share']:.0f} % of the requests failed for good "
                    f"({failures(counts)}); what finished is kept, the same command asks for the rest again"
                )
