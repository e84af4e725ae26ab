"""TRL's SFTTrainer with trained tokens counted and, on a CPU, only completions passed through the head.

TRL's fused head scores every position of a row where it has no Triton kernel, the prompt's too. On a CPU, with a
vocabulary of 49,000, that is a third of a step; the loss is the same without. Importing this module imports TRL.
"""

from typing import Any

import torch
from trl import SFTTrainer

from ...records import Row
from ..preflight.conversation import IGNORED


class CompletionTrainer(SFTTrainer):  # type: ignore[misc]
    """SFTTrainer on rows that are already tokenized and labelled."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.trained_tokens = 0
        """Tokens with a label that all processes have seen since they started."""

    def compute_loss(
        self, model: Any, inputs: Row, return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """Return the mean loss of the trained tokens."""
        counted = self.accelerator.gather((inputs["labels"][:, 1:] != IGNORED).sum())
        self.trained_tokens += int(counted.sum())
        if self.args.use_cpu and self.accelerator.num_processes == 1 and not return_outputs:
            return _completion_loss(model, inputs, num_items_in_batch, self.args.loss_type)
        return super().compute_loss(model, inputs, return_outputs, num_items_in_batch)


def _completion_loss(model: Any, inputs: Row, num_items_in_batch: Any, loss_type: str) -> Any:
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
    losses = torch.nn.functional.cross_entropy(logits[trained].float(), labels[trained], reduction="none")
    if loss_type == "dft":
        losses = losses * losses.neg().exp().detach()
    return losses.sum() / (trained.sum() if num_items_in_batch is None else num_items_in_batch)
