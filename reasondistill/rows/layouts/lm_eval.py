"""lm-eval's logged samples (`--log_samples`), read and written: one row per problem and filter.

https://github.com/EleutherAI/lm-evaluation-harness
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ...records import Problem, Rollout, Row, content_id
from ..keys import RowError
from .layout import Layout


def to_lm_eval(
    rollouts: Iterable[Rollout], problems: Mapping[str, Problem], right: Mapping[str, bool]
) -> Iterator[Row]:
    """Yield logged samples, one per problem: all its completions are its `resps`."""
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


def _knows(row: Row) -> bool:
    return "doc_id" in row and "resps" in row


def _problem(row: Row) -> Row:
    doc: Row = row["doc"] if isinstance(row.get("doc"), dict) else {}
    names = (doc.get("id"), doc.get("task_id"), doc.get("unique_id"), row.get("doc_id"))
    identifier = next((name for name in names if name is not None), None)
    rest = {key: value for key, value in doc.items() if key != "id"}
    return {**rest, "target": doc.get("target", row.get("target")), "problem_id": identifier}


def _spread(row: Row) -> list[Row]:
    texts = list(_texts(row.get("resps")))
    if not texts:
        raise RowError("`resps` holds no completion")
    if _is_scored(row.get("resps")):
        raise RowError("`resps` holds log-likelihoods of choices and no completion; evaluate a generation task")
    score = row.get("exact_match", row.get("acc"))
    label = {"is_correct": bool(score)} if len(texts) == 1 and score in (0, 1) else {}
    return [{**_problem(row), **label, "completion": text} for text in texts]


def _texts(value: Any) -> Iterator[str]:
    """Yield the texts of a list of lists: one list per instance, one text per repetition."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for part in value:
            yield from _texts(part)


def _is_scored(value: Any) -> bool:
    """Whether responses are pairs of a log-likelihood and whether it was the greedy choice."""
    while isinstance(value, list) and value and isinstance(value[0], list):
        value = value[0]
    return isinstance(value, list) and len(value) == 2 and str(value[1]) in ("True", "False") and _is_number(value[0])


def _is_number(value: Any) -> bool:
    try:
        float(value)
    except (TypeError, ValueError):
        return False
    return True


LAYOUT = Layout(name="lm-eval", knows=_knows, spread=_spread, problem=_problem, repeats="filter")
