"""The protocol of a step: one part of a run that owns its outputs. The driver does everything else."""

from typing import Protocol

from ..records import Row
from ..store.run_context import RunContext, Work

__all__ = ["RunContext", "Step", "Work"]


class Step(Protocol):
    """One part of a run.

    A step's key is the content hash of its options and of the states of the steps that it reads. When the key changes,
    the driver moves what the step had written to `superseded/` and runs it anew. A step whose rows are keyed by content
    ids may define `identity(run) -> Row` too: its outputs then stay, and grow, as long as the identity is the same.
    """

    @property
    def name(self) -> str:
        """Name that is unique in the run: "generate", "curate/ifd", "train/dpo", "round-2/generate"."""

    @property
    def reads(self) -> tuple[str, ...]:
        """Names of the steps whose outputs it reads, or `NAME:PART` for one part of an output."""

    @property
    def writes(self) -> tuple[str, ...]:
        """Files and folders that it owns, relative to the run folder."""

    def options(self) -> Row:
        """Return everything that decides the output, as a JSON object."""

    def work(self, run: RunContext) -> Work:
        """Return how much is wanted and stored, and the tokens at most. Writes nothing."""

    def run(self, run: RunContext) -> Row:
        """Do what is missing and return the summary.

        `missing` in the summary: rows that failed for now, so the same command does the step again. `output` or
        `outputs`: hashes of what was written, for the steps that read it.
        """
