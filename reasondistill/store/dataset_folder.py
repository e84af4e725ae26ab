"""The folder of an exported dataset."""

from pathlib import Path

MANIFEST = "manifest.json"


def is_own(place: Path) -> bool:
    """Return whether a folder is a dataset that this package wrote."""
    return place.is_dir() and (place / MANIFEST).is_file() and (place / "data").is_dir()
