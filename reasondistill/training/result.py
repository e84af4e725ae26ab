"""A finished training: the model's folder, with training.json in it as the mark that it is complete."""

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from ..errors import StoreError
from ..records import Row
from ..store import write_atomic

FILE = "training.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainResult:
    """A trained model and how it was trained."""

    directory: Path
    """Folder with safetensors, tokenizer and generation config; with LoRA the merged model, and `adapter/`."""
    identity: str
    """Content id of method, student, options and rows; tells trainings in the same folder apart."""
    method: str
    method_options: Row
    experimental: bool
    """Whether the library calls the method's trainer experimental."""
    student: str
    options: Row
    """TrainOptions of every method that decide the weights, as JSON."""
    seed: int
    tokens: int | None
    """Cap on the trained tokens, or None."""
    preflight: Row
    """Counts of the prepared rows, for completions those of preflight.PreflightReport."""
    steps: int
    trained_tokens: int
    """Tokens that the loss was taken on, repetitions included."""
    total_tokens: int | None
    """Tokens read, prompts and repetitions included; None if the method does not know them."""
    counts: Row
    """The method's own counts besides trained tokens."""
    seconds: float
    """Seconds of training itself, all parts of a resumed training together."""
    resumed_from: int
    """Step of the checkpoint that the last part resumed from; 0 when nothing was resumed."""
    log: tuple[Row, ...]
    """{step, loss, lr, tokens, seconds} of every optimizer step, and the values that the method logs."""
    versions: Mapping[str, str]
    """Versions of the libraries."""

    def to_row(self) -> Row:
        """Return the content of training.json."""
        row = {name: getattr(self, name) for name in self.__slots__ if name != "directory"}
        return {**row, "log": list(self.log), "versions": dict(self.versions)}

    @classmethod
    def from_row(cls, row: Mapping[str, Any], directory: Path) -> Self:
        """Rebuild from `to_row`'s object."""
        return cls(**{**row, "log": tuple(row["log"]), "directory": directory})


def finished(out: Path, identity: str) -> TrainResult | None:
    """Return the result of an earlier run in the folder. Raises StoreError when that was another training."""
    path = out / FILE
    if not path.is_file():
        return None
    row = json.loads(path.read_text(encoding="utf-8"))
    if row["identity"] != identity:
        raise StoreError(
            f"{out}: holds a model trained from another student, dataset or options; choose another or delete it"
        )
    return TrainResult.from_row(row, out)


def publish(part: Path, result: TrainResult) -> None:
    """Move the saved files from `part` into the model's folder, training.json last.

    After a kill in between, the folder is not marked as finished and the next run saves it again.
    """
    for path in sorted(part.iterdir()):
        target = result.directory / path.name
        if target.is_dir():
            shutil.rmtree(target)
        path.replace(target)
    write_atomic(result.directory / FILE, json.dumps(result.to_row(), indent=1))
    part.rmdir()
