"""What a training run leaves: the model's directory and training.json in it, the mark that it is finished."""

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from ..errors import StoreError
from ..records import Row
from ..store import write_atomic
from .options import TrainOptions

FILE = "training.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainResult:
    """A trained model and how it came to be."""

    directory: Path
    """safetensors, tokenizer and generation config; with LoRA the merged model, its adapter under `adapter/`."""
    identity: str
    """Content id of student, options and rows: tells this training from another one in the same folder."""
    student: str
    options: TrainOptions
    preflight: Row
    """See preflight.PreflightReport; without the rows."""
    steps: int
    trained_tokens: int
    """Tokens that the loss was taken on, repetitions included."""
    total_tokens: int
    """Tokens read, prompts and repetitions included."""
    seconds: float
    """Of training itself, all resumed parts together."""
    resumed_from: int
    """Step of the checkpoint that the last part went on from; 0 when nothing was resumed."""
    log: tuple[Row, ...]
    """{step, loss, lr, tokens, seconds} of every optimizer step."""
    versions: Mapping[str, str]

    def to_row(self) -> Row:
        """Return the content of training.json."""
        row = {name: getattr(self, name) for name in self.__slots__ if name != "directory"}
        return {**row, "options": self.options.to_row(), "log": list(self.log), "versions": dict(self.versions)}

    @classmethod
    def from_row(cls, row: Mapping[str, Any], directory: Path) -> Self:
        """Rebuild from `to_row`'s object."""
        options = TrainOptions.from_row(row["options"])
        return cls(**{**row, "options": options, "log": tuple(row["log"]), "directory": directory})


def finished(out: Path, identity: str) -> TrainResult | None:
    """Return what an earlier run left in the folder; raises StoreError when that was another training."""
    path = out / FILE
    if not path.is_file():
        return None
    row = json.loads(path.read_text(encoding="utf-8"))
    if row["identity"] != identity:
        raise StoreError(
            f"{out}: holds a model trained from another student, data set or options; choose another or delete it"
        )
    return TrainResult.from_row(row, out)


def publish(part: Path, result: TrainResult) -> None:
    """Move the saved files from `part` into the model's directory, training.json last, and drop what is not needed.

    Killed in between, the folder is not marked as finished and the next run saves it again.
    """
    for path in sorted(part.iterdir()):
        target = result.directory / path.name
        if target.is_dir():
            shutil.rmtree(target)
        path.replace(target)
    write_atomic(result.directory / FILE, json.dumps(result.to_row(), indent=1))
    part.rmdir()
