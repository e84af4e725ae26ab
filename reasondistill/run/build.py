"""From a recipe to the list of steps of its run. Nothing is read or written here but names and paths."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path

from ..curation.controls import Data
from ..curation.ifd_scores import IfdStage
from ..curation.step import CurateStep, Curator, IfdStep
from ..curation.steps.licence import LicenceRule
from ..engines.identity import model_name, model_row, model_weights
from ..engines.options import EngineOptions
from ..errors import RecipeError
from ..export.step import ExportStep, Sources
from ..generation.imported_rollouts import ImportedRollouts
from ..generation.load_strategy import StrategyChoice
from ..generation.prompts import load_template
from ..generation.sample_stage import SampleSet, SampleStage
from ..generation.step import ImportStep, SampleStep
from ..generation.strategies import Strategy
from ..problems import get_problems
from ..problems.licences import licence_of_source
from ..problems.source import ProblemSource, input_hash
from ..problems.step import ProblemsStep
from ..recipe.records import STEPS, Recipe, StudentOptions
from ..records import Sampling, content_id
from ..report.step import ReportStep
from ..rows.run_problems import TRAIN, problem_file
from ..store.options import Choice, dump_options, read_choice, read_options
from ..training.methods import with_run_options
from ..training.options import TrainOptions
from ..training.step import TrainStage, TrainStep
from ..verification.step import VerifyStep
from .step import Step

OWN_PROBLEMS = ProblemSource().source
"""Source of problems that leaves imported rollouts to state their own."""
IFD_CONTEXT = 2048
"""Tokens of a question and an answer that IFD reads; longer ones have no score."""
PASS_RATE, REFERENCES, IFD = "curate/pass_rate", "curate/references", "curate/ifd"


def build_steps(recipe: Recipe, recipe_folder: Path) -> list[Step]:
    """Return the steps of a recipe up to its `until`; the report always comes last.

    Raises RecipeError for a mistaken name or option of a user's own step.
    """
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
    for choice in recipe.steps:  # the user's own
        after = choice.options.get("after", steps[-1].name)
        names = [step.name for step in steps]
        if after not in names:
            raise RecipeError(f"recipe.yaml: steps.after must be one of {', '.join(names)}, got {after!r}")
        options = {key: value for key, value in choice.options.items() if key != "after"}
        member, record = read_choice(Choice(name=choice.name, options=options), {}, "steps")
        steps.insert(names.index(after) + 1, member(record))
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
        train = replace(generate.sampling, seed=recipe.seed)
        greedy = Sampling(temperature=0.0, max_tokens=generate.sampling.max_tokens, seed=recipe.seed)

        def sets() -> list[SampleSet]:
            one = self._set("teacher", TRAIN, train, teacher=True)
            own = replace(one, folder=self.folder, samples=generate.samples, budget=generate.budget)
            count = recipe.evaluate.teacher_count
            measured = [self._set("teacher", name, greedy, teacher=True) for name in recipe.held_out]
            return [own, *(replace(one, count=count) for one in measured)]

        who = [("teacher", name) for name in (TRAIN, *recipe.held_out)]
        return self._sample_step("generate", recipe.teacher, sets, who)

    def asked(self) -> Iterator[Step]:
        """The models that curation asks: for pass rates, for references that must fail, for IFD."""
        recipe, curate = self.recipe, self.recipe.curate
        tokens = recipe.evaluate.sampling.max_tokens
        if self.rates_problems:
            model = recipe.student if curate.pass_rate.model is None else EngineOptions(model=curate.pass_rate.model)
            sampling = Sampling(temperature=1.0, max_tokens=tokens, seed=recipe.seed)
            yield self._reference_step(PASS_RATE, "reference", model, sampling, curate.pass_rate.samples)
        for name in curate.unsolved_by:
            model = replace(recipe.student, model=name, model_id=None)
            greedy = Sampling(temperature=0.0, max_tokens=tokens, seed=recipe.seed)
            yield self._reference_step(f"{REFERENCES}/{_short(name)}", _reference(name), model, greedy)
        if curate.ifd.model:
            ifd = replace(recipe.student, model=curate.ifd.model, model_id=None, engine=curate.ifd.engine)

            def stage() -> IfdStage:
                return IfdStage(
                    label=f"IFD by {curate.ifd.model}",
                    engine=replace(ifd, max_context=IFD_CONTEXT),
                    problems=self.folder / problem_file(TRAIN),
                    folder=self.folder,
                    template=self.template(teacher=False),
                    beside=self.recipe_folder,
                    max_tokens=curate.ifd.max_tokens,
                )

            yield IfdStep(name=IFD, stage=stage)

    def curate(self) -> Step:
        return CurateStep(curator=self.curator, asked=tuple(step.name for step in self.asked()))

    def export(self) -> Step:
        recipe, generate = self.recipe, self.recipe.generate
        controls: dict[Data, bool] = {}
        for one in self.taught:
            if data := one.options.data:
                by_problems = one.options.match is not None and one.options.match_by == "problems"
                controls[data] = controls.get(data, False) or by_problems
        against = [*(f"{name} ({one.source})" for name, one in recipe.held_out.items()), *recipe.curate.against]
        sampling = {key: value for key, value in dump_options(generate.sampling).items() if key != "max_tokens"}
        sources = Sources(
            name=recipe.name,
            problems=tuple(generate.rollouts or [recipe.problems.source]),
            held_out=tuple(against) if recipe.curate.decontaminate else (),
            teacher=None if self.imports else lambda: self.strategy(teacher=True),
            sampling=None if self.imports else {**sampling, "seed": recipe.seed},
        )
        return ExportStep(
            curator=self.curator,
            export=recipe.export,
            verify=recipe.verify,
            student=lambda: self.strategy(teacher=False),
            sources=sources,
            controls=controls,
            rates=PASS_RATE if self.rates_problems else None,
        )

    def train(self) -> Iterator[Step]:
        shared = {"teacher": dump_options(self.recipe.teacher), "verify": dump_options(self.recipe.verify)}
        for one in self.taught:
            options = one.options
            matched = options.match is not None and options.match_by == "tokens"
            models, dataset = self.folder / "models", self.folder / "dataset"
            row = dump_options(self.recipe.train) | options.train
            train = read_options(TrainOptions, row, key=f"students.{one.student}.train")
            stage = TrainStage(
                label=f"train {one.name}",
                student=str(models / options.start) if options.start else self.recipe.student.model,
                dataset=dataset if one.split == "main" else dataset / "splits" / one.split,
                out=models / one.name,
                method=with_run_options(options.method or train.method, shared),
                options=train,
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
        prompts = {"before": False, **({"few-shot": True} if recipe.evaluate.few_shot else {})}

        def sets(*names: str) -> list[SampleSet]:
            return [
                self._set(who, name, sampling, teacher=prompts.get(who, False))
                for who in names
                for name in recipe.held_out
            ]

        who = [(who, name) for who in prompts for name in recipe.held_out]
        yield self._sample_step("evaluate/before", recipe.student, lambda: sets(*prompts), who)
        for one in self.taught:
            trained = replace(
                recipe.student,
                model=str(self.folder / "models" / one.name),
                model_id=f"{recipe.name}/{one.name}",
                base_url=None,
                replay=None,
            )
            who = [(one.name, name) for name in recipe.held_out]
            make = partial(sets, one.name)
            yield self._sample_step(f"evaluate/{one.name}", trained, make, who, trained_by=f"train/{one.name}")

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
        recipe, source = self.recipe, self.recipe.problems
        # Imported rollouts that bring their own problems say the licence themselves.
        unsaid = self.imports and source.source == OWN_PROBLEMS and not source.licence
        licence = "" if unsaid else licence_of_source(source)
        return Curator(
            options=recipe.curate,
            seed=recipe.seed,
            licence=LicenceRule(source=licence, force=recipe.export.force_licence),
            held_out=tuple(recipe.held_out),
            pass_rates=_evaluation("reference", TRAIN) if self.rates_problems else None,
            references={name: _evaluation(_reference(name), TRAIN) for name in recipe.curate.unsolved_by},
        )

    def strategy(self, *, teacher: bool) -> Strategy:
        """Return how the teacher or the student is asked. Raises RecipeError for a template that does not fit."""
        template = load_template(self.template(teacher=teacher), beside=self.recipe_folder)
        return self.choice(teacher=teacher).make(template)

    def choice(self, *, teacher: bool) -> StrategyChoice:
        """Return the strategy, the decoding rule and the effort that the recipe names."""
        how = self.recipe.generate if teacher else self.recipe.evaluate
        return StrategyChoice(strategy=how.strategy, decoding=how.decoding, thinking=how.thinking)

    def template(self, *, teacher: bool) -> str:
        """Return the name of a prompt template: the recipe's, or the usual one of the strategy."""
        how, choice = self.recipe.generate if teacher else self.recipe.evaluate, self.choice(teacher=teacher)
        return how.template or (choice.teacher_template if teacher else choice.template)

    def _imported(self) -> ImportedRollouts:
        source = self.recipe.problems
        known = get_problems(source.source, split=source.split) if source.source != OWN_PROBLEMS else []
        paths = [Path(path) for path in self.recipe.generate.rollouts]
        return ImportedRollouts(paths=paths, references={p.id: p for p in known})

    def _set(self, who: str, name: str, sampling: Sampling, *, teacher: bool = False) -> SampleSet:
        """Return one set of problems as a model is asked them."""
        return SampleSet(
            label=f"{who} / {name}",
            problems=self.folder / problem_file(name),
            folder=self.folder / _evaluation(who, name),
            template=self.template(teacher=teacher),
            sampling=sampling,
            strategy=self.choice(teacher=teacher),
            beside=self.recipe_folder,
        )

    def _reference_step(
        self, name: str, who: str, model: EngineOptions, sampling: Sampling, samples: int = 1
    ) -> SampleStep:
        """A reference model on the training problems, as a student is asked them."""
        sets = lambda: [replace(self._set(who, TRAIN, sampling), samples=samples)]  # noqa: E731
        return self._sample_step(name, model, sets, [(who, TRAIN)])

    def _sample_step(
        self,
        name: str,
        model: EngineOptions,
        sets: Callable[[], list[SampleSet]],
        who: Sequence[tuple[str, str]],
        *,
        trained_by: str | None = None,
    ) -> SampleStep:
        def stage(key: str | None) -> SampleStage:
            weights = None if trained_by else model_weights(model)
            suffix = key[:8] if key else "untrained"
            named = replace(model, model_id=f"{model.model_id}@{suffix}") if trained_by else model
            return SampleStage(
                engine=named,
                model=model_name(named),
                sets=tuple(replace(one, weights=weights) for one in sets()),
                verify=self.recipe.verify,
            )

        own = ("rollouts", "verdicts") if name == "generate" else ()
        places = [_evaluation(*one) for one in who if not (own and one[1] == TRAIN)]
        return SampleStep(
            name=name,
            stage=stage,
            who={f"{one} / {held_out}": (one, held_out) for one, held_out in who},
            writes=(*own, *places),
            reads=(*dict.fromkeys(f"problems:{held_out}" for _, held_out in who), *filter(None, [trained_by])),
            trained_by=trained_by,
            max_failed_share=self.recipe.generate.max_failed_share,
            describe=dict if trained_by else partial(model_row, model),
        )


def _evaluation(who: str, name: str) -> str:
    """Return the folder of one model's rollouts of one set, within the run folder."""
    return f"evaluations/{who}-{name}"


def _reference(model: str) -> str:
    return f"reference-{_short(model)}"


def _short(model: str) -> str:
    """Return a name that is safe in files for a model reference."""
    return content_id(model)[:8]
