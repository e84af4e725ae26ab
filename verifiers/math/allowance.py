"""Time limits of a comparison, in processor time of its thread: a busy machine gives the verdicts of an idle one."""

from dataclasses import dataclass
from time import thread_time


class OutOfTime(Exception):
    """The time of a comparison ended before a value was known, which says nothing about the value."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """Ends at a processor time of this thread (`thread_time`)."""

    end: float

    @classmethod
    def of(cls, seconds: float) -> "Allowance":
        """Return an allowance that ends after so many seconds of this thread's processor time.

        >>> Allowance.of(1).is_over, Allowance.of(-1).is_over
        (False, True)
        """
        return cls(thread_time() + seconds)

    @property
    def is_over(self) -> bool:
        """Whether the time has ended."""
        return thread_time() > self.end

    def at_most(self, seconds: float) -> "Allowance":
        """Return an allowance that ends after so many seconds of processor time, and no later than this one."""
        return Allowance(min(self.end, thread_time() + seconds))
