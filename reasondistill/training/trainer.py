"""TRL's SFTTrainer with two changes: trained tokens are counted, and on a CPU only completions go through the head.

TRL's fused head scores every position of a row where it has no Triton kernel, the prompt's too. On a CPU, with a
vocabulary of 49,000, that is a third of a step; the loss is the same without. Importing this module imports TRL.
"""

from collections.abc import Callable
from typing import Any

import torch
from transformers import PrinterCallback, TrainerCallback
from trl import SFTTrainer

from ..records import Row
from .preflight.tokenization import IGNORED


class CompletionTrainer(SFTTrainer):  # type: ignore[misc]
    """SFTTrainer on rows that are tokenized and labelled already."""

    def __init__(self, *args: Any, progress: Callable[[Row], None] | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.remove_callback(PrinterCallback)  # prints every log line to stdout
        self.clock = StepClock(self, progress)
        self.add_callback(self.clock)
        self.trained_tokens = 0
        """Trained tokens seen so far, earlier runs of a resumed training included."""

    def compute_loss(
        self, model: Any, inputs: Row, return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """Return the mean loss of the trained tokens."""
        counted = self.accelerator.gather((inputs["labels"][:, 1:] != IGNORED).sum())
        self.trained_tokens += int(counted.sum())
        if self.args.use_cpu and self.accelerator.num_processes == 1 and not return_outputs:
            return _completion_loss(model, inputs, num_items_in_batch)
        return super().compute_loss(model, inputs, return_outputs, num_items_in_batch)

    def _send_telemetry(self) -> None:
        """Report nothing: TRL would tell its makers which kind of model is trained."""


def _completion_loss(model: Any, inputs: Row, num_items_in_batch: Any) -> Any:
    """Score only the columns of the batch in which some row has a label."""
    labels = inputs["labels"][:, 1:]
    columns = (labels != IGNORED).any(dim=0).nonzero().flatten()
    logits = model(
        input_ids=inputs["input_ids"],
        attention_mask=inputs["attention_mask"],
        logits_to_keep=columns,
        use_cache=False,
    ).logits
    labels = labels[:, columns]
    trained = labels != IGNORED
    total = torch.nn.functional.cross_entropy(logits[trained].float(), labels[trained], reduction="sum")
    return total / (trained.sum() if num_items_in_batch is None else num_items_in_batch)


class StepClock(TrainerCallback):  # type: ignore[misc]
    """Adds tokens and seconds to each log line and hands it on. The lines travel in the checkpoints."""

    def __init__(self, trainer: CompletionTrainer, progress: Callable[[Row], None] | None) -> None:
        self._trainer = trainer
        self._progress = progress
        self._started = 0.0
        self.resumed_from = 0
        """The step that training went on from; 0 when it started anew."""

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Go on counting where the checkpoint stopped."""
        from time import monotonic

        before = loss_log(state)
        self.resumed_from = state.global_step
        self._trainer.trained_tokens = before[-1]["tokens"] if before else 0
        self._started = monotonic() - (before[-1]["seconds"] if before else 0.0)

    def on_log(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Complete the newest line of the log."""
        from time import monotonic

        line = state.log_history[-1]
        if "loss" not in line:
            return
        line |= {"tokens": self._trainer.trained_tokens, "seconds": round(monotonic() - self._started, 3)}
        if self._progress and state.is_world_process_zero:
            told = {name: line[name] for name in ("step", "loss", "tokens", "seconds")}
            self._progress({**told, "total": state.max_steps})

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Save no checkpoint at the end: the model itself is saved next."""
        if state.global_step >= state.max_steps:
            control.should_save = False


def loss_log(state: Any) -> list[Row]:
    """Return {step, loss, lr, tokens, seconds} of every logged step."""
    return [
        {
            "step": line["step"],
            "loss": line["loss"],
            "lr": line["learning_rate"],
            "tokens": line["tokens"],
            "seconds": line["seconds"],
        }
        for line in state.log_history
        if "loss" in line and "tokens" in line
    ]
