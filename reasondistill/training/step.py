"""The step that teaches one student."""

from dataclasses import dataclass, replace

from ..records import Row
from ..store.options import dump_options
from ..store.run_context import RunContext, Work
from .result import FILE
from .train_stage import TrainStage


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
            tokens = run.summary(self.matched_to)["trained_tokens"]
            stage = replace(stage, tokens=tokens)
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
