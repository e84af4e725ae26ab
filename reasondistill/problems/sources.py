"""One string names where problems come from; this turns it into problems."""

import re
from collections.abc import Callable, Collection
from pathlib import Path

from ..errors import DataError, RecipeError
from ..records import Kind, Problem
from ..rows.files import SUFFIXES, load_problems
from ..rows.warn import to_stderr
from .gym import load_gym
from .hub import load_hub
from .procedural import generate_procedural

FORMS = "procedural, gym:NAME, hub:ORG/NAME[:CONFIG[:SPLIT]], ORG/NAME, or a file ending in " + ", ".join(SUFFIXES)
DEFAULT_COUNT = 100
"""Problems that a generator makes when no count is given; files and hub datasets then give all they have."""


def get_problems(
    source: str,
    *,
    count: int | None = None,
    seed: int = 0,
    split: str | None = None,
    kind: Kind | str | None = None,
    exclude: Collection[str] = (),
    skip_bad: bool = False,
    require_reference: bool = True,
    warn: Callable[[str], None] = to_stderr,
) -> list[Problem]:
    """Return the problems that a source string names, at most `count` of them.

    `seed` and `exclude` (content hashes) concern the generators. `split` is train, seen or unseen for `procedural`;
    elsewhere it is what the problems are marked with. Raises RecipeError for a string of no known form.

    >>> [problem.source for problem in get_problems("procedural", count=2)]
    ['procedural:groups', 'procedural:share_equally']
    """
    if count is not None and count < 1:
        raise RecipeError(f"problems.count must be at least 1, got {count}")
    if source == "procedural":
        return generate_procedural(count=count or DEFAULT_COUNT, seed=seed, split=split or "train", exclude=exclude)
    if source.startswith("gym:"):
        name = source.removeprefix("gym:")
        return load_gym(name, count=count or DEFAULT_COUNT, seed=seed, split=split or "train", exclude=exclude)
    if source.lower().endswith(SUFFIXES):
        return load_problems(
            source,
            kind=kind,
            split=split,
            skip_bad=skip_bad,
            limit=count,
            require_reference=require_reference,
            warn=warn,
        )
    name, config, hub_split = _hub_parts(source)
    return load_hub(
        name,
        config=config,
        split=hub_split,
        kind=kind,
        as_split=split or "train",
        skip_bad=skip_bad,
        limit=count,
        require_reference=require_reference,
        warn=warn,
    )


def _hub_parts(source: str) -> tuple[str, str | None, str]:
    found = re.fullmatch(r"(hub:)?([\w.-]+(?:/[\w.-]+)?)(?::([\w.-]*))?(?::([\w.-]+))?", source)
    if found is None or not (found[1] or "/" in found[2]):
        raise RecipeError(f"{source!r} names no source of problems; it must be {FORMS}")
    if not found[1] and Path(source).exists():
        raise DataError(
            f"{source}: a directory or a file of unknown format; the name must end in {', '.join(SUFFIXES)}"
        )
    return found[2], found[3] or None, found[4] or "train"
