"""Control splits: what a selection is compared with, at the same number of problems.

`all` (unverified) and `wrong` differ from the selection in the outcome they keep; `random` is drawn from what was there
to select from, and tells whether the selection is better than chance. The same number of tokens is the trainer's part.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from ..records import content_id
from .candidates import Candidate
from .near_duplicates import NearDuplicateOptions
from .quality import QualityOptions
from .select import SelectOptions

RANDOM = "random"


def control_options(options: SelectOptions, control: str) -> SelectOptions:
    """Return the curation of a control: for `random` without the steps that choose, else with another outcome."""
    if control != RANDOM:
        return replace(options, keep=control)
    return replace(
        options,
        quality=QualityOptions(),
        near_duplicates=NearDuplicateOptions(),
        pass_rate=None,
        max_per_problem=None,
        s1k=None,
        max_tokens=None,
    )


def match_problems(control: Sequence[Candidate], selection: Sequence[Candidate], seed: int) -> list[Candidate]:
    """Draw as many problems as the selection has, each with no more rollouts than the selection's largest group.

    The ids and the seed decide; what is drawn stays in its order. A control of fewer problems stays as it is.
    """
    wanted = len({c.problem.id for c in selection})
    most = max(Counter(c.problem.id for c in selection).values(), default=0)
    problems = sorted({c.problem.id for c in control}, key=lambda identifier: content_id("control", seed, identifier))
    drawn = set(problems[:wanted])
    ranked = sorted(control, key=lambda c: content_id("control", seed, c.rollout.id))
    taken: Counter[str] = Counter()
    chosen = set()
    for candidate in ranked:
        if candidate.problem.id in drawn and taken[candidate.problem.id] < most:
            taken[candidate.problem.id] += 1
            chosen.add(candidate.rollout.id)
    return [c for c in control if c.rollout.id in chosen]
