"""The files in which evaluation harnesses keep completions: how their rows are read, and ours written as theirs.

Only the layout of the rows is known here. evalplus: https://github.com/evalplus/evalplus; lm-eval's logged samples:
https://github.com/EleutherAI/lm-evaluation-harness (`--log_samples`).
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from ..errors import RecipeError
from ..records import Problem, Rollout, Row, content_id
from .problem import RowError


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """One layout of rows."""

    name: str
    completion: str
    """Where the completion stands, for messages."""
    knows: Callable[[Row], bool]
    """Whether a row is of this layout."""
    spread: Callable[[Row], list[Row]]
    """Return the row's completions, each a row with this package's keys. Raises RowError."""
    repeats: str | None = None
    """Key by which the same completions stand in several rows; those of its first value count."""


def recognise(row: Row, wanted: str, where: str) -> Format:
    """Return the format of a file by its first row, or the one asked for. Raises RecipeError for an unknown name."""
    if wanted != "auto":
        if wanted not in FORMATS:
            raise RecipeError(f"--format must be auto, {', '.join(FORMATS)}; got {wanted!r} for {where}")
        return FORMATS[wanted]
    return next((f for f in FORMATS.values() if f.knows(row)), FORMATS["rollouts"])


def to_evalplus(rollouts: Iterable[Rollout], problems: Mapping[str, Problem]) -> Iterator[Row]:
    """Yield `{task_id, solution}`: a whole program, with the prompt's imports and head where it lacks them."""
    for rollout in rollouts:
        yield {"task_id": rollout.problem_id, "solution": _whole_program(rollout.text, problems[rollout.problem_id])}


def to_lm_eval(
    rollouts: Iterable[Rollout], problems: Mapping[str, Problem], right: Mapping[str, bool]
) -> Iterator[Row]:
    """Yield lm-eval's logged samples, one a problem: all completions of it are its `resps`."""
    groups: dict[str, list[Rollout]] = {}
    for rollout in rollouts:
        groups.setdefault(rollout.problem_id, []).append(rollout)
    for number, (identifier, group) in enumerate(groups.items()):
        problem = problems[identifier]
        texts = [rollout.text for rollout in group]
        doc = {"id": identifier, "question": problem.question, "answer": problem.answer, "tests": problem.tests}
        doc = {key: value for key, value in doc.items() if value is not None}
        yield {
            "doc_id": number,
            "doc": doc,
            "target": problem.answer or "",
            "arguments": [[problem.question, {}]],
            "resps": [texts],
            "filtered_resps": texts,
            "exact_match": sum(right.get(r.id, False) for r in group) / len(group),
            "doc_hash": content_id(doc),
        }


def _whole_program(completion: str, problem: Problem) -> str:
    from verifiers.code import BadTests, code_problem
    from verifiers.code.program_text import find_program

    try:
        given = code_problem(problem.to_row())
    except BadTests:
        return completion
    found = find_program(completion, prompt=given.prompt, entry_point=given.entry_point)
    if found is None:
        return completion
    reading = found.program.readings[0]
    return f"{reading.preamble}\n{reading.source}" if reading.preamble else reading.source


def _spread_own(row: Row) -> list[Row]:
    return [row]


def _is_evalplus(row: Row) -> bool:
    return "task_id" in row and "solution" in row and not {"completion", "messages", "problem_id"} & row.keys()


def _spread_evalplus(row: Row) -> list[Row]:
    if "solution" not in row:
        return [{"kind": "code", **row}]
    if not isinstance(row["solution"], str):
        raise RowError(f"`solution` must be a program, got {type(row['solution']).__name__}")
    return [{"kind": "code", **{k: v for k, v in row.items() if k != "solution"}, "completion": row["solution"]}]


def _is_lm_eval(row: Row) -> bool:
    return "doc_id" in row and "resps" in row


def _spread_lm_eval(row: Row) -> list[Row]:
    doc = row.get("doc")
    given: Row = doc if isinstance(doc, dict) else {}
    texts = list(_texts(row.get("resps")))
    if not texts:
        raise RowError("`resps` holds no completion")
    names = (given.get("id"), given.get("task_id"), given.get("unique_id"), row.get("doc_id"))
    identifier = next((name for name in names if name is not None), None)
    score = row.get("exact_match", row.get("acc"))
    label = {"is_correct": bool(score)} if len(texts) == 1 and score in (0, 1) else {}
    base = {**given, "target": given.get("target", row.get("target")), "problem_id": identifier, **label}
    return [{**base, "completion": text} for text in texts]


def _texts(value: object) -> Iterator[str]:
    """Yield the texts of a list of lists: one list an instance, one text a repetition."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for part in value:
            yield from _texts(part)


FORMATS: Mapping[str, Format] = {
    "rollouts": Format(name="rollouts", completion="`completion`", knows=lambda row: False, spread=_spread_own),
    "evalplus": Format(name="evalplus", completion="`solution`", knows=_is_evalplus, spread=_spread_evalplus),
    "lm-eval": Format(
        name="lm-eval", completion="`resps`", knows=_is_lm_eval, spread=_spread_lm_eval, repeats="filter"
    ),
}
