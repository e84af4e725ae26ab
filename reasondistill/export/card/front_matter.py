"""Front matter of the card: the YAML that the hub and `datasets` read."""

import re
from collections.abc import Iterable, Mapping

from ...records import Row
from ..dataset import FORMATS_FOLDER

_SIZES = (
    (10**3, "n<1K"), (10**4, "1K<n<10K"), (10**5, "10K<n<100K"), (10**6, "100K<n<1M"), (10**7, "1M<n<10M"),
    (10**8, "10M<n<100M"),
)  # fmt: skip
_LICENCES = frozenset(
    (
        *("apache-2.0", "mit", "cc0-1.0", "cc-by-4.0", "cc-by-3.0", "cc-by-sa-4.0", "cc-by-sa-3.0"),
        *("cc-by-nc-4.0", "cc-by-nc-sa-4.0", "cc-by-nd-4.0", "cc-by-nc-nd-4.0", "odc-by", "odbl", "pddl"),
        *("bsd-2-clause", "bsd-3-clause", "gpl-3.0", "lgpl-3.0", "mpl-2.0", "unlicense", "openrail"),
    )
)
"""Names of licences that the hub knows."""


def front_matter(
    name: str, examples: int, controls: Mapping[str, int], formats: Mapping[str, int], licences: Iterable[str]
) -> list[str]:
    """Return the lines with their fences. A configuration without rows is left out, since `datasets` cannot open it."""
    import yaml

    configs = [_config("default", "data")]
    configs += [_config(f"control-{key}", f"splits/{key}/data") for key, rows in controls.items() if rows]
    configs += [_config(key, f"{FORMATS_FOLDER}/{key}/data") for key, rows in formats.items() if rows]
    front: Row = {
        "pretty_name": name,
        "license": hub_licence(licences),
        "language": ["en"],
        "task_categories": ["text-generation", "question-answering"],
        "size_categories": [size_category(examples)],
        "tags": ["reasoning", "distillation", "synthetic", "reasondistill"],
        "configs": configs,
    }
    text = yaml.safe_dump(front, sort_keys=False, allow_unicode=True, width=10**6)
    return ["---", *text.splitlines(), "---", ""]


def size_category(rows: int) -> str:
    """Return the hub's word for a number of rows.

    >>> size_category(999), size_category(1000)
    ('n<1K', '1K<n<10K')
    """
    return next((word for limit, word in _SIZES if rows < limit), "100M<n<1B")


def hub_licence(licences: Iterable[str]) -> str | list[str]:
    """Return the hub's names of the licences; `other` where one has no name, `unknown` where no licence is known.

    >>> hub_licence(["CC BY 4.0"]), hub_licence(["MIT", "Apache-2.0"]), hub_licence(["ours"]), hub_licence([])
    ('cc-by-4.0', ['apache-2.0', 'mit'], 'other', 'unknown')
    """
    names = sorted({re.sub(r"[\s_]+", "-", licence.casefold()) for licence in licences})
    if not names or names == ["not-known"]:
        return "unknown"
    if not _LICENCES.issuperset(names):
        return "other"
    return names if len(names) > 1 else names[0]


def _config(name: str, folder: str) -> Row:
    return {"config_name": name, "data_files": [{"split": "train", "path": f"{folder}/train-*.parquet"}]}
