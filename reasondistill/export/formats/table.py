"""The formats that a dataset can be written in beside its main split: a table of names, columns and pure functions.

Each format becomes Parquet shards and a configuration of the card, so that `load_dataset(folder, NAME)` opens it. All
of them hold problems of the main split and no other: what curation left out does not come back in another shape.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...records import Row
from ..shards import Column, write_shards
from .inputs import Material
from .pairs import PairOptions, dpo_rows, kto_rows
from .problems import grpo_rows, kd_rows, open_r1_rows
from .rollouts import message_rows, numina_rows, openmath_rows, sharegpt_rows
from .steps import step_rows


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """One way to write the rows."""

    name: str
    rows: Callable[[Material, PairOptions], Iterator[Row]]
    columns: Mapping[str, Column]
    about: str
    """What a reader of the card must know to use it."""
    wrong: bool = False
    """Whether it needs the wrong rollouts too."""


FOLDER = "formats"
"""The place of the formats in a dataset's folder."""
_FROM: dict[str, Column] = {"rollout_id": "text", "problem_id": "text", "source": "text"}
_TOLD: dict[str, Column] = {"prompt": "messages", "completion": "messages", "tools": "tools"}

FORMATS: dict[str, Format] = {
    each.name: each
    for each in (
        Format(
            name="messages",
            rows=message_rows,
            columns={"messages": "messages", "tools": "tools", **_FROM},
            about="whole conversations for TRL's SFTTrainer, tool calls as tool calls",
        ),
        Format(
            name="dpo",
            rows=dpo_rows,
            columns={
                "prompt": "messages",
                "chosen": "messages",
                "rejected": "messages",
                "tools": "tools",
                "chosen_id": "text",
                "rejected_id": "text",
                "chosen_tokens": "number",
                "rejected_tokens": "number",
                "problem_id": "text",
                "source": "text",
            },
            about="pairs for TRL's DPOTrainer: a rollout of the main split that was verified right against one of the "
            "same problem that was verified wrong (a missing answer is not: nothing was compared). No rollout stands "
            "in two pairs",
            wrong=True,
        ),
        Format(
            name="kto",
            rows=kto_rows,
            columns={**_TOLD, "label": "flag", **_FROM},
            about="single completions for TRL's KTOTrainer: true for verified right, false for verified wrong",
            wrong=True,
        ),
        Format(
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
        ),
        Format(
            name="prm",
            rows=step_rows,
            columns={"prompt": "text", "completions": "texts", "labels": "flags", **_FROM},
            about="steps for a process reward model in TRL's stepwise columns. A label says whether the equations of "
            "a step hold; lines without an equation that can be checked stand with the next one that has one; the "
            "last step also holds the answer and is true only if that was verified right; the row ends at the first "
            "false step. Completions with tool calls, programs, and those without a checked equation are left out",
            wrong=True,
        ),
        Format(
            name="kd",
            rows=kd_rows,
            columns={"prompt": "messages", "tools": "tools", "problem_id": "text", "source": "text"},
            about="prompts only, one a problem, for on-policy distillation",
        ),
        Format(
            name="sharegpt",
            rows=sharegpt_rows,
            columns={"conversations": "turns", "tool_output_spans": "spans", **_FROM},
            about="ShareGPT's `conversations`; `tool_output_spans` are characters of the last turn that tools wrote",
        ),
        Format(
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
        ),
        Format(
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
        ),
        Format(
            name="numina-tir",
            rows=numina_rows,
            columns={
                "problem": "text",
                "solution": "text",
                "messages": "messages",
                "tool_output_spans": "spans",
                **_FROM,
            },
            about="the columns of NuminaMath-TIR: code and outputs in fences (ToRA's too); `tool_output_spans` are "
            "the characters of `solution` that tools wrote, to be left out of the loss",
        ),
    )
}


def needs_wrong(names: list[str]) -> bool:
    """Return whether one of the formats needs the wrong rollouts."""
    return any(FORMATS[name].wrong for name in names)


def write_formats(folder: Path, names: list[str], material: Material, options: PairOptions) -> dict[str, int]:
    """Write `folder/NAME/data/train-*.parquet` of each format; return its rows. Raises StoreError, as write_dataset."""
    written = {}
    for name in names:
        columns = _columns(FORMATS[name].columns, material)
        rows = FORMATS[name].rows(material, options)
        written[name] = write_shards(folder / name / "data", columns, rows)
    return written


def _columns(columns: Mapping[str, Column], material: Material) -> dict[str, Any]:
    """Return the columns; what tools need is left out where none was used."""
    if material.tools:
        return {name: "messages_with_calls" if kind == "messages" else kind for name, kind in columns.items()}
    return {name: kind for name, kind in columns.items() if kind != "tools"}
