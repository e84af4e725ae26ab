"""What a recipe asks for, as problems, stages and paths. Nothing is written: a dry run prints the same plan."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

from ..curation.controls import Data, control_options
from ..curation.ifd_scores import IfdStage
from ..curation.options import CurateOptions
from ..curation.steps.licence import LicenceRule
from ..engines.identity import model_name, model_weights
from ..engines.options import EngineOptions
from ..errors import RecipeError
from ..export.formats import GRPO
from ..generation.decoding.forcing_options import ForcingOptions
from ..generation.imported_rollouts import ImportedRollouts
from ..generation.prompts import load_template
from ..generation.sample_stage import SampleSet, SampleStage
from ..generation.strategies.registry import TEMPLATES, StrategyOptions, make_strategy
from ..generation.strategies.tir.options import TirOptions
from ..problems import get_problems
from ..problems.fingerprint import input_hash
from ..problems.licences import licence_of_source
from ..problems.source import ProblemSource
from ..recipe.records import Recipe, StudentOptions
from ..records import Problem, Sampling, content_id
from ..store import RunFolder, Table
from ..store.options import Choice, dump_options, read_options
from ..training.options import TrainOptions, deciding_options
from ..training.train_stage import TrainStage
from ..verification.judging import VerifyOptions

_OWN_PROBLEMS = ProblemSource().source
"""The source of problems that leaves rollouts made elsewhere to state their own."""
_IFD_CONTEXT = 2048
"""Tokens of a question and an answer that IFD reads; longer ones have no score."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arm:
    """One student that is trained: which rows it sees, and with which seed."""

    student: str
    keep: str
    seed: int
    """Offset to the recipe's seed."""
    main: bool
    """The main arm is trained on what `curate` keeps; the others are controls."""

    @property
    def name(self) -> str:
        """Folder under models/, and part of its evaluations' names.

        >>> Arm(student="all", keep="all", seed=1, main=False).name
        'all-seed1'
        """
        return self.kind if self.seed == 0 else f"{self.kind}-seed{self.seed}"

    @property
    def data(self) -> str:
        """Name of its rows among the dataset's splits."""
        return "main" if self.main else self.keep

    @property
    def kind(self) -> str:
        """The arm's name without the seed."""
        return self.student


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A recipe and the folder that it runs in."""

    recipe: Recipe
    folder: Path
    recipe_folder: Path
    """Prompt templates given as relative paths are looked up here first."""

    def problem_file(self, name: str) -> Path:
        """Path of a set of problems: `train` or a held-out set's name."""
        return self.folder / "problems" / f"{name}.jsonl"

    def read_sources(self, *, warn: Callable[[str], None]) -> Iterator[tuple[str, list[Problem]]]:
        """Yield each set's name and problems: held-out sets first, since training problems are made to differ."""
        seen: set[str] = set()
        for name, source in {**self.recipe.held_out, "train": self.recipe.problems}.items():
            if name == "train" and self.imports:
                yield name, self.imported(warn=warn).problems()[: source.count]
                continue
            found = get_problems(
                source.source,
                count=source.count,
                seed=self.recipe.seed,
                split=source.split,
                exclude=seen,
                skip_bad=source.skip_bad,
                warn=warn,
            )
            seen |= {p.content_hash for p in found}
            yield name, found

    @property
    def imports(self) -> bool:
        """Whether the rollouts are taken from files, and no teacher is asked."""
        return bool(self.recipe.generate.rollouts)

    def imported(self, *, warn: Callable[[str], None]) -> ImportedRollouts:
        """Return the rollouts made elsewhere. Raises DataError for a source of problems that cannot be read."""
        source = self.recipe.problems
        known = [] if source.source == _OWN_PROBLEMS else get_problems(source.source, split=source.split, warn=warn)
        paths = [Path(path) for path in self.recipe.generate.rollouts]
        return ImportedRollouts(paths=paths, references={p.id: p for p in known}, warn=warn)

    def train_rollouts(self) -> list[str]:
        """Return the ids of the rollouts of the training problems that the recipe asks for, in curation's order."""
        if self.imports:
            return [*Table(self.folder / "rollouts", key="id").in_order()]
        stage = self.teacher()
        return [identifier for identifier, _, _ in stage.sets[0].plan(stage.model).wanted()]

    def evaluation(self, who: str, held_out: str) -> Path:
        """Folder with the rollouts and verdicts of one model on one held-out set."""
        return self.folder / "evaluations" / f"{who}-{held_out}"

    def model(self, arm: Arm) -> Path:
        """Folder of a trained student."""
        return self.folder / "models" / arm.name

    def dataset(self, arm: Arm) -> Path:
        """Folder that holds the arm's `data/train-*.parquet`."""
        return self.folder / "dataset" if arm.main else self.folder / "dataset" / "splits" / arm.keep

    def arms(self) -> Iterator[Arm]:
        """Yield the students to train, the run's own first."""
        for seed in range(self.recipe.train.seeds):
            for name, student in self.recipe.students.items():
                if student.start or student.method or student.seeds:
                    raise RecipeError(f"students.{name}: start, method and seeds are not supported yet")
                keep = student.data or self.recipe.curate.keep
                yield Arm(student=name, keep=keep, seed=seed, main=student.data is None)

    def controls(self) -> dict[str, StudentOptions]:
        """Return the controls by the outcome that they keep."""
        return {s.data: s for s in self.recipe.students.values() if s.data is not None}

    def verify(self) -> VerifyOptions:
        """How every rollout of the run is judged."""
        return self.recipe.verify

    def select(self, keep: str) -> CurateOptions:
        """The curation of one arm. Arms differ in the outcome they keep; `random` leaves out the steps that choose."""
        return control_options(self.curate, cast(Data, keep))

    @property
    def curate(self) -> CurateOptions:
        """The recipe's curation."""
        return self.recipe.curate

    def licence(self) -> LicenceRule:
        """Which statements may be given on; imported rollouts that bring their own problems say it themselves."""
        source = self.recipe.problems
        unsaid = self.imports and source.source == _OWN_PROBLEMS and not source.licence
        return LicenceRule(source="" if unsaid else licence_of_source(source), force=self.recipe.export.force_licence)

    @property
    def teacher_template(self) -> str:
        """The teacher's prompt template: examples show a cot teacher the form."""
        generate = self.recipe.generate
        return generate.template or {**TEMPLATES, "cot": "math-few-shot"}[generate.strategy.name]

    @property
    def student_template(self) -> str:
        """The student's prompt template."""
        return self.recipe.evaluate.template or TEMPLATES[self.recipe.evaluate.strategy.name]

    @property
    def teacher_strategy(self) -> StrategyOptions:
        """How the teacher answers."""
        generate = self.recipe.generate
        return _strategy(generate.strategy, generate.decoding, generate.thinking)

    @property
    def student_strategy(self) -> StrategyOptions:
        """How the student answers."""
        evaluate = self.recipe.evaluate
        return _strategy(evaluate.strategy, evaluate.decoding, evaluate.thinking)

    def train_set(self) -> SampleSet:
        """The teacher's rollouts of the training problems."""
        generate = self.recipe.generate
        return SampleSet(
            label="teacher / train",
            problems=self.problem_file("train"),
            folder=self.folder,
            template=self.teacher_template,
            sampling=replace(generate.sampling, seed=self.recipe.seed),
            samples=generate.samples,
            budget=generate.budget,
            strategy=self.teacher_strategy,
            beside=self.recipe_folder,
        )

    def teacher(self) -> SampleStage:
        """The teacher on the training problems and, greedily, on the held-out ones; nothing where none is asked."""
        if self.imports:
            return SampleStage(engine=self.recipe.teacher, model="", sets=(), verify=self.verify())
        greedy = Sampling(temperature=0.0, max_tokens=self.recipe.generate.sampling.max_tokens, seed=self.recipe.seed)
        count = self.recipe.evaluate.teacher_count
        measured = self._held_out("teacher", self.teacher_template, greedy, self.teacher_strategy, count=count)
        return self._stage(self.recipe.teacher, (self.train_set(), *measured))

    def before(self) -> SampleStage:
        """The untrained student: its own prompt, and the teacher's few-shot one if asked."""
        sets = self._student_sets("before")
        if self.recipe.evaluate.few_shot:
            sets += self._held_out("few-shot", self.teacher_template, self._greedy(), self.teacher_strategy)
        return self._stage(self.recipe.student, sets)

    def pass_rate(self) -> SampleStage:
        """The reference model, by default the untrained student, on the training problems."""
        band = self.recipe.curate.pass_rate
        reference = self.recipe.student if band.model is None else EngineOptions(model=band.model)
        given = SampleSet(
            label="reference / train",
            problems=self.problem_file("train"),
            folder=self.folder / "evaluations" / "reference-train",
            template=self.student_template,
            strategy=self.student_strategy,
            sampling=Sampling(
                temperature=1.0, max_tokens=self.recipe.evaluate.sampling.max_tokens, seed=self.recipe.seed
            ),
            samples=band.samples,
            beside=self.recipe_folder,
        )
        return self._stage(reference, (given,))

    @property
    def rates_problems(self) -> bool:
        """Whether a reference model samples the training problems, for curation or for rows for RL."""
        knobs = self.recipe.curate.pass_rate
        named = knobs.model or self.recipe.student.model
        return knobs.enabled or (knobs.enabled is None and GRPO in self.recipe.export.formats and bool(named))

    def references(self) -> dict[str, SampleStage]:
        """The reference models that must not solve a problem, each greedily on the training problems, by name."""
        greedy = Sampling(temperature=0.0, max_tokens=self.recipe.evaluate.sampling.max_tokens, seed=self.recipe.seed)
        stages = {}
        for model in self.recipe.curate.unsolved_by:
            given = SampleSet(
                label=f"reference {model} / train",
                problems=self.problem_file("train"),
                folder=self.folder / "evaluations" / f"reference-{content_id(model)[:8]}-train",
                template=self.student_template,
                strategy=self.student_strategy,
                sampling=greedy,
                beside=self.recipe_folder,
            )
            reference = replace(self.recipe.student, model=model, model_id=None)
            stages[model] = self._stage(reference, (given,))
        return stages

    def ifd(self) -> IfdStage:
        """The scores of instruction-following difficulty by a small model."""
        knobs = self.recipe.curate.ifd
        student = self.recipe.student
        model = replace(student, model=knobs.model or "", model_id=None, engine=knobs.engine, max_context=_IFD_CONTEXT)
        return IfdStage(
            label=f"IFD by {knobs.model}",
            engine=model,
            problems=self.problem_file("train"),
            folder=self.folder,
            template=self.student_template,
            beside=self.recipe_folder,
            max_tokens=knobs.max_tokens,
        )

    def after(self, arm: Arm, fingerprint: str) -> SampleStage:
        """A trained student on the held-out sets; its weights' fingerprint is part of its name."""
        student = self.recipe.student
        trained = EngineOptions(
            model=str(self.model(arm)),
            model_id=f"{self.recipe.name}/{arm.name}@{fingerprint[:8]}",
            engine=student.engine,
            dtype=student.dtype,
            concurrency=student.concurrency,
            max_context=student.max_context,
        )
        return self._stage(trained, self._student_sets(arm.name))

    def training(self, arm: Arm, tokens: int | None) -> TrainStage:
        """The training of one arm; `tokens` caps what a control sees, unless it was matched by problems."""
        student = self.recipe.students[arm.student]
        cap = tokens if student.match and student.match_by == "tokens" else None
        options = {**dump_options(self.recipe.train), **student.train}
        return TrainStage(
            label=f"train {arm.name}",
            student=self.recipe.student.model,
            dataset=self.dataset(arm),
            out=self.model(arm),
            options=read_options(TrainOptions, options, "", f"students.{arm.student}.train"),
            method=student.method,
            seed=self.recipe.seed + arm.seed,
            tokens=cap,
        )

    def training_fingerprint(self, arm: Arm, tokens: int | None, data: str) -> str:
        """Changes when the arm must be trained anew: student, options or the rows (`data`, their hash) changed."""
        stage = self.training(arm, None if arm.main else tokens)
        method = dump_options(stage.method or stage.options.method)
        return content_id(stage.student, method, deciding_options(stage.options), stage.seed, stage.tokens, data)

    def trained(self, folder: RunFolder) -> dict[str, str]:
        """Return the fingerprints, by arm, of the students in the folder that this recipe and dataset would make."""
        manifest = folder.read_json("manifest.json") or {}
        steps = manifest.get("steps", {})
        data = steps.get("dataset", {}) if steps.get("settings") == self.dataset_fingerprint() else {}
        tokens = (folder.read_json("models/student/training.json") or {}).get("trained_tokens")
        noted = manifest.get("models", {})
        return {
            arm.name: noted[arm.name]
            for arm in self.arms()
            if arm.data in data and noted.get(arm.name) == self.training_fingerprint(arm, tokens, data[arm.data])
        }

    def dataset_fingerprint(self) -> str:
        """Changes when the dataset may: anything that decides which rows it has, short of the rollouts themselves."""
        recipe = self.recipe
        prompt = load_template(self.student_template, beside=self.recipe_folder).hash
        knobs: tuple[Any, ...] = (recipe.problems, *recipe.held_out.values(), recipe.verify, recipe.curate)
        benchmarks = [input_hash(ProblemSource(source=source)) for source in recipe.curate.against]
        counts = (benchmarks, recipe.seed, recipe.generate.samples, recipe.generate.sampling.max_tokens)
        arms = [[name, s.data, s.match, s.match_by] for name, s in recipe.students.items()]
        rows = [dump_options(k) for k in knobs]
        return content_id(self.sampling_fingerprint(), prompt, rows, counts, arms, dump_options(recipe.export))

    def sampling_fingerprint(self) -> str:
        """Changes when earlier rollouts of the teacher can no longer be used: model, prompt or sampling changed."""
        if self.imports:
            files = [input_hash(ProblemSource(source=path)) for path in self.recipe.generate.rollouts]
            return content_id("imported", files, input_hash(self.recipe.problems), self.recipe.problems.count)
        given = self.train_set()
        template = load_template(given.template, beside=given.beside)
        strategy = make_strategy(given.strategy, template)
        # What plain cot has always had: a folder sampled before there were other strategies stays good.
        settings = (
            [] if given.strategy == StrategyOptions() else [strategy.name, strategy.thinking, strategy.identity()]
        )
        weights = [w] if (w := model_weights(self.recipe.teacher)) else []
        return content_id(
            model_name(self.recipe.teacher), given.sampling.identity(), template.hash, *settings, *weights
        )

    def _student_sets(self, who: str) -> tuple[SampleSet, ...]:
        return self._held_out(who, self.student_template, self._greedy(), self.student_strategy)

    def _held_out(
        self,
        who: str,
        template: str,
        sampling: Sampling,
        strategy: StrategyOptions,
        *,
        count: int | None = None,
    ) -> tuple[SampleSet, ...]:
        return tuple(
            SampleSet(
                label=f"{who} / {name}",
                problems=self.problem_file(name),
                folder=self.evaluation(who, name),
                template=template,
                sampling=sampling,
                strategy=strategy,
                count=count,
                beside=self.recipe_folder,
            )
            for name in self.recipe.held_out
        )

    def _greedy(self) -> Sampling:
        return replace(self.recipe.evaluate.sampling, seed=self.recipe.seed)

    def _stage(self, model: EngineOptions, sets: tuple[SampleSet, ...]) -> SampleStage:
        weights = model_weights(model)
        sets = tuple(replace(given, weights=weights) for given in sets)
        return SampleStage(engine=model, model=model_name(model), sets=sets, verify=self.verify())


def _strategy(strategy: Choice, decoding: Choice, thinking: str) -> StrategyOptions:
    forced = decoding.name == "budget"
    return StrategyOptions(
        name="budget" if forced else strategy.name,
        thinking=thinking,
        tir=read_options(TirOptions, strategy.options if strategy.name == "tir" else {}),
        forcing=read_options(ForcingOptions, decoding.options if forced else {}),
    )
