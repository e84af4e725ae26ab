"""Control splits, which a selection is compared with, and the wrong rollouts of its problems.

`all` (unverified) and `wrong` differ from the selection in the outcome they keep. `random` is drawn from everything
that could have been selected, and shows whether the selection is better than chance. The trainer matches the tokens.
"""

from collections import Counter
from dataclasses import replace
from typing import Literal

from ..records import content_id
from .candidate_source import Source
from .options import CurateOptions
from .select import Selection, make_steps, select
from .steps.licence import LicenceRule
from .steps.near_duplicates import NearDuplicateOptions

Data = Literal["correct", "all", "wrong", "random"]
"""Rows that a student is trained on."""
_CHOOSING = [
    "quality",
    "near_duplicates",
    "pass_rate",
    "max_per_problem",
    "s1k",
    "ifd",
    "diverse",
    "small_set",
    "max_tokens",
    "custom",
]
"""Options of the steps that choose."""


def control_options(options: CurateOptions, data: Data) -> CurateOptions:
    """Return the curation of a control: without the steps that choose for `random`, else with another outcome."""
    if data != "random":
        return replace(options, keep=data)
    return replace(options, **{name: getattr(CurateOptions(), name) for name in _CHOOSING})


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


def wrong_rollouts(
    source: Source, selection: Selection, options: CurateOptions, licence: LicenceRule | None = None, *, seed: int = 0
) -> Source:
    """Return the wrong rollouts of the selection's problems, which preference data sets against the right ones.

    They are complete and no two are alike; steps that choose and quality checks are off, since a rejected trace may
    loop or have a false step. No problem that curation left out comes back. `options` made the selection.
    """
    problems = {key.problem_id for key in selection.keys}
    alike = NearDuplicateOptions(traces=options.near_duplicates.traces, numerals=options.near_duplicates.numerals)
    loose = replace(
        control_options(options, "random"), keep="wrong", near_duplicates=alike, unsolved_by=(), decontaminate=False
    )
    return select(source, make_steps(loose, licence), seed=seed, problems=problems).kept
