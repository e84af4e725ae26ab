"""The steps that choose which rollouts become training examples."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from ..engines.identity import model_weights
from ..evaluation.read import MEASURED
from ..evaluation.results import pass_rates
from ..generation.prompts import load_template
from ..problems.source import ProblemSource, input_hash
from ..records import Row, rows_id
from ..rows.run_problems import TRAIN, stored_problems
from ..store import write_atomic
from ..store.options import dump_options
from ..store.rollout_table import open_rollouts
from ..store.run_context import RunContext, Work
from .agreement import Agreement
from .candidate_source import Source, stored_source
from .controls import Data, control_options
from .curation_step import Measured
from .ifd_scores import IfdStage
from .lookup.held_out import HeldOut, read_benchmarks
from .options import CurateOptions
from .reference_audit import audit_references
from .select import Selection, make_steps, select
from .steps.licence import LicenceRule


@dataclass(slots=True, kw_only=True)
class Curator:
    """Selects among a run's judged rollouts, once per outcome that is kept; export reads the same selections."""

    options: CurateOptions
    seed: int
    licence: LicenceRule
    held_out: tuple[str, ...]
    """Names of the held-out sets, against which is decontaminated."""
    pass_rates: str | None = None
    """Folder with a reference model's rollouts of the training problems."""
    references: Mapping[str, str] = field(default_factory=dict)
    """Folders of reference models that must not solve a problem, by model."""
    _selections: dict[Data, Selection] = field(default_factory=dict, init=False)
    _index: HeldOut | None = field(default=None, init=False)

    def select(self, run: RunContext, keep: Data) -> Selection:
        """Return the selection of the rollouts with one outcome; `random` leaves out the steps that choose."""
        if keep not in self._selections:
            self._selections[keep] = select(
                self.source(run),
                make_steps(control_options(self.options, keep), self.licence),
                seed=self.seed,
                held_out=self._against(run),
                measured=self.measured(run),
            )
        return self._selections[keep]

    def forget(self) -> None:
        """Drop the selections, since rollouts or verdicts may have changed."""
        self._selections.clear()

    def measured(self, run: RunContext) -> Measured:
        """Return what models said of the candidates: pass rates, solved problems, IFD."""
        solved: dict[str, str] = {}
        for model, folder in self.references.items():
            solved |= {p: model for p, rate in pass_rates(run.path / folder).items() if rate > 0 and p not in solved}
        scores = run.folder.table("ifd", key="rollout_id") if self.options.ifd.model else ()
        return Measured(
            rates=pass_rates(run.path / self.pass_rates) if self.pass_rates else {},
            solved_by=solved,
            ifd={row["rollout_id"]: row["ifd"] for row in scores},
        )

    def source(self, run: RunContext) -> Source:
        """Return every judged rollout that the recipe wants, in its order."""
        rollouts = run.folder.table("rollouts", key="id")
        return stored_source(
            {problem.id: problem for problem in stored_problems(run, TRAIN)},
            rollouts,
            run.folder.table("verdicts", key="rollout_id"),
            [identifier for identifier in run.folder.read_json(MEASURED) or () if identifier in rollouts],
        )

    def _against(self, run: RunContext) -> HeldOut | None:
        """Return the indexed benchmarks; None where decontamination is off."""
        if self._index is None and self.options.decontaminate:
            sets = {name: stored_problems(run, name) for name in self.held_out}
            self._index = HeldOut({**sets, **read_benchmarks(self.options.against)}, self.options)
        return self._index


@dataclass(frozen=True, slots=True, kw_only=True)
class IfdStep:
    """Score every rollout by a small model: its instruction-following difficulty."""

    name: str
    stage: Callable[[], IfdStage]
    reads: tuple[str, ...] = ("generate", "problems:train")
    writes: tuple[str, ...] = ("ifd",)

    def options(self) -> Row:
        """Return nothing more than `identity`: scores grow with the rollouts."""
        return {}

    def identity(self, _run: RunContext) -> Row:
        """Return the model, the prompt and the length that is read."""
        stage = self.stage()
        prompt = load_template(stage.template, beside=stage.beside).hash
        weights = model_weights(stage.engine)
        return {"model": stage.engine.model, "weights": weights, "prompt": prompt, "max_tokens": stage.max_tokens}

    def work(self, run: RunContext) -> Work:
        """Count rollouts and scores."""
        wanted, model = len(open_rollouts(run.path)), self.stage().engine.model
        stored = len(run.folder.table("ifd", key="rollout_id"))
        line = f"{self.name}: {stored} of {wanted} rollouts scored by {model}, two texts each"
        row: Row = {"model": model, "wanted": wanted, "stored": stored}
        return Work(wanted=wanted, stored=min(stored, wanted), lines=(line,), rows=(row,))

    def run(self, run: RunContext) -> Row:
        """Score what has no score yet."""
        return run.run_job(self.stage())


@dataclass(frozen=True, slots=True, kw_only=True)
class CurateStep:
    """Choose the rollouts that become examples, and write why the others do not."""

    curator: Curator
    asked: tuple[str, ...] = ()
    """Steps of the models that curation asks."""
    name: str = "curate"

    @property
    def reads(self) -> tuple[str, ...]:
        """Problems, rollouts, verdicts, and the measurements of the models that it asks."""
        sets = (TRAIN, *self.curator.held_out)
        return (*(f"problems:{name}" for name in sets), "generate", "verify", *self.asked)

    @property
    def writes(self) -> tuple[str, ...]:
        """Drop ledger, audits of the references and of labels, and findings of decontamination where it is on."""
        return ("drops", "reference_audit.json", "agreement.json", "decontamination.json", "decontamination.md")

    def options(self) -> Row:
        """Return the recipe's `curate` block and the hashes of the benchmarks that it names."""
        curator = self.curator
        return {
            "curate": dump_options(curator.options),
            "licence": dump_options(curator.licence),
            "seed": curator.seed,
            "against": [input_hash(ProblemSource(source=source)) for source in curator.options.against],
        }

    def work(self, run: RunContext) -> Work:
        """Say whether a drop ledger exists."""
        return Work(stored=int((run.path / "drops").is_dir()))

    def run(self, run: RunContext) -> Row:
        """Select, and write the ledger; kept and dropped rollouts add up."""
        self.curator.forget()
        selection = self.curator.select(run, self.curator.options.keep)
        agreement = Agreement()
        suspects = [suspect.to_row() for suspect in audit_references(agreement.watch(self.curator.source(run)))]
        run.folder.write_json("reference_audit.json", {"suspects": suspects})
        run.folder.write_json("agreement.json", agreement.to_row())
        if selection.contamination is not None:
            run.folder.write_json("decontamination.json", selection.contamination.to_row())
            write_atomic(run.path / "decontamination.md", selection.contamination.markdown())
        with run.folder.table("drops", key="rollout_id", writable=True) as table:
            for drop in selection.ledger.drops:
                if drop.rollout_id not in table:
                    table.append(drop.to_row())
        return {
            "rollouts": len(self.curator.source(run)),
            "drops": selection.ledger.counts(),
            "examples": len(selection.keys),
            "suspects": suspects,
            "agreement": agreement.to_row(),
            "output": rows_id({"id": key.rollout_id} for key in selection.keys),
        }
