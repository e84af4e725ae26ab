"""The other `verifiers`: PyPI has an unrelated distribution with this import name (Prime Intellect's).

Installed into one site-packages the two overwrite each other's files. This finds both cases; it mends nothing.
"""

import sys
from pathlib import Path

_THEIRS = ("envs", "rubrics", "parsers")
"""Folders of the other package, over all its versions; ours has none of these names."""
_MEND = "run `pip uninstall verifiers`, then install reasondistill again"


def clash() -> str | None:
    """Return one line that says how the other `verifiers` is in our way, or None if it is not installed.

    >>> clash() is None or "pip uninstall verifiers" in clash()
    True
    """
    from importlib.metadata import PackageNotFoundError, version

    try:
        found = version("verifiers")
    except PackageNotFoundError:
        return None
    return f"the PyPI package verifiers {found} has the same import name as reasondistill's verifiers: {_MEND}"


def refuse_mixed_files() -> None:
    """Raise ImportError if files of the other package lie among ours, or its `__init__` has replaced ours."""
    folder = Path(__file__).parent
    mixed = [name for name in _THEIRS if (folder / name).is_dir()]
    owner = getattr(sys.modules.get(__package__ or "verifiers"), "OWNER", None)
    if mixed or owner != "reasondistill":
        raise ImportError(
            f"{folder} mixes reasondistill's `verifiers` with another package of that name from PyPI: {_MEND}",
            name="verifiers",
        )
