"""Formats with one row for every kept rollout."""

from collections.abc import Iterator

from ...records import Message, Problem, Row
from ..rendering import chat, one_text, uses_tools
from .inputs import Material
from .table import ORIGIN, Format

_SPEAKERS = {"system": "system", "user": "human", "assistant": "gpt"}


def message_rows(material: Material) -> Iterator[Row]:
    """Yield `messages` and, where a tool was offered, `tools`."""
    for sample in material.read(material.kept):
        example = sample.example
        yield {"messages": chat((*example.prompt, *example.completion)), **sample.tools, **sample.origin}


def sharegpt_rows(material: Material) -> Iterator[Row]:
    """Yield `conversations` of `from` and `value`; tool outputs are part of the last turn."""
    for sample in material.read(material.kept):
        shown = one_text(sample.example.completion)
        turns = [{"from": _SPEAKERS.get(m.role, m.role), "value": m.content} for m in sample.example.prompt]
        yield {
            "conversations": [*turns, {"from": "gpt", "value": shown.text}],
            "tool_output_spans": shown.span_rows(),
            **sample.origin,
        }


def numina_rows(material: Material) -> Iterator[Row]:
    """Yield `problem`, `solution`, `messages` and the character spans of `solution` that tools wrote."""
    for sample in material.read(material.kept):
        shown = one_text(sample.example.completion)
        problem = sample.candidate.problem
        yield {
            "problem": problem.question,
            "solution": shown.text,
            "messages": question_and_answer(problem, shown.text),
            "tool_output_spans": shown.span_rows(),
            **sample.origin,
        }


def openmath_rows(material: Material) -> Iterator[Row]:
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


def question_and_answer(problem: Problem, text: str) -> list[Row]:
    """Return the bare question and the answer as messages."""
    return chat((Message(role="user", content=problem.question), Message(role="assistant", content=text)))


MESSAGES = Format(
    name="messages",
    rows=message_rows,
    columns={"messages": "messages", "tools": "tools", **ORIGIN},
    about="whole conversations for TRL's SFTTrainer, tool calls as tool calls",
)
SHAREGPT = Format(
    name="sharegpt",
    rows=sharegpt_rows,
    columns={"conversations": "turns", "tool_output_spans": "spans", **ORIGIN},
    about="ShareGPT's `conversations`; `tool_output_spans` are characters of the last turn that tools wrote",
)
NUMINA_TIR = Format(
    name="numina-tir",
    rows=numina_rows,
    columns={
        "problem": "text",
        "solution": "text",
        "messages": "messages",
        "tool_output_spans": "spans",
        **ORIGIN,
    },
    about="the columns of NuminaMath-TIR: code and outputs in fences (ToRA's too); `tool_output_spans` are "
    "the characters of `solution` that tools wrote, to be left out of the loss",
)
OPENMATHREASONING = Format(
    name="openmathreasoning",
    rows=openmath_rows,
    columns={
        "expected_answer": "text",
        "problem_type": "text",
        "problem_source": "text",
        "generation_model": "text",
        "pass_rate_72b_tir": "text",
        "problem": "text",
        "generated_solution": "text",
        "inference_mode": "text",
        "used_in_kaggle": "flag",
    },
    about="the columns of OpenMathReasoning; `pass_rate_72b_tir` is n/a",
)
