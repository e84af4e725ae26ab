"""Control splits: what a selection is compared with, at the same number of problems.

`all` (unverified) and `wrong` differ from the selection in the outcome they keep; `random` is drawn from what was there
to select from, and tells whether the selection is better than chance. The same number of tokens is the trainer's part.
"""

from collections import Counter
from dataclasses import replace

from ..records import content_id
from .candidate_source import Kept
from .select import SelectOptions
from .steps.near_duplicates import NearDuplicateOptions
from .steps.quality import QualityOptions
from .steps.small_set import SmallSetOptions

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
        ifd=None,
        diverse=None,
        small_set=SmallSetOptions(),
        max_tokens=None,
    )


def match_problems(control: Kept, selection: Kept, seed: int) -> Kept:
    """Draw as many problems as the selection has, each with no more rollouts than the selection's largest group.

    The ids and the seed decide; what is drawn stays in its order. A control of fewer problems stays as it is.
    """
    groups = Counter(key.problem_id for key in selection.keys)
    most = max(groups.values(), default=0)
    problems = sorted({k.problem_id for k in control.keys}, key=lambda name: content_id("control", seed, name))
    drawn = set(problems[: len(groups)])
    ranked = sorted(control.keys, key=lambda key: content_id("control", seed, key.rollout_id))
    taken: Counter[str] = Counter()
    chosen = set()
    for key in ranked:
        if key.problem_id in drawn and taken[key.problem_id] < most:
            taken[key.problem_id] += 1
            chosen.add(key.rollout_id)
    return Kept(control.source, [key for key in control.keys if key.rollout_id in chosen])
