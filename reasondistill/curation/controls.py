"""Control splits: rows that a selection is compared with, of the same number of problems.

`all` (unverified) and `wrong` differ from the selection in the outcome they keep. `random` is drawn from everything
that could have been selected, and shows whether the selection is better than chance. The trainer matches the tokens.
"""

from collections import Counter
from dataclasses import replace
from typing import Literal

from ..records import content_id
from .candidate_source import Source
from .options import CurateOptions
from .select import Selection
from .steps.ifd import IfdOptions
from .steps.near_duplicates import NearDuplicateOptions
from .steps.pass_rate import PassRateOptions
from .steps.quality import QualityOptions
from .steps.small_set import SmallSetOptions

Data = Literal["correct", "all", "wrong", "random"]
"""Rows that a student is trained on."""


def control_options(options: CurateOptions, data: Data) -> CurateOptions:
    """Return the curation of a control: without the steps that choose for `random`, else with another outcome."""
    if data != "random":
        return replace(options, keep=data)
    return replace(
        options,
        quality=QualityOptions(),
        near_duplicates=NearDuplicateOptions(),
        pass_rate=PassRateOptions(),
        max_per_problem=None,
        s1k=None,
        ifd=IfdOptions(),
        diverse=None,
        small_set=SmallSetOptions(),
        max_tokens=None,
        custom=(),
    )


def match_problems(control: Selection, selection: Selection, seed: int) -> Source:
    """Draw as many problems as the selection has, each with no more rollouts than the selection's largest group.

    Ids and seed decide, and the rollouts stay in their order. A control of fewer problems keeps all of them.
    """
    groups = Counter(key.problem_id for key in selection.keys)
    largest = max(groups.values(), default=0)
    problems = sorted({k.problem_id for k in control.keys}, key=lambda name: content_id("control", seed, name))
    drawn = set(problems[: len(groups)])
    ranked = sorted(control.keys, key=lambda key: content_id("control", seed, key.rollout_id))
    taken: Counter[str] = Counter()
    chosen = set()
    for key in ranked:
        if key.problem_id in drawn and taken[key.problem_id] < largest:
            taken[key.problem_id] += 1
            chosen.add(key.rollout_id)
    return control.kept.narrowed([identifier for identifier in control.kept.ids if identifier in chosen])
