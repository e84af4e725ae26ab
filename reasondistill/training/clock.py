"""Counts and seconds of a training, in the log lines that travel in its checkpoints. Importing imports transformers."""

from collections.abc import Callable
from time import monotonic
from typing import Any

from transformers import TrainerCallback

from ..records import Row
from .method import Method


class StepClock(TrainerCallback):  # type: ignore[misc]
    """Adds the method's counts and the seconds so far to each log line, and reports the line."""

    def __init__(self, method: Method, trainer: Any, progress: Callable[[Row], None] | None) -> None:
        self._method = method
        self._trainer = trainer
        self._progress = progress
        self._started = monotonic()
        self._before: Row = {}
        self.resumed_from = 0
        """Step of the checkpoint that training resumed from; 0 when it started anew."""

    def counts(self) -> Row:
        """Return the method's counts, those of earlier parts of a resumed training included."""
        return {name: self._before.get(name, 0) + n for name, n in self._method.measure(self._trainer).items()}

    def log(self) -> list[Row]:
        """Return {step, loss, lr, tokens, seconds} of every logged step, and the values that the method names."""
        return [
            {
                "step": line["step"],
                "loss": line["loss"],
                "lr": line["learning_rate"],
                "tokens": line["counts"]["trained_tokens"],
                "seconds": line["seconds"],
                **{name: line[name] for name in self._method.LOGGED if name in line},
            }
            for line in _counted(self._trainer.state)
        ]

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Continue the counts of the checkpoint."""
        lines = _counted(state)
        self.resumed_from = state.global_step
        self._before = lines[-1]["counts"] if lines else {}
        self._started = monotonic() - (lines[-1]["seconds"] if lines else 0.0)

    def on_log(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Complete the newest line of the log."""
        line = state.log_history[-1]
        if "loss" not in line:
            return
        line |= {"counts": self.counts(), "seconds": round(monotonic() - self._started, 3)}
        if self._progress and state.is_world_process_zero:
            shown = {name: line[name] for name in ("step", "loss", "seconds")}
            self._progress({**shown, "tokens": line["counts"]["trained_tokens"], "total": state.max_steps})

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Skip the checkpoint of the last step: the model itself is saved next."""
        if state.global_step >= state.max_steps:
            control.should_save = False


def _counted(state: Any) -> list[Row]:
    return [line for line in state.log_history if "loss" in line and "counts" in line]
