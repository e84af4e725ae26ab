"""Read what a run measured: summaries of its steps and the rollouts behind them. Needs no model and no engine."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..evaluation.read import MEASURED
from ..evaluation.results import SetResult, measure, pool
from ..records import Row
from ..rows.run_problems import TRAIN
from ..store import RunFolder
from ..store.run_context import RunContext, record_file

HEADLINE = "seen"
"""Held-out set behind `accuracy`. Runs without a set of that name use their first one."""

Results = dict[str, SetResult]
"""Results of one model by set."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Student:
    """One student of a run, over its seeds."""

    name: str
    folders: list[str] = field(default_factory=list)
    """Names of its trained models, one per seed: what its evaluations are filed under."""
    records: list[Row] = field(default_factory=list)
    """Records of its trainings, one per seed."""


class RunResults:
    """The current summaries of a run folder; steps whose outputs are stale are left out."""

    def __init__(self, path: Path) -> None:
        self.folder = RunFolder(path)
        self._run = RunContext(folder=self.folder)
        self.manifest: Row = self.folder.read_json("manifest.json") or {}
        self.steps: dict[str, Row] = {
            name: self._run.record(name) for name in self.manifest.get("steps", ()) if self._run.is_current(name)
        }
        """Records of the current steps, in the order in which they run."""

    @property
    def path(self) -> Path:
        """Path of the run folder."""
        return self.folder.path

    @property
    def held_out(self) -> list[str]:
        """Names of the held-out sets."""
        return [name for name in self.summary("problems").get("problems", {}) if name != TRAIN]

    @property
    def headline(self) -> str | None:
        """Name of the set whose accuracy stands for the run."""
        return HEADLINE if HEADLINE in self.held_out else next(iter(self.held_out), None)

    def summary(self, name: str) -> Row:
        """Return a current step's summary, or {}."""
        return dict(self.steps.get(name, {}).get("summary") or {})

    def sampled(self) -> Iterator[tuple[str, str, Row]]:
        """Yield `(who, set, row)` of every sampled set: the teacher's training rollouts and each evaluation."""
        for record in self.steps.values():
            for who, sets in record["summary"].get("results", {}).items():
                for name, row in sets.items():
                    yield who, name, {**row, "model": record["summary"]["model"]}

    def model(self, who: str) -> str | None:
        """Return the name of a measured model."""
        return next((row["model"] for name, _, row in self.sampled() if name == who), None)

    def measure(self) -> dict[str, Results]:
        """Measure every model on every held-out set, from the stored rollouts and verdicts."""
        measured: dict[str, Results] = {}
        for who, name, row in self.sampled():
            if name in self.held_out and (result := self._measure(row["folder"])):
                measured.setdefault(who, {})[name] = result
        return measured

    def train_results(self) -> SetResult | None:
        """Measure the teacher's rollouts of the training problems; None where there are none."""
        return self._measure(".")

    def students(self) -> list[Student]:
        """Return the trained students in the recipe's order."""
        students: dict[str, Student] = {}
        for record in self.steps.values():
            summary: dict[str, Any] = record["summary"]
            if "trained_tokens" in summary:
                student = students.setdefault(summary["student"], Student(name=summary["student"]))
                student.folders.append(summary["folder"])
                student.records.append(record)
        return list(students.values())

    def pooled(self) -> dict[str, Results]:
        """Measure every model, the seeds of one student averaged problem by problem."""
        measured = self.measure()
        seeds = {folder: student.name for student in self.students() for folder in student.folders}
        groups: dict[str, dict[str, list[SetResult]]] = {}
        for who, results in measured.items():
            for name, result in results.items():
                groups.setdefault(seeds.get(who, who), {}).setdefault(name, []).append(result)
        return {
            who: {name: own[0] if len(own) == 1 else pool(own) for name, own in results.items()}
            for who, results in groups.items()
        }

    def _measure(self, folder: str) -> SetResult | None:
        ids = RunFolder(self.path / folder).read_json(MEASURED)
        return measure(self.path / folder, only=ids or ())


def is_run(place: Path) -> bool:
    """Return whether a folder holds a run."""
    return (place / record_file("problems")).is_file()
