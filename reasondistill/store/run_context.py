"""What a step of a run sees: the run folder, the states of the steps it reads, and a way to run jobs apart.

The driver in `run/` makes the context; steps live in the packages below it and need nothing else of the run.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Protocol

from ..records import Row
from .folder import RunFolder


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """How much of a step is done; a dry run prints it."""

    wanted: int = 1
    """Rows, models or files that the step makes in all."""
    stored: int = 0
    """Rows, models or files that are finished."""
    tokens: int = 0
    """Completion tokens that the missing ones cost at most."""
    lines: tuple[str, ...] = ()
    """Sentences for people, beyond the counts."""
    rows: tuple[Row, ...] = ()
    """The same for programs: one object per part of the step."""


class Job(Protocol):
    """A frozen dataclass that may cross to a process of its own as JSON, because it loads a model."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def loads_model(self) -> bool:
        """Whether the job loads a model into its process; others run in the driver's."""

    def run(self) -> Row:
        """Do the work and return a JSON object."""


@dataclass(slots=True, kw_only=True)
class RunContext:
    """One run as its steps see it."""

    folder: RunFolder
    recipe_folder: Path = field(default_factory=Path)
    """Folder that relative paths of prompt templates start from."""
    command: str = ""
    """Command line of this invocation, secrets masked."""
    shared: dict[str, Any] = field(default_factory=dict)
    """Objects that a step hands to later steps of the same invocation, such as problems read in a dry run."""
    pending: set[str] = field(default_factory=set)
    """In a dry run, names of the steps so far that have something to do: their stored outputs do not count."""

    @property
    def path(self) -> Path:
        """Path of the run folder."""
        return self.folder.path

    def record(self, name: str) -> Row:
        """Return the stored record of a step (`key`, `done`, `seconds`, `summary`), or {} where it has not run."""
        return dict(self.folder.read_json(record_file(name)) or {})

    def is_current(self, name: str) -> bool:
        """Return whether a step has run, at least in part, and its outputs are not marked stale."""
        record = self.record(name)
        return record.get("summary") is not None and not record.get("stale", False)

    def summary(self, name: str) -> Row:
        """Return the summary that a step left, or {} where it has not run."""
        return dict(self.record(name).get("summary") or {})

    def state(self, reference: str) -> str | None:
        """Return what a reader of a step depends on; None where the step has not run, or will run anew.

        `NAME` is the whole step: the hash of its output where its summary has one (`output`), else its key.
        `NAME:PART` is one part of its output, such as `export:main` (`outputs` of the summary).
        """
        name, _, part = reference.partition(":")
        if name in self.pending:
            return None
        record = self.record(name)
        summary: Mapping[str, Any] = record.get("summary") or {}
        state = summary.get("outputs", {}).get(part) if part else summary.get("output") or record.get("key")
        return None if state is None else str(state)

    def note(self, name: str, summary: Row) -> None:
        """Store a preliminary summary of the step that is running, so that a killed run can be reported."""
        self.folder.write_json(record_file(name), {**self.record(name), "summary": summary})

    def run_job(self, job: Job) -> Row:
        """Run a job, in a child process where it loads a model. Raises what the job raised."""
        raise NotImplementedError


def record_file(name: str) -> str:
    """Return the path of a step's record within the run folder.

    >>> record_file("curate/ifd")
    'steps/curate.ifd.json'
    """
    return f"steps/{name.replace('/', '.')}.json"
