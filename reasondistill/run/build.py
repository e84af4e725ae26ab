"""From a recipe to the list of steps of its run. Nothing is read or written here but names and paths."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from ..curation.step import CurateStep, Curator, IfdStep
from ..curation.steps.licence import LicenceRule
from ..engines.identity import model_name, model_row, model_weights
from ..engines.options import EngineOptions
from ..export.step import ExportStep
from ..generation.imported_rollouts import ImportedRollouts
from ..generation.sample_stage import SampleSet, SampleStage
from ..generation.step import ImportStep, SampleStep
from ..generation.strategies import TEMPLATES
from ..problems import get_problems
from ..problems.fingerprint import input_hash
from ..problems.licences import licence_of_source
from ..problems.source import ProblemSource
from ..problems.step import ProblemsStep
from ..recipe.records import STEPS, Recipe, StudentOptions
from ..records import Problem, Row, Sampling, content_id
from ..report.step import ReportStep
from ..rows.run_problems import TRAIN, problem_file
from ..store.options import dump_options, read_options
from ..training.options import TrainOptions
from ..training.step import TrainStep
from ..training.train_stage import TrainStage
from ..verification.step import VerifyStep
from .step import Step

OWN_PROBLEMS = ProblemSource().source
"""Source of problems that leaves imported rollouts to state their own."""
IFD_CONTEXT = 2048
"""Tokens of a question and an answer that IFD reads; longer ones have no score."""
PASS_RATE, REFERENCES, IFD = "curate/pass_rate", "curate/references", "curate/ifd"


def build_steps(recipe: Recipe, recipe_folder: Path) -> list[Step]:
    """Return the steps of a recipe up to its `until`; the report always comes last."""
    parts = _Builder(recipe, recipe_folder)
    made: dict[str, Callable[[], list[Step]]] = {
        "problems": lambda: [parts.problems()],
        "generate": lambda: [parts.generate()],
        "verify": lambda: [VerifyStep(verify=recipe.verify)],
        "curate": lambda: [*parts.asked(), parts.curate()],
        "export": lambda: [parts.export()],
        "train": lambda: [*parts.train()],
        "evaluate": lambda: [*parts.evaluate()],
    }
    wanted = STEPS[: STEPS.index(recipe.until) + 1]
    steps = [step for name in wanted if name in made for step in made[name]()]
    return [*steps, ReportStep(reads=tuple(step.name for step in steps))]


@dataclass(frozen=True, slots=True, kw_only=True)
class Taught:
    """One training: a student of the recipe with one seed."""

    student: str
    options: StudentOptions
    seed: int
    """Offset to the recipe's seed."""

    @property
    def name(self) -> str:
        """Folder under models/, and part of the names of its steps and evaluations.

        >>> Taught(student="all", options=StudentOptions(), seed=1).name
        'all-seed1'
        """
        return self.student if self.seed == 0 else f"{self.student}-seed{self.seed}"

    @property
    def split(self) -> str:
        """Split of the dataset: `main`, or that of a control."""
        return self.options.data or "main"


