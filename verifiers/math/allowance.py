"""How long the tiers before sympy may take: processor time of their thread, as a busy machine is no reason to refuse.

The end of the whole call is wall time: nobody waits longer.
"""

from dataclasses import dataclass
from time import perf_counter, thread_time


class OutOfTime(Exception):
    """The time of a comparison ended before a value was known, which says nothing about the value."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """Ends at a processor time of this thread (`thread_time`) or at a wall time (`perf_counter`), the earlier one."""

    processor_end: float
    wall_end: float = float("inf")

    @classmethod
    def of(cls, seconds: float, wall_end: float = float("inf")) -> "Allowance":
        """Return an allowance that ends after so many seconds of this thread's processor time.

        >>> Allowance.of(1).is_over, Allowance.of(1, perf_counter() - 1).is_over
        (False, True)
        """
        return cls(thread_time() + seconds, wall_end)

    @property
    def is_over(self) -> bool:
        """Whether the time has ended."""
        return thread_time() > self.processor_end or perf_counter() > self.wall_end

    def at_most(self, seconds: float) -> "Allowance":
        """Return an allowance that ends after so many seconds of processor time, and no later than this one."""
        return Allowance(min(self.processor_end, thread_time() + seconds), self.wall_end)
