"""Beginnings that a group of attempts shares: everything up to the first executed block, its interpreter included."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from ....records import FinishReason
from .attempt import TirAttempt

MAX_BEGINNINGS = 1000
"""Beginnings kept for attempts not yet started. Bounded, or incomplete groups would leak."""

Group = tuple[str, int]


@dataclass(slots=True, kw_only=True)
class _Beginning:
    attempt: TirAttempt
    task: "asyncio.Task[FinishReason | None]"
    expected: int
    """Attempts of the group that have not taken their copy yet."""
    copying: int = 0


class SharedBeginnings:
    """The beginnings under way or kept; each interpreter is closed when the last attempt of its group has its copy."""

    def __init__(self, group_size: int) -> None:
        self._group_size = group_size
        self._kept: dict[Group, _Beginning] = {}

    def __len__(self) -> int:
        return len(self._kept)

    async def join(self, attempt: TirAttempt, group: Group, begin: Callable[[], TirAttempt]) -> None:
        """Continue an attempt from its group's beginning, made by the first; one without code is only the first's."""
        first = group not in self._kept
        if first:
            # An attempt that comes too late for its own beginning makes another one.
            idle = [group for group, kept in self._kept.items() if not kept.copying]
            for oldest in idle[: max(0, len(self._kept) + 1 - MAX_BEGINNINGS)]:
                self._kept.pop(oldest).attempt.interpreter.close()
            made = begin()
            task = asyncio.create_task(made.run(until_code=True))
            self._kept[group] = _Beginning(attempt=made, task=task, expected=self._group_size)
        beginning = self._kept[group]
        beginning.copying += 1
        try:
            finish = await asyncio.shield(beginning.task)
            if finish is None or first:
                await attempt.branch_from(beginning.attempt, pays=first)
        finally:
            beginning.expected -= 1
            beginning.copying -= 1
            task = beginning.task
            failed = task.done() and (task.cancelled() or task.exception() is not None)
            if beginning.expected == 0 or failed:
                if self._kept.get(group) is beginning:
                    del self._kept[group]
                beginning.attempt.interpreter.close()

    async def aclose(self) -> None:
        tasks = [beginning.task for beginning in self._kept.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for beginning in self._kept.values():
            beginning.attempt.interpreter.close()
        self._kept.clear()
