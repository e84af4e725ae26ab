"""Rows of an exported dataset, streamed from Parquet: no more than a few hundred are Python objects at a time."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import DataError
from ..records import Row
from ..rows.files import read_parquet

MAIN = "main"
"""Name of the main split; export formats have names of their own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingRows:
    """Some columns of a dataset's rows. Every iteration reads the files anew."""

    files: tuple[Path, ...]
    columns: tuple[str, ...]

    def __iter__(self) -> Iterator[Row]:
        return read_parquet(self.files, self.columns)

    def digest(self) -> str:
        """Return a hash of the rows in their order."""
        seen = hashlib.sha256()
        for row in self:
            seen.update(json.dumps(row, sort_keys=True, default=str).encode() + b"\n")
        return seen.hexdigest()

    def mapped(self, cache: Path) -> Any:
        """Return the rows as a `datasets.Dataset`, mapped into memory from an Arrow copy in the folder `cache`."""
        from datasets import Dataset

        files = [str(path) for path in self.files]
        return Dataset.from_parquet(files, columns=list(self.columns), cache_dir=str(cache))


def open_rows(dataset: Path, data: str, required: Sequence[str], optional: Sequence[str]) -> TrainingRows:
    """Return the rows of a dataset folder's main split or of one of its export formats.

    `optional` columns are read where all files have them. Raises DataError for a folder without such files, for a file
    that cannot be read and for a missing column.
    """
    import pyarrow as pa
    from pyarrow import parquet

    folder = Path("data") if data == MAIN else Path("formats") / data / "data"
    files = tuple(sorted((dataset / folder).glob("train-*.parquet")))
    if not files:
        hint = "" if data == MAIN else f", with {data} among export.formats"
        raise DataError(f"{dataset}: no {folder}/train-*.parquet in it; name the folder that export writes{hint}")
    common = set(optional)
    for path in files:
        try:
            names = set(parquet.read_schema(path).names)
        except (pa.ArrowInvalid, OSError) as error:
            raise DataError(f"{path}: cannot be read as Parquet ({error}); export it again") from error
        if missing := set(required) - names:
            raise DataError(f"{path}: has no column {' or '.join(sorted(missing))}; export it again")
        common &= names
    return TrainingRows(files=files, columns=(*required, *(name for name in optional if name in common)))
