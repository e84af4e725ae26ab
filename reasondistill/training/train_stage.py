"""Train one student, with a line of progress; run in a process of its own."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..progress import StageProgress
from ..records import Row
from .options import TrainOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainStage:
    """Train one student."""

    label: str
    student: str
    dataset: Path
    out: Path
    options: TrainOptions

    @property
    def loads_model(self) -> bool:
        """Training always loads a model."""
        return True

    def run(self) -> Row:
        """Train, going on from a checkpoint if there is one; return the result's row."""
        from ..training.methods.sft import train_sft

        with StageProgress() as progress:
            started: list[int] = []

            def show(update: Mapping[str, Any]) -> None:
                if not started:
                    progress.start(self.label, int(update["total"]), done=int(update["step"]) - 1)
                progress.advance(
                    self.label, by=int(update["step"]) - sum(started) if started else 1, note=_loss_note(update)
                )
                started[:] = [int(update["step"])]

            result = train_sft(
                student=self.student, dataset=self.dataset, out=self.out, options=self.options, progress=show
            )
        return result.to_row()


def _loss_note(update: Mapping[str, Any]) -> str:
    loss = update.get("loss")
    return f"loss {loss:.3f}" if isinstance(loss, float) else ""
