"""The knobs of a training run, checked when they are set.

What a knob means on this machine (devices, precision) is decided where it is used, not here.
"""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, Self

from ..errors import RecipeError
from ..records import Row

Mode = Literal["full", "lora"]
Dtype = Literal["auto", "float32", "bfloat16"]

_CHOICES: dict[str, tuple[str, ...]] = {
    "method": ("sft",),
    "mode": ("full", "lora"),
    "dtype": ("auto", "float32", "bfloat16"),
    "scheduler": ("linear", "cosine", "constant", "constant_with_warmup"),
}
_SMALLEST: dict[str, int] = {
    "batch_size": 1, "gradient_accumulation": 1, "max_length": 8, "save_steps": 1, "lora_rank": 1, "lora_alpha": 1,
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainOptions:
    """How a student is trained. A value that cannot be used raises RecipeError.

    >>> TrainOptions(mode="lora", learning_rate=1e-4).lora_rank
    16
    """

    method: Literal["sft"] = "sft"
    mode: Mode = "full"
    """full trains every weight; lora trains an adapter, which is merged into the model that is saved."""
    epochs: float = 1.0
    """Passes over the rows; a fraction is allowed."""
    max_steps: int = -1
    """Optimizer steps instead of epochs; -1 leaves it to `epochs`."""
    tokens: int | None = None
    """Trained tokens instead of epochs: whole rows in seeded order, repeated if need be, until the sum is reached."""
    batch_size: int = 8
    """Rows in one forward pass on each device."""
    gradient_accumulation: int = 1
    """Forward passes in one optimizer step."""
    learning_rate: float = 2e-4
    warmup_ratio: float = 0.05
    """Share of the steps in which the learning rate rises from 0."""
    scheduler: str = "cosine"
    weight_decay: float = 0.0
    max_length: int = 1024
    """Tokens of prompt and completion together; longer rows are left out, not cut."""
    max_truncated_share: float = 0.05
    """Share of rows longer than `max_length` from which training refuses to start."""
    dtype: Dtype = "auto"
    """Precision of the arithmetic; weights stay float32. auto is bfloat16 on CUDA and on CPUs that multiply it fast."""
    packing: bool = False
    """Put several rows into one sequence. Needs CUDA and flash-attention."""
    save_steps: int = 20
    """Optimizer steps between two checkpoints."""
    lora_rank: int = 16
    lora_alpha: int = 32
    seed: int = 0

    def __post_init__(self) -> None:
        for name, allowed in _CHOICES.items():
            if getattr(self, name) not in allowed:
                raise _refusal(name, f"must be one of {', '.join(allowed)}", getattr(self, name))
        for name, smallest in _SMALLEST.items():
            if getattr(self, name) < smallest:
                raise _refusal(name, f"must be at least {smallest}", getattr(self, name))
        self._check_ranges()

    def _check_ranges(self) -> None:
        ranges = {
            "epochs": (0 < self.epochs < math.inf, "must be above 0"),
            "max_steps": (self.max_steps == -1 or self.max_steps >= 1, "must be -1 or at least 1"),
            "tokens": (self.tokens is None or self.tokens >= 1, "must be at least 1 or null"),
            "learning_rate": (0 < self.learning_rate < 1, "must be between 0 and 1"),
            "warmup_ratio": (0 <= self.warmup_ratio < 1, "must be at least 0 and below 1"),
            "weight_decay": (0 <= self.weight_decay < math.inf, "must be at least 0"),
            "max_truncated_share": (0 <= self.max_truncated_share <= 1, "must be between 0 and 1"),
        }
        for name, (good, rule) in ranges.items():
            if not good:
                raise _refusal(name, rule, getattr(self, name))

    @property
    def rows_per_step(self) -> int:
        """Rows that one device sees in one optimizer step."""
        return self.batch_size * self.gradient_accumulation

    def to_row(self) -> Row:
        """Return the options as a JSON object."""
        return asdict(self)

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Self:
        """Rebuild options from `to_row`'s object; an unknown key raises RecipeError."""
        unknown = row.keys() - {f.name for f in fields(cls)}
        if unknown:
            raise RecipeError(f"train: no option is called {', '.join(sorted(unknown))}")
        return cls(**row)


def _refusal(name: str, rule: str, value: object) -> RecipeError:
    return RecipeError(f"train.{name} {rule}, got {value!r}")
