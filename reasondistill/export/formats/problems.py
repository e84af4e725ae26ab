"""Formats with one row for every problem that has a kept rollout."""

import json
from collections.abc import Iterator

from ...records import FinishReason, Kind, Problem, Row
from ..receipts import CODE_CONTEXT
from ..rendering import chat, one_text
from .inputs import Material
from .rollouts import question_and_answer
from .table import Format


def grpo_rows(material: Material) -> Iterator[Row]:
    """Yield the student's prompt and the columns by which `verifiers.rewards` judges its answers.

    Problems are restricted to the pass-rate band where a reference model rated them: one that is always or hardly ever
    solved teaches nothing.
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


def kd_rows(material: Material) -> Iterator[Row]:
    """Yield the student's prompts."""
    for sample in material.problems():
        problem = sample.candidate.problem
        where = {"problem_id": problem.id, "source": problem.source}
        yield {"prompt": chat(sample.example.prompt), **sample.tools, **where}


def open_r1_rows(material: Material) -> Iterator[Row]:
    """Yield OpenR1-Math's columns; `messages` holds the first generation that is right, else the first."""
    for group in material.groups():
        problem = group[0].candidate.problem
        texts = [one_text(sample.example.completion).text for sample in group]
        right = [sample.right for sample in group]
        finished = [sample.candidate.rollout.finish_reason for sample in group]
        yield {
            "problem": problem.question,
            "solution": _text(problem, "solution"),
            "answer": problem.answer,
            "problem_type": _text(problem, "problem_type", "subject"),
            "question_type": _text(problem, "question_type"),
            "source": problem.source,
            "uuid": problem.id,
            "is_reasoning_complete": [reason is not FinishReason.LENGTH for reason in finished],
            "generations": texts,
            "correctness_math_verify": right,
            "finish_reasons": list(map(str, finished)),
            "correctness_count": sum(each is True for each in right),
            "messages": question_and_answer(problem, texts[right.index(True) if True in right else 0]),
        }


def _text(problem: Problem, *names: str) -> str | None:
    return next((str(problem.metadata[name]) for name in names if problem.metadata.get(name)), None)


GRPO = Format(
    name="grpo",
    rows=grpo_rows,
    columns={
        "prompt": "messages",
        "solution": "text",
        "answer": "text",
        "tests": "text",
        "metadata": "text",
        "kind": "text",
        "problem_id": "text",
        "source": "text",
    },
    about="one row a problem for TRL's GRPOTrainer with `verifiers.rewards`: `math_reward` reads `answer` "
    "(`solution` is the same in a box), `code_reward` reads `tests` and `metadata`",
)
KD = Format(
    name="kd",
    rows=kd_rows,
    columns={"prompt": "messages", "tools": "tools", "problem_id": "text", "source": "text"},
    about="prompts only, one a problem, for on-policy distillation",
)
OPEN_R1 = Format(
    name="open-r1",
    rows=open_r1_rows,
    columns={
        "problem": "text",
        "solution": "text",
        "answer": "text",
        "problem_type": "text",
        "question_type": "text",
        "source": "text",
        "uuid": "text",
        "is_reasoning_complete": "flags",
        "generations": "texts",
        "correctness_math_verify": "flags",
        "correctness_llama": "flags",
        "finish_reasons": "texts",
        "correctness_count": "number",
        "messages": "messages",
    },
    about="the columns of OpenR1-Math, one row a problem with all its generations; "
    "`correctness_math_verify` holds the verdicts of the verifier named here",
    wrong=True,
)
