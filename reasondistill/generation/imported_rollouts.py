"""Use rollouts from files instead of sampling a teacher; rows are read as `evaluate --rollouts` reads them.

The files are streamed twice; no text is held.
"""

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path

from verifiers import Outcome
from verifiers.math import grade
from verifiers.thinking import take_thinking

from ..errors import DataError
from ..records import Kind, Message, Problem, Rollout
from ..rows.completion_file import CompletionFile
from ..store import Table
from .syntax import SYNTAXES
from .transcripts import CLOSE, OPEN, parse


@dataclass(slots=True, kw_only=True)
class ImportedRollouts:
    """Files of rollouts and the problems that they attempt."""

    paths: Sequence[Path]
    references: Mapping[str, Problem] = field(default_factory=dict)
    """Problems by the ids that the rows name. Without any, the rows hold their own."""
    warn: Callable[[str], None] = print
    _files: list[CompletionFile] = field(default_factory=list, init=False)

    def problems(self) -> list[Problem]:
        """Return the problems in the order of their rows. DataError for rows that are unusable or contradict."""
        merged: dict[str, tuple[Problem, Path]] = {}
        for path in self.paths:
            file = CompletionFile(path=path, references=self.references, warn=self.warn)
            file.scan()
            self._files.append(file)
            for identifier, problem in file.problems.items():
                known, where = merged.setdefault(identifier, (problem, path))
                if not _same_reference(known, problem):
                    raise DataError(f"{path}: the problem {identifier!r} has another reference than in {where}")
                if problem.question and not known.question:
                    merged[identifier] = (problem, path)
        for identifier, (problem, path) in merged.items():
            if not problem.question:
                way_out = "add `question` to its rows, or name a file that has it as problems.source"
                fault = f"the problem {identifier!r} has no question, which the student needs"
                raise DataError(f"{path}: {fault}; {way_out}")
        return [problem for problem, _ in merged.values()]

    def store(self, table: Table, problems: Collection[str]) -> Counter[str]:
        """After `problems`, append the rollouts of these that the table lacks; return the number by model."""
        models: Counter[str] = Counter()
        number: Counter[str] = Counter()
        for rollout in map(in_roles, chain.from_iterable(self._files)):
            if rollout.problem_id not in problems:
                continue
            models[rollout.model or "not named"] += 1
            if rollout.id not in table:
                table.append(replace(rollout, index=number[rollout.problem_id]).to_row())
            number[rollout.problem_id] += 1
        return models


def in_roles(rollout: Rollout) -> Rollout:
    r"""Return a rollout with a last turn that holds thinking, or code and its outputs, in one text split into roles.

    >>> text = "```python\nprint(4)\n```\n```output\n4\n```\nIt is $\\boxed{4}$."
    >>> turns = (Message(role="assistant", content=text),)
    >>> from reasondistill.records import FinishReason, Sampling
    >>> rollout = Rollout(id="r", problem_id="p", index=0, strategy="imported", messages=turns, model="", engine="",
    ...     finish_reason=FinishReason.STOP, sampling=Sampling(), prompt_hash="")
    >>> [m.role for m in in_roles(rollout).messages], in_roles(rollout).annotations["executions"]
    (['assistant', 'tool', 'assistant'], 1)
    """
    start = len(rollout.messages) - len(rollout.completion)
    before = (*rollout.messages[:start], *map(_thinking_apart, rollout.messages[start:-1]))
    last, text = _thinking_apart(rollout.messages[-1]), rollout.messages[-1].content
    turns: tuple[Message, ...] = (last,)
    if rollout.messages[-1].reasoning is None and not any(m.role == "tool" for m in before):
        if split := take_thinking(text):  # in the tags that `parse` reads
            text = f"{OPEN}{split.thinking}{'' if split.truncated else CLOSE}{split.answer}"
        turns = next((made for s in SYNTAXES.values() if len(made := parse(text, s)) > 1), turns)
    executions = sum(m.role == "tool" for m in (*before, *turns))
    if not executions:
        return replace(rollout, messages=(*before, *turns))
    call = next((call for m in turns for call in m.tool_calls), {})
    annotations = {"syntax": call.get("syntax", "native"), "executions": executions, **rollout.annotations}
    return replace(rollout, messages=(*before, *turns), annotations=annotations)


def _thinking_apart(turn: Message) -> Message:
    split = take_thinking(turn.content) if turn.role == "assistant" and turn.reasoning is None else None
    return replace(turn, reasoning=str(split.thinking or "").strip(), content=split.answer.strip()) if split else turn


def _same_reference(one: Problem, other: Problem) -> bool:
    """Return whether two files state the same reference; 2,125 and 2125 are one answer."""
    if one.kind is other.kind is Kind.MATH and one.answer and other.answer:
        return one.answer == other.answer or grade(other.answer, one.answer).outcome is Outcome.CORRECT
    return (one.kind, one.answer, one.tests) == (other.kind, other.answer, other.tests)
