"""Supervised fine-tuning: the student learns the completions of the main split, token by token."""

from dataclasses import asdict, dataclass
from typing import Any, Literal

from ...engines.auto import cuda
from ...engines.rendering import configured_end_ids
from ...errors import RecipeError
from ...records import Row
from ..method import Arguments, Method, Prepared, Setting
from ..preflight.preflight import preflight
from ..preflight.token_file import open_tokens
from ..rows import TrainingRows


@dataclass(frozen=True, slots=True, kw_only=True)
class SftOptions:
    """Options of supervised fine-tuning."""

    loss_type: Literal["nll", "dft"] = "nll"
    """nll is the negative log-likelihood; dft weights each token by its probability (Wu et al. 2025, 2508.05629)."""
    packing: bool = False
    """Put several rows into one sequence. Needs CUDA and flash-attention, which keeps the rows apart."""


class Sft(Method):
    """Rows are tokenized and checked by preflight; TRL's SFTTrainer trains on exactly those."""

    Options = SftOptions
    options: SftOptions

    def model_arguments(self) -> Row:
        """Ask for flash-attention where rows are packed."""
        return {"attn_implementation": "flash_attention_2"} if self.options.packing else {}

    def prepare(self, tokenizer: Any, rows: TrainingRows, setting: Setting) -> Prepared:
        """Tokenize and check the rows. Raises DataError where they cannot be trained on."""
        from transformers.utils import is_flash_attn_2_available

        if self.options.packing and not (cuda() and is_flash_attn_2_available()):
            raise RecipeError("train.method: packing needs a CUDA GPU and flash-attention; set it to false")
        file = setting.scratch / "tokens.arrow"
        ends = configured_end_ids(setting.source)
        report = preflight(tokenizer, rows, options=setting.options, out=file, end_ids=ends)
        tokens = open_tokens(file)
        counts = tokens.with_format("numpy")
        return Prepared(
            rows=tokens.select_columns(["input_ids", "labels"]),
            lengths=counts["length"][:],
            trained=counts["trained"][:],
            report=asdict(report),
        )

    def trainer(self, model: Any, tokenizer: Any, data: Any, arguments: Arguments) -> Any:
        """Return the trainer. Packing makes sequences of `max_length`, which are then shuffled."""
        from trl import SFTConfig

        from .completion_trainer import CompletionTrainer

        config = {**arguments.config, "loss_type": self.options.loss_type, "max_length": None}
        if self.options.packing:
            length = arguments.setting.options.max_length
            config |= {"packing": True, "max_length": length, "train_sampling_strategy": "random"}
        return CompletionTrainer(
            model=model,
            args=SFTConfig(**config),
            train_dataset=data,
            processing_class=tokenizer,
            peft_config=arguments.peft_config,
        )

    def measure(self, trainer: Any) -> Row:
        """Count the tokens that had a label."""
        return {"trained_tokens": trainer.trained_tokens}
