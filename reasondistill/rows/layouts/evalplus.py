"""evalplus samples, read and written: `task_id` and `solution` or `completion`.

https://github.com/evalplus/evalplus
"""

from collections.abc import Iterable, Iterator, Mapping

from ...records import Problem, Rollout, Row
from ..keys import RowError
from .layout import Layout


def to_evalplus(rollouts: Iterable[Rollout], problems: Mapping[str, Problem]) -> Iterator[Row]:
    """Yield `{task_id, solution}`: a whole program, with the prompt's imports and head if it lacks them."""
    for rollout in rollouts:
        yield {"task_id": rollout.problem_id, "solution": _whole_program(rollout.text, problems[rollout.problem_id])}


def _whole_program(completion: str, problem: Problem) -> str:
    from verifiers.code import BadTests, code_problem
    from verifiers.code.program_text import find_program

    try:
        task = code_problem(problem.to_row())
    except BadTests:
        return completion
    program = find_program(completion, prompt=task.prompt, entry_point=task.entry_point)
    if program is None:
        return completion
    reading = program.program.readings[0]
    return f"{reading.preamble}\n{reading.source}" if reading.preamble else reading.source


def _knows(row: Row) -> bool:
    others = {"completion", "messages", "problem_id", "question", "problem", "answer"}
    return "task_id" in row and "solution" in row and not others & row.keys()


def _spread(row: Row) -> list[Row]:
    if "solution" not in row:
        return [{"kind": "code", **row}]
    if not isinstance(row["solution"], str):
        raise RowError(f"`solution` must be a program, got {type(row['solution']).__name__}")
    return [{"kind": "code", **{k: v for k, v in row.items() if k != "solution"}, "completion": row["solution"]}]


LAYOUT = Layout(name="evalplus", knows=_knows, spread=_spread)
