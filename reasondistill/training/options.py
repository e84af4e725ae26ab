"""Options of training that every method shares. Options of one method are in its file under methods/."""

from dataclasses import dataclass, field, fields
from typing import Annotated, Literal

from annotated_types import Ge, Gt, Le, Lt

from ..records import Row
from ..store.options import Choice, dump_options

Positive = Annotated[int, Ge(1)]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainOptions:
    """How a student is trained.

    >>> TrainOptions(mode="lora", learning_rate=1e-4).lora_rank
    16
    """

    method: Choice = field(default_factory=lambda: Choice(name="sft"))
    """Training method and its options; see training.methods."""
    mode: Literal["full", "lora"] = "full"
    """full trains every weight; lora trains an adapter, which is merged into the saved model."""
    epochs: Annotated[float, Gt(0)] = 1.0
    """Passes over the rows; a fraction is allowed."""
    max_steps: Positive | Literal[-1] = -1
    """Optimizer steps instead of epochs; -1 trains for `epochs`."""
    batch_size: Positive = 8
    """Rows in one forward pass on each device."""
    gradient_accumulation: Positive = 1
    """Forward passes in one optimizer step."""
    learning_rate: Annotated[float, Gt(0), Lt(1)] = 2e-4
    """Learning rate after the warm-up."""
    warmup_ratio: Annotated[float, Ge(0), Lt(1)] = 0.05
    """Share of the steps in which the learning rate rises from 0."""
    scheduler: Literal["linear", "cosine", "constant", "constant_with_warmup"] = "cosine"
    """Course of the learning rate after the warm-up."""
    weight_decay: Annotated[float, Ge(0)] = 0.0
    """Weight decay of AdamW."""
    max_length: Annotated[int, Ge(8)] = 1024
    """Tokens of prompt and completion together; longer rows are left out, not cut."""
    max_truncated_share: Annotated[float, Ge(0), Le(1)] = 0.05
    """Largest share of rows longer than `max_length` that training accepts."""
    dtype: Literal["auto", "float32", "bfloat16"] = "auto"
    """Precision of the arithmetic; weights stay float32. auto is bfloat16 on CUDA and on CPUs that multiply it fast."""
    save_steps: Positive = 20
    """Optimizer steps between two checkpoints."""
    lora_rank: Positive = 16
    """Rank of the LoRA adapter."""
    lora_alpha: Positive = 32
    """Scale of the LoRA adapter; its output is multiplied by lora_alpha / lora_rank."""
    report_to: str = "none"
    """Tracker that receives every log line: tensorboard, wandb, trackio or another name that transformers knows."""
    seeds: Positive = 1
    """Number of times that each student of a run is trained, each with another seed."""

    @property
    def rows_per_step(self) -> int:
        """Return the rows that one device sees in one optimizer step."""
        return self.batch_size * self.gradient_accumulation


def deciding_options(options: TrainOptions) -> Row:
    """Return the options that decide the weights of one student, as plain JSON; `method` is not among them."""
    return {k: v for k, v in dump_options(options).items() if k not in ("method", "report_to", "seeds")}


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainCommandOptions(TrainOptions):
    """Options of `reasondistill train`, which has no recipe around it."""

    seed: int = 0
    """Seed of the row order, dropout and LoRA's initial weights."""
    tokens: Positive | None = None
    """Trained tokens instead of epochs: whole rows in seeded order, repeated if need be, until the sum is reached."""

    @property
    def shared(self) -> TrainOptions:
        """Return the options without seed and tokens."""
        return TrainOptions(**{f.name: getattr(self, f.name) for f in fields(TrainOptions)})
