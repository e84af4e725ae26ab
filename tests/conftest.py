"""Builders of small records for the tests of every part. Their results depend on the arguments alone."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from reasondistill.records import FinishReason, Message, Problem, Rollout, Sampling, Usage


def _problem(number: int = 0, **fields: Any) -> Problem:
    return Problem(**{"id": f"p{number}", "question": f"What is {number} plus 1?", "answer": str(number + 1), **fields})


def _rollout(problem: Problem, text: str | None = None, *, index: int = 0, **fields: Any) -> Rollout:
    answer = f"The answer is \\boxed{{{problem.answer}}}." if text is None else text
    given: dict[str, Any] = {
        "id": f"{problem.id}-{index}",
        "problem_id": problem.id,
        "index": index,
        "strategy": "cot",
        "messages": (Message(role="user", content=problem.question), Message(role="assistant", content=answer)),
        "finish_reason": FinishReason.STOP,
        "model": "teacher",
        "engine": "replay",
        "sampling": Sampling(temperature=0.7),
        "prompt_hash": "0" * 20,
        "usage": Usage(prompt_tokens=20, completion_tokens=10),
    }
    return Rollout(**{**given, **fields})


@pytest.fixture(scope="session")
def make_problem() -> Callable[..., Problem]:
    """Return a builder of the problem "what is `number` plus 1?"."""
    return _problem


@pytest.fixture(scope="session")
def make_rollout() -> Callable[..., Rollout]:
    """Return a builder of a rollout of a problem, right unless another text is given."""
    return _rollout


@pytest.fixture(scope="session")
def make_rollouts() -> Callable[[Sequence[Problem]], list[Rollout]]:
    """Return a builder of one right rollout for each problem."""
    return lambda problems: [_rollout(problem) for problem in problems]
