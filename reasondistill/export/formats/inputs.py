"""The rollouts that formats are made from: the kept ones, and the wrong ones of the same problems.

Memory holds a key per rollout; texts are read again, in the order in which a format wants them.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import groupby

from verifiers import Outcome

from ...curation.candidate_source import Candidate, Key, Source
from ...records import Example, Row
from ..options import ExportOptions
from ..rendering import uses_tools

_RIGHT = {Outcome.CORRECT: True, Outcome.INCORRECT: False, Outcome.TIMEOUT: False}
"""Outcomes that verify a rollout right or wrong; no answer, undecided and error do neither."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry(Key):
    """A rollout's key with the numbers that pairs are chosen by."""

    length: int
    """Tokens of the completion; its characters where no engine counted."""
    right: bool | None
    """Verified right or wrong; None for neither."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """A rollout as the formats see it."""

    candidate: Candidate
    example: Example
    """The student's prompt and the completion as the main split has them."""

    @property
    def right(self) -> bool | None:
        """Whether it was verified right or wrong; None for neither."""
        return _RIGHT.get(self.candidate.verdict.outcome)

    @property
    def tools(self) -> Row:
        """The column `tools`, where one was offered."""
        return {"tools": json.dumps(list(self.example.tools))} if self.example.tools else {}

    @property
    def origin(self) -> Row:
        """The columns that name a row's origin."""
        problem = self.candidate.problem
        return {"rollout_id": self.candidate.rollout.id, "problem_id": problem.id, "source": problem.source}


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """The rollouts of one dataset. Every problem in it has a kept rollout."""

    source: Source
    make: Callable[[Candidate], Example]
    kept: tuple[Entry, ...]
    wrong: tuple[Entry, ...] = ()
    """Rollouts of the same problems that were verified wrong and that curation dropped for nothing else."""
    tools: bool = False
    """Use of a tool by some rollout."""
    rl_problems: frozenset[str] | None = None
    """Problem ids that rows for RL are restricted to; None for no restriction."""
    options: ExportOptions = field(default_factory=ExportOptions)
    seed: int = 0

    @property
    def decided(self) -> list[Entry]:
        """The rollouts that were verified right or wrong, kept ones first."""
        return [entry for entry in (*self.kept, *self.wrong) if entry.right is not None]

    def read(self, entries: Iterable[Key]) -> Iterator[Sample]:
        """Yield the samples in the order of the entries."""
        ids = [entry.rollout_id for entry in entries]
        return (Sample(candidate=c, example=self.make(c)) for c in self.source.read(ids))

    def groups(self) -> Iterator[list[Sample]]:
        """Yield the samples of one problem at a time, kept ones first; problems in the order of the main split."""
        place = {name: number for number, name in enumerate(dict.fromkeys(e.problem_id for e in self.kept))}
        entries = sorted((*self.kept, *self.wrong), key=lambda entry: place[entry.problem_id])
        for _, group in groupby(self.read(entries), key=lambda sample: sample.candidate.problem.id):
            yield list(group)

    def problems(self) -> Iterator[Sample]:
        """Yield the first kept sample of each problem."""
        first: dict[str, Entry] = {}
        for entry in self.kept:
            first.setdefault(entry.problem_id, entry)
        return self.read(first.values())


def gather(
    kept: Source,
    make: Callable[[Candidate], Example],
    wrong: Source | None = None,
    *,
    options: ExportOptions | None = None,
    seed: int = 0,
    rl_problems: frozenset[str] | None = None,
) -> Material:
    """Read the rollouts once and return the material of the formats."""
    tools = False

    def entries(source: Iterable[Candidate]) -> Iterator[Entry]:
        nonlocal tools
        for candidate in source:
            tools = tools or uses_tools(candidate.rollout.completion)
            yield Entry(
                rollout_id=candidate.rollout.id,
                problem_id=candidate.problem.id,
                length=candidate.rollout.usage.completion_tokens or len(candidate.rollout.written),
                right=_RIGHT.get(candidate.verdict.outcome),
            )

    mine = tuple(entries(kept))
    ids = {entry.rollout_id for entry in mine}
    others = tuple(e for e in entries(wrong or ()) if e.right is False and e.rollout_id not in ids)
    return Material(
        source=kept,
        make=make,
        kept=mine,
        wrong=others,
        tools=tools,
        rl_problems=rl_problems,
        options=options or ExportOptions(),
        seed=seed,
    )