class _Builder:
    """The recipe's parts as steps."""

    def __init__(self, recipe: Recipe, recipe_folder: Path) -> None:
        self.recipe = recipe
        self.folder = recipe.folder
        self.recipe_folder = recipe_folder

    def problems(self) -> Step:
        recipe = self.recipe
        return ProblemsStep(
            train=recipe.problems,
            held_out=recipe.held_out,
            seed=recipe.seed,
            imported=(lambda: self._imported().problems()) if self.imports else None,
            imported_from=tuple(map(Path, recipe.generate.rollouts)),
        )

    def generate(self) -> Step:
        """The teacher on the training problems and, greedily, on the held-out ones; or rollouts from files."""
        recipe, generate = self.recipe, self.recipe.generate
        paths = tuple(map(Path, generate.rollouts))
        if self.imports:
            hashes = lambda: [input_hash(ProblemSource(source=str(path))) for path in paths]  # noqa: E731
            return ImportStep(rollouts=self._imported, paths=paths, hashes=hashes)
        train = SampleSet(
            label=f"teacher / {TRAIN}",
            problems=self._problem_file(TRAIN),
            folder=self.folder,
            template=self.teacher_template,
            sampling=replace(generate.sampling, seed=recipe.seed),
            samples=generate.samples,
            budget=generate.budget,
            strategy=generate.strategy,
            decoding=generate.decoding,
            thinking=generate.thinking,
            beside=self.recipe_folder,
        )
        greedy = Sampling(temperature=0.0, max_tokens=generate.sampling.max_tokens, seed=recipe.seed)
        measured = self._held_out("teacher", greedy, teacher=True, count=recipe.evaluate.teacher_count)
        return self._sample_step(
            "generate", recipe.teacher, {("teacher", TRAIN): train, **measured}, writes=("rollouts", "verdicts")
        )

    def asked(self) -> Iterator[Step]:
        """The models that curation asks: for pass rates, for references that must fail, for IFD."""
        recipe, curate = self.recipe, self.recipe.curate
        if self.rates_problems:
            model = recipe.student if curate.pass_rate.model is None else EngineOptions(model=curate.pass_rate.model)
            sampling = Sampling(temperature=1.0, max_tokens=recipe.evaluate.sampling.max_tokens, seed=recipe.seed)
            one = self._train_set("reference", "reference-train", sampling, samples=curate.pass_rate.samples)
            yield self._sample_step(PASS_RATE, model, {("reference", TRAIN): one})
        for name in curate.unsolved_by:
            greedy = Sampling(temperature=0.0, max_tokens=recipe.evaluate.sampling.max_tokens, seed=recipe.seed)
            one = self._train_set(f"reference {name}", _reference_folder(name), greedy)
            model = replace(recipe.student, model=name, model_id=None)
            step = f"{REFERENCES}/{content_id(name)[:8]}"
            yield self._sample_step(step, model, {(f"reference {name}", TRAIN): one})
        if curate.ifd.model:
            student = recipe.student
            engine = replace(
                student, model=curate.ifd.model, model_id=None, engine=curate.ifd.engine, max_context=IFD_CONTEXT
            )
            yield IfdStep(
                name=IFD,
                label=f"IFD by {curate.ifd.model}",
                engine=engine,
                template=self.student_template,
                beside=self.recipe_folder,
                max_tokens=curate.ifd.max_tokens,
            )

    def curate(self) -> Step:
        return CurateStep(curator=self.curator, asked=tuple(step.name for step in self.asked()))

    def export(self) -> Step:
        recipe = self.recipe
        splits = [one.split for one in self.taught if one.split != "main"]
        by_problems = {one.split for one in self.taught if one.options.match_by == "problems" and one.options.match}
        return ExportStep(
            curator=self.curator,
            recipe=recipe.name,
            options_=recipe.export,
            controls=tuple(dict.fromkeys(splits)),
            match_problems=frozenset(by_problems),
            verify=recipe.verify,
            student=self._asking(teacher=False),
            teacher=None if self.imports else self._asking(teacher=True),
            sources=tuple(recipe.generate.rollouts or [recipe.problems.source]),
            held_out={name: source.source for name, source in recipe.held_out.items()},
            rates=PASS_RATE if self.rates_problems else None,
        )

    def train(self) -> Iterator[Step]:
        for one in self.taught:
            options = one.options
            matched = options.match is not None and options.match_by == "tokens"
            stage = TrainStage(
                label=f"train {one.name}",
                student=self._start(options),
                dataset=self._dataset(one),
                out=self.folder / "models" / one.name,
                method=options.method or self.recipe.train.method,
                options=self._train_options(one),
                seed=self.recipe.seed + one.seed,
            )
            yield TrainStep(
                name=f"train/{one.name}",
                student=one.student,
                stage=stage,
                data=one.split,
                matched_to=f"train/{options.match}" if matched else None,
                start=f"train/{options.start}" if options.start else None,
            )

    def evaluate(self) -> Iterator[Step]:
        """The untrained student with its own prompt and, if asked, the teacher's; then every trained one."""
        recipe = self.recipe
        sampling = replace(recipe.evaluate.sampling, seed=recipe.seed)
        sets = self._held_out("before", sampling)
        if recipe.evaluate.few_shot:
            sets |= self._held_out("few-shot", sampling, teacher=True)
        yield self._sample_step("evaluate/before", recipe.student, sets)
        for one in self.taught:
            trained = replace(
                recipe.student,
                model=str(self.folder / "models" / one.name),
                model_id=f"{recipe.name}/{one.name}",
                base_url=None,
                replay=None,
            )
            sets = self._held_out(one.name, sampling)
            yield self._sample_step(f"evaluate/{one.name}", trained, sets, trained_by=f"train/{one.name}")

    @property
    def imports(self) -> bool:
        """Whether the rollouts are read from files, and no teacher is asked."""
        return bool(self.recipe.generate.rollouts)

    @property
    def rates_problems(self) -> bool:
        """Whether a reference model samples the training problems, for curation or for RL rows."""
        band = self.recipe.curate.pass_rate
        model = band.model or self.recipe.student.model
        return bool(band.enabled or (band.enabled is None and "grpo" in self.recipe.export.formats and model))

    @cached_property
    def taught(self) -> list[Taught]:
        """The trainings in order: every student with its first seed, then with the next."""
        students = self.recipe.students
        seeds = {name: one.seeds or self.recipe.train.seeds for name, one in students.items()}
        return [
            Taught(student=name, options=one, seed=seed)
            for seed in range(max(seeds.values()))
            for name, one in students.items()
            if seed < seeds[name]
        ]

    @cached_property
    def curator(self) -> Curator:
        recipe = self.recipe
        band = recipe.curate.pass_rate
        return Curator(
            options=recipe.curate,
            seed=recipe.seed,
            licence=self._licence(),
            held_out=tuple(recipe.held_out),
            pass_rates="evaluations/reference-train" if self.rates_problems else None,
            band=(band.low, band.high) if band.enabled else None,
            references={name: f"evaluations/{_reference_folder(name)}" for name in recipe.curate.unsolved_by},
        )

    @property
    def teacher_template(self) -> str:
        """The teacher's prompt template: examples show a cot teacher the form."""
        generate = self.recipe.generate
        return generate.template or {**TEMPLATES, "cot": "math-few-shot"}[generate.strategy.name]

    @property
    def student_template(self) -> str:
        """The student's prompt template."""
        evaluate = self.recipe.evaluate
        return evaluate.template or TEMPLATES[evaluate.strategy.name]

    def _licence(self) -> LicenceRule:
        """Which statements may be exported; imported rollouts that bring their own problems say it themselves."""
        source = self.recipe.problems
        unsaid = self.imports and source.source == OWN_PROBLEMS and not source.licence
        return LicenceRule(source="" if unsaid else licence_of_source(source), force=self.recipe.export.force_licence)

    def _imported(self) -> ImportedRollouts:
        source = self.recipe.problems
        known: list[Problem] = []
        if source.source != OWN_PROBLEMS:
            known = get_problems(source.source, split=source.split)
        return ImportedRollouts(
            paths=[Path(path) for path in self.recipe.generate.rollouts], references={p.id: p for p in known}
        )

    def _start(self, options: StudentOptions) -> str:
        """Return the model that training starts from."""
        return str(self.folder / "models" / options.start) if options.start else self.recipe.student.model

    def _train_options(self, one: Taught) -> TrainOptions:
        """Return the options of `train:` with those that differ for this student."""
        row = dump_options(self.recipe.train) | one.options.train
        return read_options(TrainOptions, row, key=f"students.{one.student}.train")

    def _problem_file(self, name: str) -> Path:
        return self.folder / problem_file(name)

    def _dataset(self, one: Taught) -> Path:
        place = self.folder / "dataset"
        return place if one.split == "main" else place / "splits" / one.split

    def _train_set(self, who: str, folder: str, sampling: Sampling, *, samples: int = 1) -> SampleSet:
        """The training problems as a student is asked them."""
        return replace(
            self._evaluation(who, TRAIN, sampling, teacher=False),
            folder=self.folder / "evaluations" / folder,
            samples=samples,
        )

    def _held_out(
        self, who: str, sampling: Sampling, *, teacher: bool = False, count: int | None = None
    ) -> dict[tuple[str, str], SampleSet]:
        sets = {name: self._evaluation(who, name, sampling, teacher=teacher) for name in self.recipe.held_out}
        return {(who, name): replace(one, count=count) for name, one in sets.items()}

    def _evaluation(self, who: str, name: str, sampling: Sampling, *, teacher: bool) -> SampleSet:
        how = self.recipe.generate if teacher else self.recipe.evaluate
        return SampleSet(
            label=f"{who} / {name}",
            problems=self._problem_file(name),
            folder=self.folder / "evaluations" / f"{who}-{name}",
            template=self.teacher_template if teacher else self.student_template,
            sampling=sampling,
            strategy=how.strategy,
            decoding=how.decoding,
            thinking=how.thinking,
            beside=self.recipe_folder,
        )

    def _sample_step(
        self,
        name: str,
        model: EngineOptions,
        sets: dict[tuple[str, str], SampleSet],
        *,
        writes: tuple[str, ...] = (),
        trained_by: str | None = None,
    ) -> SampleStep:
        def stage(key: str | None) -> SampleStage:
            weights = None if trained_by else model_weights(model)
            named = replace(model, model_id=f"{model.model_id}@{(key or 'untrained')[:8]}") if trained_by else model
            return SampleStage(
                engine=named,
                model=model_name(named),
                sets=tuple(replace(one, weights=weights) for one in sets.values()),
                verify=self.recipe.verify,
            )

        def described() -> Row:
            return {} if trained_by else model_row(model)

        places = [str(one.folder.relative_to(self.folder)) for one in sets.values() if one.folder != self.folder]
        return SampleStep(
            name=name,
            stage=stage,
            who={one.label: key for key, one in sets.items()},
            writes=(*writes, *places),
            reads=(*dict.fromkeys(f"problems:{name}" for _, name in sets), *filter(None, [trained_by])),
            trained_by=trained_by,
            max_failed_share=self.recipe.generate.max_failed_share,
            describe=described,
        )


def _reference_folder(model: str) -> str:
    return f"reference-{content_id(model)[:8]}-train"
