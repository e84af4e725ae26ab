"""One entry for every kind of problem: reads kind and reference, and hands over to the verifier for it."""

from collections.abc import Mapping
from typing import Any

from .verdict import Outcome, Verdict

NO_SANDBOX = "no_sandbox: code is not judged yet, because there is no sandbox to run it in"


def verify(problem: Any, completion: str) -> Verdict:
    """Judge a completion against a problem: a mapping or an object with `kind` and `answer` (or `tests`).

    Without `kind` it is mathematics. Never raises for what the problem or the completion hold: an unusable reference is
    the outcome `error` with a reason that starts with `bad_gold`, another unusable input one with `bad_input`.

    >>> verify({"kind": "math", "answer": "5"}, "So the answer is 5.").outcome
    <Outcome.CORRECT: 'correct'>
    """
    kind = str(_field(problem, "kind") or "math")
    if not isinstance(completion, str):
        return _error(f"bad_input: the completion must be text, got {type(completion).__name__}")
    if kind == "code":
        return _error(NO_SANDBOX)
    if kind != "math":
        return _error(f"bad_input: kind must be math or code, got {kind!r}")
    return _verify_math(_field(problem, "answer"), completion)


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
