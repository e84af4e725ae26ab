"""One entry for every kind of problem: reads kind and reference, and hands over to the verifier for it."""

from collections.abc import Mapping
from typing import Any

from .verdict import Outcome, Verdict


def verify(problem: Any, completion: str) -> Verdict:
    """Judge a completion against a problem: a mapping or an object with `kind` and `answer` (or `tests`).

    Without `kind` it is mathematics. Never raises for what the problem or the completion hold: an unusable reference is
    the outcome `error` with a reason that starts with `bad_gold`, another unusable input one with `bad_input`.

    >>> verify({"kind": "math", "answer": "5"}, "So the answer is 5.").outcome
    <Outcome.CORRECT: 'correct'>
    """
    return verify_isolated(problem, completion)[0]


def verify_isolated(problem: Any, completion: str, *, isolation: str = "auto") -> tuple[Verdict, str | None]:
    """Judge as `verify` does; say also under which isolation a program ran, None where there is no program to run.

    `isolation` is asked for: auto, full or flat.
    """
    kind = str(_field(problem, "kind") or "math")
    if not isinstance(completion, str):
        return _error(f"bad_input: the completion must be text, got {type(completion).__name__}"), None
    if kind == "code":
        return _verify_code(problem, completion, isolation)
    if kind != "math":
        return _error(f"bad_input: kind must be math or code, got {kind!r}"), None
    return _verify_math(_field(problem, "answer"), completion), None


def _verify_code(problem: Any, completion: str, isolation: str) -> tuple[Verdict, str]:
    from .code import BadTests, code_problem, judge_code

    try:
        given = code_problem(problem)
    except BadTests as error:
        return _error(f"bad_gold: {error}"), ""
    judged = judge_code(completion, given.tests, prompt=given.prompt, isolation=isolation)
    return judged.verdict, judged.isolation


def _verify_math(answer: object, completion: str) -> Verdict:
    from .math import grade

    if isinstance(answer, (int, float)) and not isinstance(answer, bool):
        answer = str(answer)
    if not isinstance(answer, str):
        return _error(f"bad_gold: the answer of a math problem must be text, got {type(answer).__name__}")
    return grade(completion, answer)


def _field(problem: Any, name: str) -> Any:
    return problem.get(name) if isinstance(problem, Mapping) else getattr(problem, name, None)


def _error(reason: str) -> Verdict:
    return Verdict(outcome=Outcome.ERROR, reason=reason)
