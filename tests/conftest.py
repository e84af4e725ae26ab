"""Builders of small records for the tests of every part. Their results depend on the arguments alone."""

import json
import os
from collections.abc import Callable, Generator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from reasondistill.generation.sampling import SamplingPlan
from reasondistill.records import FinishReason, Message, Problem, Rollout, Sampling, Usage, with_seed

# A busy machine is no fault of the code: no example is held against a clock.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")

# Benchmark files, where the checkout has a shared folder beside it; tests skip with a reason where they are absent.
os.environ.setdefault("REASONDISTILL_BENCHMARKS", str(Path(__file__).parents[2] / "shared" / "data" / "benchmarks"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Fail a test that is skipped in CI for want of a program that .ci/run installs."""
    report = yield
    if report.skipped and os.environ.get("CI") == "true" and item.get_closest_marker("installed"):
        report.outcome, report.longrepr = "failed", f"CI installs what this test needs, yet: {report.longrepr}"
    return report


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


def _record(path: Path, plan: SamplingPlan, answer: Callable[[Problem, int], str | None]) -> Path:
    """Write what the replay engine answers to a plan's requests; None leaves one out."""
    rows = []
    for identifier, problem, index in plan.wanted():
        if (text := answer(problem, index)) is not None:
            messages = [*plan.template.messages(problem), Message(role="assistant", content=text)]
            rows.append(
                {
                    "messages": [m.to_row() for m in messages],
                    "finish_reason": "stop",
                    "sampling": asdict(with_seed(plan.sampling, identifier)),
                    "usage": {"prompt_tokens": 20, "completion_tokens": len(text)},
                }
            )
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture(scope="session")
def record() -> Callable[..., Path]:
    """Return a writer of recordings for the replay engine."""
    return _record
