"""The steps of a run in order. Each asks the run folder what is there and does what is missing.

A step whose settings changed is done again with all that follows; what it had made goes to `superseded/`. Nothing that
was sampled or trained is done twice.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from ..curation.agreement import Agreement
from ..curation.candidate_source import Candidate, Source, stored_source
from ..curation.controls import match_problems
from ..curation.curation_step import Measured
from ..curation.gold_audit import audit_gold
from ..curation.lookup.held_out import HeldOut, read_benchmarks
from ..curation.select import Selection, make_steps, select
from ..curation.wrong_rollouts import wrong_rollouts
from ..engines.identity import is_local, model_row, model_weights
from ..engines.options import EngineOptions
from ..errors import EngineError
from ..evaluation.results import pass_rates
from ..export.card.card import render_card
from ..export.card.facts import CardFacts, card_facts
from ..export.dataset import write_dataset
from ..export.examples import Examples, example_maker
from ..export.formats.inputs import Material, gather
from ..export.formats.table import Format, load_formats, needs_wrong, write_formats
from ..export.receipts import Judged, messages_hash
from ..generation.prompts import load_template
from ..generation.sample_stage import SampleStage, failures
from ..models.fetch_progress import fetch_progress
from ..models.resolve import resolve, weights_directory
from ..problems import load_problems, write_problems
from ..problems.fingerprint import input_hash
from ..progress import say
from ..recipe.records import STEPS, Recipe, dump_recipe
from ..records import Example, Problem, Row, content_id, rows_id
from ..report.data import PageData
from ..report.page import build_page
from ..store import RunFolder, mask_secrets, write_atomic
from ..store.options import dump_options
from ..store.rollout_table import open_rollouts
from ..store.versions import versions
from ..verification.judging import verify_stored
from .child_process import run_job
from .plan import Plan
from .report_assembly import assemble_page, assemble_report


class Pipeline:
    """One run: its recipe, its folder, and the steps.

    `run()` does what is missing and returns the report; the steps can also be called one by one, in the order of
    `recipe.STEPS`, inside `with pipeline.writing():`.
    """

    def __init__(
        self, recipe: Recipe, *, recipe_folder: Path, command: str = "", say: Callable[[str], None] = say
    ) -> None:
        self.recipe = recipe
        self.plan = Plan(recipe=recipe, folder=recipe.folder, recipe_folder=recipe_folder)
        self.folder = RunFolder(recipe.folder)
        self._selections: dict[str, Selection] = {}
        """What was selected for each arm since the last rollout was judged: `export` need not do it again."""
        self._command = str(mask_secrets(command or f"reasondistill run {recipe.name}.yaml"))
        self._say = say

    def run(self) -> tuple[Row, PageData]:
        """Do every step up to the recipe's `until`; return report.json's object and what the page shows."""
        with self.writing():
            self._fetch_models()
            for step in STEPS[: STEPS.index(self.recipe.until) + 1]:
                if step != "report":
                    getattr(self, step)()
            return self.report()

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Hold the run folder's lock and note recipe and versions. Refuses a folder of another recipe."""
        with self.folder:
            self.folder.claim(self.recipe.name)
            write_atomic(self.folder.path / "recipe.yaml", dump_recipe(self.recipe))
            beside = str(self.plan.recipe_folder.resolve())
            self.folder.update_manifest(seed=self.recipe.seed, versions=versions(), recipe_folder=beside)
            self.folder.log("start", command=self._command)
            yield
            self.folder.log("end")

    def problems(self) -> None:
        """Write the training problems and the held-out sets."""
        sources = {"train": self.recipe.problems, **self.recipe.held_out}
        hashes = {name: input_hash(source) for name, source in sources.items()}
        imported = [self.plan.sampling_fingerprint()] if self.plan.imports else []
        wanted = content_id([dump_options(s) for s in sources.values()], hashes, self.recipe.seed, *imported)
        there = all(self.plan.problem_file(name).exists() for name in sources)
        if there and self._manifest("problems") == wanted:
            return
        with self._timed("problems"):
            for name, found in self.plan.read_sources(warn=self._say):
                write_problems(self.plan.problem_file(name), found)
                own = self.plan.imports and name == "train"
                where = ", ".join(self.recipe.generate.rollouts) if own else sources[name].source
                self._say(f"problems: {len(found)} for {name} from {where}")
        self.folder.update_manifest(inputs=hashes)
        self._remember(problems=wanted)

    def generate(self) -> None:
        """Sample the teacher on the training problems and on the held-out ones, or take rollouts made elsewhere."""
        self._selections.clear()
        wanted = self.plan.sampling_fingerprint()
        if self._manifest("generate") not in (None, wanted):
            for name in ("rollouts", "verdicts", *(f"evaluations/teacher-{s}" for s in self.recipe.held_out)):
                self.folder.supersede(name)
        self._remember(generate=wanted)
        if self.plan.imports:
            self._import(wanted)
            return
        self.folder.update_manifest(teacher=model_row(self.recipe.teacher))
        self._sample("generate", self.plan.teacher())

    def verify(self) -> None:
        """Judge every rollout of the teacher that sampling left without a verdict."""
        self._selections.clear()
        problems = {p.id: p for p in self._read_problems("train")}
        with (
            self._timed("verify"),
            self.folder.table("verdicts", key="rollout_id", writable=True, warn=self._say) as table,
        ):
            verify_stored(open_rollouts(self.folder.path), problems, table, self.plan.verify())

    def curate(self) -> None:
        """Choose the rollouts that become examples and write the drop ledger."""
        self._ask_references()
        with self._timed("curate"):
            selection = self._select(self.recipe.curate.keep)
            self._write_contamination(selection)
            agreement = Agreement()
            suspects = [suspect.to_row() for suspect in audit_gold(agreement.watch(self._source()))]
            self.folder.write_json("gold_audit.json", {"suspects": suspects})
            self.folder.write_json("agreement.json", agreement.to_row())
            drops = selection.ledger.drops
            wanted = rows_id(drop.to_row() for drop in drops)
            if self._manifest("drops") == wanted and (self.folder.path / "drops").exists():
                return
            # Until the table is whole, the folder holds the drops of no recipe.
            self._remember(drops=None)
            self.folder.supersede("drops")
            with self.folder.table("drops", key="rollout_id", writable=True) as table:
                for drop in drops:
                    table.append(drop.to_row())
        self._remember(drops=wanted)

    def export(self) -> None:
        """Write the dataset, its control splits and its card."""
        with self._timed("export"):
            selection = self._select(self.recipe.curate.keep)
            make = example_maker(
                load_template(self.plan.student_template, beside=self.plan.recipe_folder),
                self.plan.student_strategy,
                self._judged(),
                self.recipe.export.thinking,
            )
            examples = Examples(kept=selection.kept, make=make)
            controls = {k: Examples(kept=self._control(k, selection), make=make) for k in self.plan.controls()}
            formats = load_formats(self.recipe.export.formats)
            facts = self._card(selection, {k: len(v) for k, v in controls.items()}, formats)
            source, place = self._source(), self.folder.path / "dataset"
            # Another command that makes the same rows does not change the dataset.
            same = render_card(replace(facts, command="", versions={}))
            rows = {name: rows_id(e.to_row() for e in each) for name, each in {"main": examples, **controls}.items()}
            judged = [[c.rollout.id, messages_hash(c.rollout.completion), c.verdict.outcome] for c in source]
            made_of = (judged, sorted(self._rl_problems() or ()), dump_options(self.recipe.export))
            wanted = content_id(rows, same, *(made_of if formats else ()))
            if self._manifest("export") != wanted or not place.exists():
                self._remember(export=None)
                material = self._material(source, selection, make, formats)
                summary = write_dataset(
                    place,
                    examples,
                    controls,
                    lambda rows: render_card(replace(facts, formats=rows)),
                    self._described(),
                    formats=(lambda folder: write_formats(folder, formats, material)) if formats else None,
                )
                self._remember(dataset=summary["outputs"])
        self._remember(export=wanted, settings=self.plan.dataset_fingerprint())
        self._say(f"export: {len(examples)} examples in {place}")

    def train(self) -> None:
        """Train the student, and the controls at the same number of trained tokens."""
        tokens: int | None = None
        for arm in self.plan.arms():
            stage = self.plan.training(arm, None if arm.main else tokens)
            wanted = self.plan.training_fingerprint(arm, tokens, self._manifest("dataset")[arm.data])
            if self._models().get(arm.name) != wanted:
                self.folder.supersede(f"models/{arm.name}")
                for held_out in self.recipe.held_out:
                    self.folder.supersede(f"evaluations/{arm.name}-{held_out}")
            self.folder.update_manifest(models={**self._models(), arm.name: wanted})
            with self._timed(f"train {arm.name}"):
                result = run_job(stage, lock_fd=self.folder.lock_fd)
            if arm.student == next(iter(self.recipe.students)) and arm.seed == 0:
                tokens = result["trained_tokens"]

    def evaluate(self) -> None:
        """Measure the untrained student and every trained one on the held-out sets."""
        self.folder.update_manifest(student=model_row(self.recipe.student))
        self._sample("evaluate before", self.plan.before())
        for arm in self.plan.arms():
            self._sample(f"evaluate {arm.name}", self.plan.after(arm, self._models()[arm.name]))

    def report(self) -> tuple[Row, PageData]:
        """Write report.json and report.html from what is in the folder."""
        with self._timed("report"):
            report = assemble_report(self.plan, self.folder, command=self._command)
            page = assemble_page(self.plan, self.folder, report)
            self.folder.write_json("report.json", report)
            build_page(page, self.folder.path / "report.html")
        return report, page

    def _fetch_models(self) -> None:
        """Fetch what is missing before the first step, so that a wrong name or a dead network costs no work."""
        trains = STEPS.index(self.recipe.until) >= STEPS.index("train")
        curates = STEPS.index(self.recipe.until) >= STEPS.index("curate")
        asked = [EngineOptions(model=name) for name in self.recipe.curate.models()] if curates else []
        for model in (self.recipe.teacher, *([self.recipe.student] if trains else []), *asked):
            if model.model and is_local(model):
                with fetch_progress() as progress:
                    if resolve(model.model, progress=progress).kind == "hub":
                        weights_directory(model.model, progress=progress)

    def _sample(self, step: str, stage: SampleStage) -> None:
        with self._timed(step):
            result = run_job(stage, lock_fd=self.folder.lock_fd)
        self.folder.log("sampled", step=step, **result)
        for label, counts in result["sets"].items():
            if counts["failed_share"] > self.recipe.generate.max_failed_share:
                raise EngineError(
                    f"{label}: {100 * counts['failed_share']:.0f} % of the requests failed for good "
                    f"({failures(counts)}); "
                    "what finished is kept, the same command asks for the rest again"
                )

    def _ask_references(self) -> None:
        """Have the models that curation asks for sample or score."""
        curate = self.recipe.curate
        if self.plan.rates_problems:
            self._sample("pass rate", self.plan.pass_rate())
        for model, stage in self.plan.references().items():
            self._sample(f"reference {model}", stage)
        if curate.ifd.model:
            ifd = self.plan.ifd()
            weights = model_weights(EngineOptions(model=ifd.engine.model))
            asked = load_template(ifd.template, beside=ifd.beside).hash
            made_of = (ifd.engine.model, weights, asked, ifd.max_tokens, self.plan.sampling_fingerprint())
            wanted = content_id(*made_of)
            if self._manifest("ifd") not in (None, wanted):
                self.folder.supersede("ifd")
            self._remember(ifd=wanted)
            with self._timed("ifd"):
                self.folder.log("scored", **run_job(ifd, lock_fd=self.folder.lock_fd))

    def _measured(self) -> Measured:
        """Return what the models said that curation asks."""
        curate, evaluations = self.recipe.curate, self.plan.folder / "evaluations"
        solved: dict[str, str] = {}
        for model, stage in self.plan.references().items():
            solved |= {p: model for p, rate in pass_rates(stage.sets[0].folder).items() if rate > 0 and p not in solved}
        scores = self.folder.table("ifd", key="rollout_id") if curate.ifd.model else ()
        return Measured(
            rates=pass_rates(evaluations / "reference-train") if self.plan.rates_problems else {},
            solved_by=solved,
            ifd={row["rollout_id"]: row["ifd"] for row in scores},
        )

    def _import(self, wanted: str) -> None:
        """Store the rollouts made elsewhere, unless they are all there."""
        if self._manifest("imported") == wanted:
            return
        with self._timed("generate"), open_rollouts(self.folder.path, writable=True, warn=self._say) as table:
            given = self.plan.imported(warn=self._say)
            given.problems()
            models = given.store(table, {p.id for p in self._read_problems("train")})
            self._say(f"generate: {len(table)} rollouts of {len(models)} models from {len(given.paths)} files")
        names = ", ".join(sorted(models))
        self.folder.update_manifest(teacher={"name": names, "licence": None, "source": "rollouts made elsewhere"})
        self._remember(imported=wanted)

    def _select(self, keep: str) -> Selection:
        if keep not in self._selections:
            steps = make_steps(self.plan.select(keep), self.plan.licence())
            self._selections[keep] = select(
                self._source(), steps, seed=self.recipe.seed, held_out=self._held_out, measured=self._measured()
            )
        return self._selections[keep]

    def _source(self) -> Source:
        """Return every judged rollout that the recipe asks for, in the recipe's order."""
        rollouts = self.folder.table("rollouts", key="id")
        return stored_source(
            {problem.id: problem for problem in self._read_problems("train")},
            rollouts,
            self.folder.table("verdicts", key="rollout_id"),
            [identifier for identifier in self.plan.train_rollouts() if identifier in rollouts],
        )

    @cached_property
    def _held_out(self) -> HeldOut | None:
        """The benchmarks to decontaminate against, indexed once for all arms; None where that is off."""
        if not self.recipe.curate.decontaminate:
            return None
        own = {name: self._read_problems(name) for name in self.recipe.held_out}
        return HeldOut({**own, **read_benchmarks(self.recipe.curate.against)}, self.plan.curate)

    def _write_contamination(self, selection: Selection) -> None:
        """Write what decontamination found, for programs and for readers."""
        if selection.contamination is not None:
            self.folder.write_json("decontamination.json", selection.contamination.to_row())
            write_atomic(self.folder.path / "decontamination.md", selection.contamination.markdown())

    def _control(self, keep: str, selection: Selection) -> Source:
        control = self._select(keep)
        by_problems = self.plan.controls()[keep].match_by == "problems"
        return match_problems(control, selection, self.recipe.seed) if by_problems else control.kept

    def _material(
        self, source: Source, selection: Selection, make: Callable[[Candidate], Example], formats: list[Format]
    ) -> Material:
        curate, licence, seed = self.plan.curate, self.plan.licence(), self.recipe.seed
        needed = needs_wrong(formats)
        wrong = wrong_rollouts(source, selection, curate, licence, seed=seed) if needed else None
        return gather(
            selection.kept, make, wrong, options=self.recipe.export, seed=seed, rl_problems=self._rl_problems()
        )

    def _rl_problems(self) -> frozenset[str] | None:
        """Return the problems within the pass-rate band, which rows for RL are held to; None where nobody rates."""
        if not self.plan.rates_problems:
            return None
        band, rates = self.recipe.curate.pass_rate, self._measured().rates
        return frozenset(problem for problem, rate in rates.items() if band.holds(rate))

    def _described(self) -> Row:
        """Return what the dataset's manifest says beside its counts."""
        return {"name": self.recipe.name, "versions": versions(), "verify": asdict(self.plan.verify())}

    def _judged(self) -> Judged:
        verify, teacher = self.plan.verify(), self.plan.teacher_strategy
        return Judged(
            strict=verify.strict,
            timeout=verify.timeout,
            isolation=teacher.tir.isolation,
            tir=teacher.tir if teacher.name == "tir" or self.plan.imports else None,
        )

    def _card(self, selection: Selection, controls: dict[str, int], formats: list[Format]) -> CardFacts:
        asked, imports = self.plan.teacher_template, self.plan.imports
        against = [*(f"{name} ({s.source})" for name, s in self.recipe.held_out.items()), *self.recipe.curate.against]
        return card_facts(
            name=self.recipe.name,
            command=self._command,
            selection=selection,
            problems=self._read_problems("train"),
            teacher=self._manifest_file().get("teacher", {}),
            sources=self.recipe.generate.rollouts or [self.recipe.problems.source],
            student_template=load_template(self.plan.student_template, beside=self.plan.recipe_folder),
            teacher_template=None if imports else load_template(asked, beside=self.plan.recipe_folder),
            sampling=None if imports else self.plan.train_set().sampling.identity(),
            held_out=against if self.recipe.curate.decontaminate else [],
            licence=self.plan.licence(),
            controls=controls,
            formats=formats,
            agreement=self.folder.read_json("agreement.json"),
            versions=versions(),
        )

    def _read_problems(self, name: str) -> list[Problem]:
        return load_problems(self.plan.problem_file(name))

    def _manifest_file(self) -> Row:
        return dict(self.folder.read_json("manifest.json") or {})

    def _manifest(self, step: str) -> Any:
        return self._manifest_file().get("steps", {}).get(step)

    def _remember(self, **steps: object) -> None:
        self.folder.update_manifest(steps={**self._manifest_file().get("steps", {}), **steps})

    def _models(self) -> dict[str, str]:
        return dict(self._manifest_file().get("models", {}))

    @contextmanager
    def _timed(self, step: str) -> Iterator[None]:
        """Add the step's wall time to the manifest, also when it is interrupted."""
        began = time.monotonic()
        try:
            yield
        finally:
            seconds = self._manifest_file().get("seconds", {})
            seconds[step] = round(seconds.get(step, 0.0) + time.monotonic() - began, 3)
            self.folder.update_manifest(seconds=seconds)
