"""Which problems a run reads."""

from dataclasses import dataclass
from typing import Annotated

from annotated_types import Ge


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
