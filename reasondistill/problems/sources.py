"""One string names where problems come from; this turns it into problems."""

from collections.abc import Callable, Collection
from pathlib import Path

from ..errors import DataError, RecipeError
from ..records import Kind, Problem
from ..rows.files import SUFFIXES, parse_hub
from ..rows.problem_file import load_problems, warn_on_stderr
from .gym import load_gym
from .hub import load_hub
from .procedural import generate_procedural

FORMS = (
    "procedural, gym:NAME, hub:ORG/NAME[:CONFIG[:SPLIT]], ORG/NAME, a folder, "
    f"or a file ending in {', '.join(SUFFIXES)}"
)
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
    warn: Callable[[str], None] = warn_on_stderr,
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
    if source.lower().endswith(SUFFIXES) or (source and Path(source).is_dir()):
        return load_problems(
            source,
            kind=kind,
            split=split,
            skip_bad=skip_bad,
            limit=count,
            require_reference=require_reference,
            warn=warn,
        )
    hub = parse_hub(source)
    if hub is None:
        raise RecipeError(f"{source!r} names no source of problems; it must be {FORMS}")
    if not source.startswith("hub:") and Path(source).exists():
        raise DataError(f"{source}: a file of unknown format; the name must end in {', '.join(SUFFIXES)}")
    return load_hub(
        hub.name,
        config=hub.config,
        split=hub.split or "train",
        kind=kind,
        as_split=split or "train",
        skip_bad=skip_bad,
        limit=count,
        require_reference=require_reference,
        warn=warn,
    )
