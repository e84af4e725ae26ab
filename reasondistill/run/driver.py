"""Run a list of steps: one mechanism for keys, stale outputs, resuming, timing, dry runs and summaries.

Each step leaves `steps/NAME.json`: `{schema, name, key, identity, done, seconds, summary, wrote}`. The record is
written before the step starts, so that the outputs of a killed step are known by the key that it ran with. Outputs are
moved away when their own step runs with another key; until then their record is marked `stale`, and no report shows
them.
"""

import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ..errors import UserError
from ..progress import say
from ..records import SCHEMA, Row, content_id
from ..store import RunFolder, mask_secrets
from ..store.run_context import Job, RunContext, Work, record_file
from ..store.versions import versions
from .child_process import run_job
from .step import Step


class Context(RunContext):
    """The context that the driver hands to its steps."""

    def run_job(self, job: Job) -> Row:
        """Run a job, in a child process where it loads a model; the child holds the folder's lock too."""
        return run_job(job, lock_fd=self.folder.lock_fd)


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """One step in a dry run."""

    step: Step
    work: Work
    current: bool
    """Whether the step is done with these options and inputs."""


class Driver:
    """The steps of one run over its folder."""

    def __init__(
        self,
        steps: Sequence[Step],
        folder: Path,
        *,
        name: str,
        recipe_folder: Path = Path(),
        command: str = "",
        say: Callable[[str], None] = say,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.steps = tuple(steps)
        self.folder = RunFolder(folder)
        self.context = Context(folder=self.folder, recipe_folder=recipe_folder, command=str(mask_secrets(command)))
        self._name = name
        self._say = say
        self._clock = clock

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Hold the run folder's lock. Raises StoreError for a folder of another run."""
        with self.folder:
            self.folder.claim(self._name)
            place = str(self.context.recipe_folder.resolve())
            names = [step.name for step in self.steps]
            self.folder.update_manifest(steps=names, versions=versions(), recipe_folder=place)
            self.folder.log("start", command=self.context.command)
            yield
            self.folder.log("end")

    def run(self, only: Collection[str] | None = None, *, again: bool = False) -> None:
        """Do what is missing of every step, or of those named in `only`, in order. Call it inside `writing`.

        With `again` a finished step is run once more, over the outputs that it has.
        """
        for step in self.steps:
            if only is None or step.name in only:
                self._run(step, again)

    def dry_run(self) -> list[Planned]:
        """Return what each step has to do. Nothing is written."""
        planned, pending = [], self.context.pending
        for step in self.steps:
            known = not any(name.partition(":")[0] in pending for name in step.reads)
            current = known and self._is_current(step, self._key(step))
            if not current:
                pending.add(step.name)
            planned.append(Planned(step=step, work=step.work(self.context), current=current))
        pending.clear()
        return planned

    def refresh(self) -> None:
        """Note which stored outputs these options and inputs would not make; `report` leaves those out.

        A step whose options cannot be computed here, because its model is absent, keeps its note.
        """
        stale: set[str] = set()
        for step in self.steps:
            record = self.context.record(step.name)
            is_stale = any(name.partition(":")[0] in stale for name in step.reads)
            try:
                is_stale = is_stale or record.get("key") != self._key(step)
            except UserError:
                is_stale = record.get("stale", False)
            if record and is_stale:
                stale.add(step.name)
            self._note_stale(step, is_stale)

    def _run(self, step: Step, again: bool) -> None:
        key = self._key(step)
        if self._is_current(step, key) and not again:
            self._note_stale(step, False)
            return
        record = self.context.record(step.name)
        identity = self._identity(step) or key
        same = record.get("identity") == identity
        if record and not same:
            for name in step.writes:
                self.folder.supersede(name)
        if record.get("key") != key:
            self._note_readers_stale(step)
        seconds = record.get("seconds", 0.0) if same else 0.0
        entry: Row = {
            "schema": SCHEMA,
            "name": step.name,
            "key": key,
            "identity": identity,
            "done": False,
            "seconds": seconds,
            "summary": record.get("summary") if same else None,
        }
        self.folder.write_json(record_file(step.name), entry)
        began = self._clock()
        try:
            summary = step.run(self.context)
            wrote = [name for name in step.writes if (self.folder.path / name).exists()]
            entry |= {"summary": mask_secrets(summary), "done": not summary.get("missing"), "wrote": wrote}
        except BaseException:
            entry["summary"] = self.context.record(step.name).get("summary")
            raise
        finally:
            entry["seconds"] = round(seconds + self._clock() - began, 3)
            self.folder.write_json(record_file(step.name), entry)
        self.folder.log("step", name=step.name, seconds=entry["seconds"], done=entry["done"])

    def _note_readers_stale(self, changed: Step) -> None:
        stale = {changed.name}
        for step in self.steps:
            if any(name.partition(":")[0] in stale for name in step.reads):
                stale.add(step.name)
                self._note_stale(step, True)

    def _note_stale(self, step: Step, stale: bool) -> None:
        record = self.context.record(step.name)
        if record and record.get("stale", False) != stale:
            self.folder.write_json(record_file(step.name), {**record, "stale": stale})

    def _key(self, step: Step) -> str:
        return content_id(step.options(), {name: self.context.state(name) for name in step.reads}, self._identity(step))

    def _identity(self, step: Step) -> str | None:
        """Return the hash of what makes a growing step's stored rows usable; None for other steps."""
        own: Callable[[RunContext], Row] | None = getattr(step, "identity", None)
        return None if own is None else content_id(own(self.context))

    def _is_current(self, step: Step, key: str) -> bool:
        record = self.context.record(step.name)
        kept = all((self.folder.path / name).exists() for name in record.get("wrote", ()))
        return bool(record.get("done")) and record.get("key") == key and kept
