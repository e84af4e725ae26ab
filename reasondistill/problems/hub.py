"""Problems of a dataset on the Hugging Face hub, or of anything else that `datasets.load_dataset` opens.

Never runs a dataset's own code: `trust_remote_code` stays off.
"""

from collections.abc import Callable, Mapping
from typing import Any

from ..errors import DataError, RecipeError
from ..records import Kind, Problem
from ..rows.files import to_kind
from ..rows.problem import RowRules, collect
from ..rows.warn import to_stderr


def load_hub(
    name: str,
    *,
    config: str | None = None,
    split: str = "train",
    kind: Kind | str | None = None,
    as_split: str = "train",
    skip_bad: bool = False,
    limit: int | None = None,
    require_reference: bool = True,
    fields: Mapping[str, str] | None = None,
    warn: Callable[[str], None] = to_stderr,
) -> list[Problem]:
    """Return the problems of one split of a hub dataset, keys mapped as for files.

    `as_split` is the split that the problems get here; `fields` as in RowRules. Raises DataError, in one line, when the
    dataset cannot be had or has no such configuration or split.
    """
    rules = RowRules(
        where=":".join(part for part in (name, config, split) if part),
        kind=to_kind(kind),
        split=as_split,
        require_reference=require_reference,
        skip_bad=skip_bad,
        limit=limit,
        fields=fields or {},
    )
    return collect(enumerate(_open(name, config, split), start=1), rules, warn)


def _open(name: str, config: str | None, split: str) -> Any:
    try:
        from datasets import load_dataset
    except ImportError:
        raise RecipeError(
            f"{name}: hub datasets need the package `datasets`: pip install 'reasondistill[train]'"
        ) from None
    try:
        return load_dataset(name, config, split=split)
    except ValueError as error:  # an unknown split or configuration; the message lists those that exist
        raise DataError(f"{name}: {_one_line(error)}; name them as hub:{name}:CONFIG:SPLIT") from None
    except (OSError, RuntimeError) as error:  # no network, no such dataset, a gated one, a script-only one
        mend = "check the name and the network, or give a local .jsonl or .parquet file"
        raise DataError(f"{name}: the dataset cannot be had: {_one_line(error)}; {mend}") from None


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:300].rstrip(" .;")
