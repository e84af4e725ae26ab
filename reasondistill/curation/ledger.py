"""The drop ledger: one row per rollout that did not become an example, with step, reason and evidence."""

import json
import os
import tempfile
import weakref
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, astuple, dataclass, fields
from typing import IO

from ..records import SCHEMA, Row

IN_MEMORY = 1 << 20
"""Bytes of one step's drops that are held in memory; more go to the disk."""
_READ_BYTES = 1 << 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Drop:
    """Why one rollout was left out."""

    rollout_id: str
    problem_id: str
    step: str
    """The curation step that dropped it."""
    reason: str
    evidence: str = ""
    """Evidence that lets a person agree: the matching text, the id of the twin, the count."""

    def to_row(self) -> Row:
        """Return the row of the `drops` table."""
        return {**asdict(self), "schema": SCHEMA}


@dataclass(frozen=True, slots=True, kw_only=True)
class WaterfallRow:
    """Counts of one curation step."""

    stage: str
    """Name of the step."""
    kept: int
    """Rollouts left after it."""
    dropped: int
    reasons: Mapping[str, int]
    """Dropped rollouts by reason; they add up to `dropped`."""


class Ledger:
    """Collects drops while rollouts pass through the steps. Each step's drops go to a file once they are many.

    >>> ledger = Ledger()
    >>> ledger.add(Drop(rollout_id="r", problem_id="p", step="outcome", reason="incorrect"))
    >>> [drop.reason for drop in ledger.drops]
    ['incorrect']
    """

    def __init__(self, steps: Sequence[str] = ()) -> None:
        """`steps` is the order in which drops are listed; other steps follow in the order of their first drop."""
        self._order = {step: number for number, step in enumerate(steps)}
        self._counts: dict[str, Counter[str]] = {}
        self._spools: dict[str, IO[bytes]] = {}

    def add(self, drop: Drop) -> None:
        """Enter one drop."""
        if drop.step not in self._spools:
            # Closed with the ledger: a with-block cannot span the steps' generators.
            self._spools[drop.step] = spool = tempfile.SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115
            weakref.finalize(self, spool.close)
            self._counts[drop.step] = Counter()
        self._spools[drop.step].write(json.dumps(astuple(drop)).encode() + b"\n")
        self._counts[drop.step][drop.reason] += 1

    @property
    def drops(self) -> "Drops":
        """All drops by step, each step's in the order in which they were entered."""
        return Drops(self)

    def counts(self) -> dict[str, Counter[str]]:
        """Return the number of drops by step and reason."""
        return {step: self._counts[step] for step in self._steps()}

    def _steps(self) -> list[str]:
        return sorted(self._counts, key=lambda step: self._order.get(step, len(self._order)))

    def _read(self) -> Iterator[Drop]:
        names = [field.name for field in fields(Drop)]
        for step in self._steps():
            spool, at = self._spools[step], 0
            spool.seek(0, os.SEEK_END)
            end = spool.tell()
            while at < end:
                spool.seek(at)
                lines = spool.readlines(_READ_BYTES)
                at = spool.tell()
                for line in lines:
                    yield Drop(**dict(zip(names, json.loads(line), strict=True)))
            spool.seek(0, os.SEEK_END)


@dataclass(frozen=True, slots=True)
class Drops:
    """The drops of a ledger; each iteration reads them from the beginning."""

    ledger: Ledger

    def __len__(self) -> int:
        return sum(counts.total() for counts in self.ledger.counts().values())

    def __iter__(self) -> Iterator[Drop]:
        return self.ledger._read()


def waterfall(rollouts: int, drops: Mapping[str, Mapping[str, int]], examples: int) -> list[WaterfallRow]:
    """Return the rollouts that each step left, in the order of the steps, down to the examples.

    Raises ValueError when kept and dropped rollouts do not add up: a rollout vanished or is in the ledger twice.

    >>> [row.kept for row in waterfall(5, {"outcome": {"incorrect": 2}, "complete": {"truncated": 1}}, 2)]
    [3, 2]
    """
    rows, left = [], rollouts
    for step, reasons in drops.items():
        dropped = sum(reasons.values())
        left -= dropped
        rows.append(WaterfallRow(stage=step, kept=left, dropped=dropped, reasons=dict(reasons)))
    if left != examples:
        raise ValueError(f"{rollouts} rollouts, {rollouts - left} in the drop ledger, {examples} examples: no sum")
    return rows
