"""Formats with one row for every problem that has a kept rollout."""

import json
from collections.abc import Iterator

from ...records import FinishReason, Kind, Problem, Row
from ..receipts import CODE_CONTEXT
from ..rendering import chat, one_text
from .inputs import Material, Sample
from .pairs import PairOptions
from .rollouts import asked_and_told


def grpo_rows(material: Material, _options: PairOptions) -> Iterator[Row]:
    """Yield the student's prompt and what `verifiers.rewards` needs to judge its answers.

    Where a reference model has rated the problems, one that it always or hardly ever solves teaches nothing.
    """
    for sample in material.problems():
        problem = sample.candidate.problem
        if material.rl_problems is not None and problem.id not in material.rl_problems:
            continue
        context = {key: problem.metadata[key] for key in CODE_CONTEXT if problem.metadata.get(key) is not None}
        is_code = problem.kind is Kind.CODE
        yield {
            "prompt": chat(sample.example.prompt),
            "solution": None if problem.answer is None else f"\\boxed{{{problem.answer}}}",
            "answer": problem.answer,
            "tests": json.dumps(problem.tests) if is_code else None,
            "metadata": json.dumps(context) if is_code else None,
            "kind": str(problem.kind),
            "problem_id": problem.id,
            "source": problem.source,
        }


def kd_rows(material: Material, _options: PairOptions) -> Iterator[Row]:
    """Yield the student's prompts."""
    for sample in material.problems():
        problem, tools = sample.candidate.problem, sample.example.tools
        yield {
            "prompt": chat(sample.example.prompt),
            **({"tools": json.dumps(list(tools))} if tools else {}),
            "problem_id": problem.id,
            "source": problem.source,
        }


def open_r1_rows(material: Material, _options: PairOptions) -> Iterator[Row]:
    """Yield OpenR1-Math's columns; `messages` holds the first generation that is right, else the first."""
    for group in material.groups():
        problem = group[0].candidate.problem
        texts = [one_text(sample.example.completion).text for sample in group]
        right = [sample.right for sample in group]
        yield {
            "problem": problem.question,
            "solution": _text(problem, "solution"),
            "answer": problem.answer,
            "problem_type": _text(problem, "problem_type", "subject"),
            "question_type": _text(problem, "question_type"),
            "source": problem.source,
            "uuid": problem.id,
            "is_reasoning_complete": [_is_complete(sample) for sample in group],
            "generations": texts,
            "correctness_math_verify": right,
            "finish_reasons": [str(sample.candidate.rollout.finish_reason) for sample in group],
            "correctness_count": sum(each is True for each in right),
            "messages": asked_and_told(problem, texts[right.index(True) if True in right else 0]),
        }


def _is_complete(sample: Sample) -> bool:
    return sample.candidate.rollout.finish_reason is not FinishReason.LENGTH


def _text(problem: Problem, *names: str) -> str | None:
    return next((str(problem.metadata[name]) for name in names if problem.metadata.get(name)), None)
