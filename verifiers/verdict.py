"""The verdict on one completion: the outcome, the answer that was read, and the reason. Decides nothing."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Self

BAD_GOLD = "bad_gold"
"""First word of the reason where no answer can equal the reference."""


class Outcome(StrEnum):
    """Result of judging a completion. "Wrong" and "could not judge" are never the same word."""

    CORRECT = "correct"
    INCORRECT = "incorrect"
    NO_ANSWER = "no_answer"
    """The completion holds no answer to compare."""
    TIMEOUT = "timeout"
    """The candidate's own program ran too long; it counts as wrong."""
    UNDECIDED = "undecided"
    """The verifier could not tell: it ran out of time, of memory or of size on this pair."""
    ERROR = "error"
    """Our side broke, or the reference is unusable (`reason` starts with `bad_gold`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The judgement of one completion.

    >>> Verdict(outcome=Outcome.CORRECT, extracted="5", expected="5").correct
    True
    """

    outcome: Outcome
    extracted: str | None = None
    """The answer as written in the completion; None if it has none."""
    expected: str | None = None
    """The reference that it was compared with."""
    method: str = ""
    """Place of the answer and the tier that decided, such as `boxed:rational`."""
    reason: str = ""
    """Empty for a plain yes or no; else a short word, a colon and a sentence where one helps."""
    verifier: str = ""
    """Name and version of the verifier."""
    seconds: float = 0.0
    steps: tuple[Any, ...] | None = None
    """Judgements of single steps, where a verifier makes them."""

    @property
    def correct(self) -> bool | None:
        """True or False, and None for undecided and error: those must never be read as wrong."""
        if self.outcome in (Outcome.UNDECIDED, Outcome.ERROR):
            return None
        return self.outcome is Outcome.CORRECT

    def to_row(self) -> dict[str, Any]:
        """Return the JSON row."""
        row = {name: getattr(self, name) for name in self.__slots__}
        return {**row, "outcome": str(self.outcome), "steps": None if self.steps is None else list(self.steps)}

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Self:
        """Rebuild from `to_row`'s object; other keys are left out."""
        known = {name: row[name] for name in cls.__slots__ if name in row}
        known["outcome"] = Outcome(row["outcome"])
        known["steps"] = None if row.get("steps") is None else tuple(row["steps"])
        return cls(**known)
