"""The wrong rollouts of the problems that a selection kept: what preference data holds against the right ones.

No problem that curation left out comes back through them: not a contaminated one, a near-duplicate, one outside the
pass rate or one without a place in the selection.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace

from .candidate_source import Kept, Source
from .candidates import Candidate
from .controls import RANDOM, control_options
from .select import SelectOptions, select
from .steps.near_duplicates import NearDuplicateOptions


def wrong_beside(kept: Kept, options: SelectOptions) -> Kept:
    """Return the wrong rollouts of the kept problems: complete, no two alike; the steps that choose are left out.

    Quality checks are off too: a trace that loops or has a false step is what a rejected one may be.
    """
    problems = {key.problem_id for key in kept.keys}
    alike = NearDuplicateOptions(traces=options.near_duplicates.traces, numerals=options.near_duplicates.numerals)
    own = replace(control_options(options, RANDOM), keep="wrong", near_duplicates=alike)
    return select(_OfProblems(kept.source, problems), own).kept


@dataclass(frozen=True, slots=True)
class _OfProblems:
    """The candidates of some problems."""

    source: Source
    problems: Collection[str]

    def __iter__(self) -> Iterator[Candidate]:
        return (candidate for candidate in self.source if candidate.problem.id in self.problems)

    def only(self, ids: Collection[str]) -> Iterator[Candidate]:
        return self.source.only(ids)
