"""Formats with one row for every kept rollout."""

import json
from collections.abc import Iterator

from ...records import Message, Problem, Row
from ..rendering import chat, one_text, uses_tools
from .inputs import Material, Sample
from .pairs import PairOptions

_SPEAKERS = {"system": "system", "user": "human", "assistant": "gpt"}


def message_rows(material: Material, _options: PairOptions) -> Iterator[Row]:
    """Yield `messages` and, where there are some, `tools`."""
    for sample in material.read(material.kept):
        example = sample.example
        tools = {"tools": json.dumps(list(example.tools))} if example.tools else {}
        yield {"messages": chat((*example.prompt, *example.completion)), **tools, **origin(sample)}


def sharegpt_rows(material: Material, _options: PairOptions) -> Iterator[Row]:
    """Yield `conversations` of `from` and `value`, with what tools wrote in the last turn."""
    for sample in material.read(material.kept):
        told = one_text(sample.example.completion)
        turns = [{"from": _SPEAKERS.get(m.role, m.role), "value": m.content} for m in sample.example.prompt]
        yield {
            "conversations": [*turns, {"from": "gpt", "value": told.text}],
            "tool_output_spans": told.span_rows(),
            **origin(sample),
        }


def numina_rows(material: Material, _options: PairOptions) -> Iterator[Row]:
    """Yield `problem`, `solution`, `messages` and the characters of `solution` that tools wrote."""
    for sample in material.read(material.kept):
        told = one_text(sample.example.completion)
        problem = sample.candidate.problem
        yield {
            "problem": problem.question,
            "solution": told.text,
            "messages": asked_and_told(problem, told.text),
            "tool_output_spans": told.span_rows(),
            **origin(sample),
        }


def openmath_rows(material: Material, _options: PairOptions) -> Iterator[Row]:
    """Yield OpenMathReasoning's columns."""
    for sample in material.read(material.kept):
        problem = sample.candidate.problem
        yield {
            "expected_answer": problem.answer,
            "problem_type": "has_answer_extracted" if problem.answer is not None else "no_answer_extracted",
            "problem_source": problem.source,
            "generation_model": sample.candidate.rollout.model,
            "pass_rate_72b_tir": "n/a",
            "problem": problem.question,
            "generated_solution": one_text(sample.example.completion).text,
            "inference_mode": "tir" if uses_tools(sample.example.completion) else "cot",
            "used_in_kaggle": False,
        }


def origin(sample: Sample) -> Row:
    """Return the columns that say where a row comes from."""
    problem = sample.candidate.problem
    return {"rollout_id": sample.candidate.rollout.id, "problem_id": problem.id, "source": problem.source}


def asked_and_told(problem: Problem, text: str) -> list[Row]:
    """Return the bare question and the answer as messages."""
    return chat((Message(role="user", content=problem.question), Message(role="assistant", content=text)))
