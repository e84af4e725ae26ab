"""The wrong rollouts of the problems that a selection kept, which preference data sets against the right ones.

No problem that curation left out comes back through them: not a contaminated one, a near-duplicate, one outside the
pass-rate band or one that was not chosen.
"""

from dataclasses import replace

from .candidate_source import Source
from .controls import control_options
from .options import CurateOptions
from .select import Selection, make_steps, select
from .steps.licence import LicenceRule
from .steps.near_duplicates import NearDuplicateOptions


def wrong_rollouts(
    source: Source, selection: Selection, options: CurateOptions, licence: LicenceRule | None = None, *, seed: int = 0
) -> Source:
    """Return the wrong rollouts of the selection's problems: complete, no two alike. Steps that choose are left out.

    Quality checks are off too: a rejected trace may loop or have a false step. `options` made the selection.
    """
    problems = {key.problem_id for key in selection.keys}
    alike = NearDuplicateOptions(traces=options.near_duplicates.traces, numerals=options.near_duplicates.numerals)
    loose = replace(
        control_options(options, "random"), keep="wrong", near_duplicates=alike, unsolved_by=(), decontaminate=False
    )
    return select(source, make_steps(loose, licence), seed=seed, problems=problems).kept
