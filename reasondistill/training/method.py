"""What a training method must say. `fit` does everything that is the same for all of them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from ..records import Row
from ..store.options import NoOptions
from .options import TrainOptions
from .rows import MAIN, TrainingRows


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One training as its method sees it."""

    options: TrainOptions
    seed: int
    dataset: Path
    """Dataset folder, for a method that reads more than its rows."""
    source: Path
    """Folder of the student's weights and tokenizer."""
    scratch: Path
    """Folder for files that training needs until it ends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """Rows in the form that the method's trainer reads."""

    rows: Any
    """A memory-mapped `datasets.Dataset`, in the order of the export; `fit` selects and orders."""
    lengths: Sequence[int] | None = None
    """Tokens of each row; None if they are not known, and rows of like length are then not grouped."""
    trained: Sequence[int] | None = None
    """Trained tokens of each row; None if they are not known, and training then cannot be matched by tokens."""
    report: Row = field(default_factory=dict)
    """Counts for training.json."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arguments:
    """What every TRL trainer takes beside model, tokenizer and data."""

    config: Row
    """Keyword arguments for the method's subclass of TrainingArguments."""
    peft_config: Any
    """LoRA configuration, or None."""
    setting: Setting


class Method:
    """One way to train a student. Subclass it and add the class to METHODS, or name it `package.module:Name`.

    The module must be light to import: TRL and torch are imported inside the methods.
    """

    Options: ClassVar[type] = NoOptions
    """Frozen dataclass of the method's options."""
    DATA: ClassVar[str] = MAIN
    """Export format that the method reads; `main` is the main split."""
    COLUMNS: ClassVar[tuple[str, ...]] = ("prompt", "completion")
    """Columns that it reads. A change in any other leaves a trained student valid."""
    OPTIONAL_COLUMNS: ClassVar[tuple[str, ...]] = ("tools",)
    """Columns that it reads where the dataset has them."""
    LOGGED: ClassVar[tuple[str, ...]] = ()
    """Values of the trainer's log lines that training.json keeps, besides loss and learning rate."""
    EXPERIMENTAL: ClassVar[bool] = False
    """Whether the trainer is experimental in TRL; progress line and training.json say so."""

    def __init__(self, options: Any) -> None:
        self.options = options

    def model_arguments(self) -> Row:
        """Return keyword arguments with which the student's weights are loaded."""
        return {}

    def prepare(self, tokenizer: Any, rows: TrainingRows, setting: Setting) -> Prepared:
        """Bring the rows into the form that the trainer reads. By default the trainer does that itself."""
        return Prepared(rows=rows.mapped(setting.scratch))

    def trainer(self, model: Any, tokenizer: Any, data: Any, arguments: Arguments) -> Any:
        """Return a `transformers.Trainer` over the data, whose order must stay."""
        raise NotImplementedError

    def measure(self, trainer: Any) -> Row:
        """Return counts since the process started; `trained_tokens` must be one of them."""
        raise NotImplementedError
