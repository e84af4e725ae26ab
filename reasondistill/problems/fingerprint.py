"""A hash of the input that a set of problems is read from."""

import hashlib
from pathlib import Path

from ..errors import DataError
from .source import ProblemSource


def input_hash(source: ProblemSource) -> str:
    """Return the SHA-256 of a local problem file; what names a hub dataset or a generator otherwise."""
    path = Path(source.source)
    if not path.is_file():
        return f"{source.source}:{source.split}"
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from None
