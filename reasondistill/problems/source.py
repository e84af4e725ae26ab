"""Which problems a run reads."""

from dataclasses import asdict, dataclass

from ..records import Row


@dataclass
class ProblemSource:
    """Where a set of problems comes from."""

    source: str = "procedural"
    """`procedural`, `gym:NAME`, a .jsonl/.parquet file, or a dataset's hub id."""
    split: str = "train"
    """procedural: train, seen or unseen; a hub dataset: the name of its split."""
    count: int | None = None
    """How many problems at most; procedural sets need it."""
    skip_bad: bool = False
    """Leave out rows that cannot be read instead of stopping."""
    licence: str | None = None
    """Of the statements that name none themselves; None: the table of benchmarks knows it, or nobody. `third-party`
    and the like keep them from being exported."""

    def to_row(self) -> Row:
        """Return the fields; the licence, which came later, only where it is given."""
        row = asdict(self)
        return row if self.licence else {key: value for key, value in row.items() if key != "licence"}
