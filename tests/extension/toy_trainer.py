"""A training method of one's own: supervised fine-tuning with label smoothing."""

from dataclasses import dataclass, replace
from typing import Annotated

from annotated_types import Ge, Lt

from reasondistill.training.methods.sft import Sft, SftOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class SmoothOptions(SftOptions):
    """Options of the method."""

    smoothing: Annotated[float, Ge(0), Lt(1)] = 0.1
    """Share of the target's probability that is spread over the vocabulary."""


class Smooth(Sft):
    """Rows and loss are those of `sft`; only the trainer's configuration differs."""

    Options = SmoothOptions

    def trainer(self, model, tokenizer, data, arguments):
        """Return SFT's trainer with label smoothing."""
        config = {**arguments.config, "label_smoothing_factor": self.options.smoothing}
        return super().trainer(model, tokenizer, data, replace(arguments, config=config))
