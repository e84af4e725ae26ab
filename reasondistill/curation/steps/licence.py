"""Drop rollouts whose problem's statement may not be redistributed.

The licence comes from the problem's row (`licence`), else from its source. Only its words are read: whether a licence
fits a use is for a person to decide. Statements with an unknown licence stay; name `third-party` to drop them.
"""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from ...records import Problem
from ..candidate_source import Candidate
from ..curation_step import Context, CurationStep, Reason

KEYS = ("licence", "license")
"""Keys of a problem's metadata that name its licence."""
NOT_KNOWN = "not known"
_FORBIDS = re.compile(
    r"\(c\)|©|copyright|all rights reserved|proprietary|third[- ]party|problem texts|competition texts|confidential"
    r"|no[- ](?:re)?distribution|not (?:re)?distributable",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class LicenceRule:
    """Rule by which statements are redistributed."""

    source: str = ""
    """Licence of problems that name none themselves; empty where it is unknown."""
    force: bool = False
    """Redistribution of every statement, whatever its licence."""


def licence_of(problem: Problem, rule: LicenceRule) -> str:
    """Return the licence of a problem's statement.

    >>> licence_of(Problem(id="p", question="?", metadata={"license": "mit"}), LicenceRule(source="CC BY 4.0"))
    'mit'
    """
    named = (problem.metadata.get(key) for key in KEYS)
    return next((text.strip() for text in named if isinstance(text, str) and text.strip()), rule.source) or NOT_KNOWN


def forbids(licence: str) -> bool:
    """Return whether a licence's words forbid redistribution of the statement.

    >>> forbids("problem texts (c) MAA"), forbids("CC BY-NC-SA 4.0"), forbids("unknown third-party")
    (True, False, True)
    """
    return bool(_FORBIDS.search(licence))


class Licence(CurationStep):
    """Drop rollouts whose problem's statement may not be redistributed."""

    name = "licence"
    Options = LicenceRule
    options: LicenceRule

    def fault(self, candidate: Candidate, _context: Context) -> Reason | None:
        """Return a licence that forbids it."""
        licence = licence_of(candidate.problem, self.options)
        return ("statement_not_free", licence) if forbids(licence) and not self.options.force else None


def count_licences(problems: Iterable[Problem], rule: LicenceRule) -> Counter[str]:
    """Return the number of problems by licence."""
    return Counter(licence_of(problem, rule) for problem in problems)
