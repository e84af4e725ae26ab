"""Problems of a dataset on the Hugging Face hub, or of anything else that `datasets.load_dataset` opens.

Never runs a dataset's own code: `trust_remote_code` stays off.
"""

from collections.abc import Callable, Mapping

from ..records import Kind, Problem
from ..rows.files import HubName, RawRow, read_hub
from ..rows.problem import RowRules, each_problem
from ..rows.problem_file import to_kind, warn_on_stderr


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
    warn: Callable[[str], None] = warn_on_stderr,
) -> list[Problem]:
    """Return the problems of one split of a hub dataset, keys mapped as for files.

    `as_split` is the split that the problems get here; `fields` as in RowRules. Raises DataError, in one line, if the
    dataset cannot be loaded or has no such configuration or split.
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
    rows = read_hub(HubName(name, config, split), streaming=False)
    return list(each_problem((RawRow(rules.where, n, row) for n, row in enumerate(rows, 1)), rules, warn))
