"""Which problems a run reads, and a hash of the input that they are read from."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from annotated_types import Ge

from ..errors import DataError


@dataclass(frozen=True, slots=True, kw_only=True)
class ProblemSource:
    """Where a set of problems comes from."""

    source: str = "procedural"
    """`procedural`, `gym:NAME`, a .jsonl/.parquet file, or a dataset's hub id."""
    split: str = "train"
    """procedural: train, seen or unseen; a hub dataset: the name of its split."""
    count: Annotated[int, Ge(1)] | None = None
    """Problems at most; procedural sets need it."""
    skip_bad: bool = False
    """Leave out rows that cannot be read instead of stopping."""
    licence: str | None = None
    """Licence of problems that carry none. None is the benchmark table's entry, if there is one. Problems under
    `third-party` and the like are not exported."""


def input_hash(source: ProblemSource) -> str:
    """Return the SHA-256 of a local problem file; the name of a hub dataset or a generator otherwise."""
    path = Path(source.source)
    if not path.is_file():
        return f"{source.source}:{source.split}"
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from None
