"""The step that teaches one student, in a process of its own with a line of progress."""

from dataclasses import dataclass, replace
from pathlib import Path

from ..progress import StageProgress
from ..records import Row
from ..store.options import Choice, dump_options
from ..store.run_context import RunContext, Work
from .methods import open_method
from .options import TrainOptions
from .result import FILE


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainStage:
    """Train one student; the fields are those of `fit`."""

    label: str
    student: str
    dataset: Path
    out: Path
    options: TrainOptions
    method: Choice | None = None
    seed: int = 0
    tokens: int | None = None

    @property
    def loads_model(self) -> bool:
        """Training always loads a model."""
        return True

    def run(self) -> Row:
        """Train, from a checkpoint if there is one; return the result's row."""
        from .fit import fit

        method = self.method or self.options.method
        label = f"{self.label} (experimental)" if open_method(method).EXPERIMENTAL else self.label
        done = 0

        def show(line: Row) -> None:
            nonlocal done
            if not done:
                progress.start(label, line["total"], done=line["step"] - 1)
            progress.advance(label, by=line["step"] - done if done else 1, note=f"loss {line['loss']:.3f}")
            done = line["step"]

        with StageProgress() as progress:
            result = fit(
                method=method,
                student=self.student,
                dataset=self.dataset,
                out=self.out,
                options=self.options,
                seed=self.seed,
                tokens=self.tokens,
                progress=show,
            )
        return result.to_row()


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainStep:
    """Teach one student on one split of the dataset, resuming from its last checkpoint."""

    name: str
    student: str
    """Name of the student in the recipe."""
    stage: TrainStage
    data: str
    """Split of the dataset: `main`, or a control's name."""
    matched_to: str | None = None
    """Step of the student whose trained tokens cap this one's."""
    start: str | None = None
    """Step of the student that training starts from, instead of the untrained one."""

    @property
    def reads(self) -> tuple[str, ...]:
        """Its split of the dataset, and the students that it is matched to or starts from."""
        return (f"export:{self.data}", *filter(None, (self.matched_to, self.start)))

    @property
    def writes(self) -> tuple[str, ...]:
        """The model's folder."""
        return (f"models/{self.stage.out.name}",)

    def options(self) -> Row:
        """Return the student and how it is trained."""
        stage = self.stage
        return {
            "student": self.start or stage.student,
            "method": dump_options(stage.method),
            "options": dump_options(stage.options),
            "seed": stage.seed,
        }

    def work(self, run: RunContext) -> Work:
        """Say whether the model is saved."""
        stored = self.name not in run.pending and (self.stage.out / FILE).is_file()
        state = "finished" if stored else "to do"
        row = {"student": self.stage.out.name, "model": self.stage.student, "data": self.data, "stored": stored}
        return Work(stored=int(stored), lines=(f"{self.name} on {self.data} rollouts: {state}",), rows=(row,))

    def run(self, run: RunContext) -> Row:
        """Train what is missing; return the result without its per-device details."""
        stage = self.stage
        if self.matched_to:
            stage = replace(stage, tokens=run.summary(self.matched_to)["trained_tokens"])
        result = run.run_job(stage)
        kept = ("steps", "trained_tokens", "total_tokens", "seconds", "resumed_from", "log")
        return {
            "student": self.student,
            "folder": stage.out.name,
            "method": (stage.method or stage.options.method).name,
            "data": self.data,
            "start": self.start,
            "matched_to": self.matched_to,
            **{name: result[name] for name in kept},
        }
