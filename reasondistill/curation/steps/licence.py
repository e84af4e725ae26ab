"""May a problem's statement be given on? Rows say it (`licence`), or else whoever names their source.

Only words are read here: whether a licence fits a use is for a person to decide. A licence that nobody names is not
known, and such statements stay; who knows better writes `third-party` for them.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ...records import Problem
from ..candidates import Candidate
from ..ledger import Ledger

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
    """What is given on."""

    source: str = ""
    """Licence of the problems that name none themselves; empty where it is not known."""
    force: bool = False
    """Give on everything."""


def licence_of(problem: Problem, rule: LicenceRule) -> str:
    """Return the licence of a problem's statement.

    >>> licence_of(Problem(id="p", question="?", metadata={"license": "mit"}), LicenceRule(source="CC BY 4.0"))
    'mit'
    """
    named = (problem.metadata.get(key) for key in KEYS)
    return next((text.strip() for text in named if isinstance(text, str) and text.strip()), rule.source) or NOT_KNOWN


def forbids(licence: str) -> bool:
    """Return whether a licence's words keep the statement from being given on.

    >>> forbids("problem texts (c) MAA"), forbids("CC BY-NC-SA 4.0"), forbids("unknown third-party")
    (True, False, True)
    """
    return bool(_FORBIDS.search(licence))


def keep_licensed(candidates: Iterable[Candidate], rule: LicenceRule, ledger: Ledger) -> Iterator[Candidate]:
    """Drop rollouts whose problem's statement may not be given on."""
    for candidate in candidates:
        licence = licence_of(candidate.problem, rule)
        if forbids(licence) and not rule.force:
            ledger.add(candidate.drop("licence", "statement_not_free", licence))
        else:
            yield candidate


def count_licences(problems: Iterable[Problem], rule: LicenceRule) -> Counter[str]:
    """Return the number of problems by licence."""
    return Counter(licence_of(problem, rule) for problem in problems)
