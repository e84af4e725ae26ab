"""Read an evaluation's folder: its problems, rollouts and verdicts."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from verifiers import BAD_GOLD, Outcome

from ..records import Kind, Problem, Rollout, content_id
from ..store import RunFolder, Table, read_rows
from .scorecard import Group, Judged

PROBLEMS = Path("problems") / "problems.jsonl"
MEASURED = "measured.json"
"""File with the ids of the measured rollouts; the folder's table may hold more."""
MAX_ANSWER_LENGTH = 400
"""Characters of an answer that votes compare; longer answers hardly ever repeat."""


def read_measured(place: Path) -> Iterator[Rollout]:
    """Yield an evaluation's rollouts: in a folder sampled with several settings, those of the last."""
    measured = RunFolder(place).read_json(MEASURED)
    wanted = None if measured is None else set(measured)
    for row in Table(place / "rollouts", key="id"):
        if wanted is None or row["id"] in wanted:
            yield Rollout.from_row(row)


def read_problems(place: Path) -> dict[str, Problem]:
    """Return the problems of an evaluation's folder by id; their questions may be unknown."""
    files = sorted((place / "problems").glob("*.jsonl"))
    return {row["id"]: Problem.from_row(row) for path in files for row in read_rows(path)}


def repeats(problems: Iterable[Problem]) -> dict[str, str]:
    """Return the id of each problem that has an earlier one's question and reference, with the id of that one.

    >>> same = [Problem(id=name, question="1 + 1?", answer="2") for name in "ab"]
    >>> repeats([*same, Problem(id="c", question="1 + 1?", answer="3")])
    {'b': 'a'}
    """
    first: dict[str, str] = {}
    found = {}
    for problem in problems:
        if question := " ".join(problem.question.split()):
            key = content_id(question, problem.kind, problem.answer, problem.tests)
            if (other := first.setdefault(key, problem.id)) != problem.id:
                found[problem.id] = other
    return found


def repeats_line(repeated: int, total: int) -> str:
    """Return the warning about repeated problems."""
    return f"{repeated} of {total} problems repeat another's question and answer under another id; n counts the " + (
        f"{total - repeated} different ones"
    )


def read_groups(place: Path, problems: Mapping[str, Problem]) -> dict[str, Group]:
    """Return the judged rollouts of an evaluation's folder by problem, in order of their index.

    Problems that repeat another's question and answer are one problem.
    """
    first = repeats(problems.values())
    verdicts = {
        row["rollout_id"]: (Outcome(row["outcome"]), row.get("extracted"), str(row.get("reason") or ""))
        for row in Table(place / "verdicts", key="rollout_id")
    }
    groups: dict[str, Group] = {}
    order: dict[str, list[int]] = {}
    for rollout in read_measured(place):
        if rollout.id not in verdicts or rollout.problem_id not in problems:
            continue
        kind = problems[rollout.problem_id].kind
        identifier = first.get(rollout.problem_id, rollout.problem_id)
        group = groups.setdefault(identifier, Group(kind=kind))
        group.rollouts.append(_judged(rollout, *verdicts[rollout.id], kind))
        order.setdefault(identifier, []).append(rollout.index)
    for identifier, group in groups.items():
        ranks = order[identifier]
        group.rollouts[:] = [group.rollouts[i] for i in sorted(range(len(ranks)), key=ranks.__getitem__)]
    return groups


def _judged(rollout: Rollout, outcome: Outcome, extracted: str | None, reason: str, kind: Kind) -> Judged:
    answer = extracted if kind is Kind.MATH and extracted else None
    return Judged(
        outcome=outcome,
        answer=answer[:MAX_ANSWER_LENGTH] if answer else None,
        score=rollout.annotations.get("score"),
        tokens=rollout.usage.completion_tokens,
        truncated=rollout.finish_reason == "length",
        bad_gold=reason.startswith(BAD_GOLD),
    )
