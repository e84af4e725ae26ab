"""Train one student in a process of its own, with a line of progress."""

from dataclasses import dataclass
from pathlib import Path

from ..progress import StageProgress
from ..records import Row
from ..store.options import Choice
from .methods import open_method
from .options import TrainOptions


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
