"""Preflight on every chat template that TRL ships: each passes with the exact trained text, or stops with a reason.

The tokenizer is SmolLM2's with the template's special tokens added. Two line breaks before a word are two tokens of its
vocabulary but one at the end of a prompt, so templates that end their generation prompt in two line breaks stop here;
with a tokenizer that keeps line breaks apart (Qwen's, Llama 3's own) they pass, which the last test shows.
"""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from reasondistill.errors import DataError
from reasondistill.training.options import TrainOptions
from reasondistill.training.preflight.preflight import preflight

ASKED = "the model is asked with"
"""Prompt and completion do not meet: the thinking block that the prompt opens is not the one that the answer has."""
EARLIER = "renders a conversation differently once it goes on"
NOT = "is not the message"
REFUSED = "the chat template refuses this conversation"
REASONS = (ASKED, EARLIER, NOT, REFUSED)

QUESTION = [{"role": "user", "content": "What is 2+3?"}]
ANSWER = {"role": "assistant", "content": "It is \\boxed{5}."}
THOUGHT = {"reasoning": "Two and three."}
OUTPUT = {"role": "tool", "name": "python", "content": "OUTPUT 5"}
CALL = {"type": "function", "function": {"name": "python", "arguments": {"code": "print(2 + 3)"}}}
COMPLETIONS = {
    "plain": [ANSWER],
    "reasoning": [{**ANSWER, **THOUGHT}],
    "calls": [
        {"role": "assistant", "content": "", "reasoning": "Compute.", "tool_calls": [CALL]},
        OUTPUT,
        {**ANSWER, **THOUGHT},
    ],
    "output": [{"role": "assistant", "content": "Let me run code."}, OUTPUT, ANSWER],
}

TABLE = [
    # templates, then what is trained on, or why not: plain answer, with reasoning, with tool calls, with output only
    (
        "cohere cohere_training",
        "It is \\boxed{5}.<|END_OF_TURN_TOKEN|>",
        "<think>\nTwo and three.\n</think>\n\nIt is \\boxed{5}.<|END_OF_TURN_TOKEN|>",
        REFUSED,
        REFUSED,
    ),
    (
        "cohere2 cohere2_training",
        "It is \\boxed{5}.<|END_RESPONSE|><|END_OF_TURN_TOKEN|>",
        "<think>\nTwo and three.\n</think>\n\nIt is \\boxed{5}.<|END_RESPONSE|><|END_OF_TURN_TOKEN|>",
        REFUSED,
        REFUSED,
    ),
    (
        "deepseek_r1_distill",
        ASKED,
        "Two and three.\n</think>\n\nIt is \\boxed{5}.<｜end▁of▁sentence｜>",
        ASKED,
        ASKED,
    ),
    (
        "deepseek_r1_distill_training",
        ASKED,
        "Two and three.\n</think>\n\nIt is \\boxed{5}.<｜end▁of▁sentence｜>",
        NOT,
        ASKED,
    ),
    (
        "deepseekv3 deepseekv3_training",
        ASKED,
        ASKED,
        (
            "Compute.\n</think>\n\n<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>python\n"
            '```json\n{"code": "print(2 + 3)"}\n```<｜tool▁call▁end｜><｜tool▁calls▁end｜><｜end▁of▁sentence｜>'
            "<think>\nTwo and three.\n</think>\n\nIt is \\boxed{5}.<｜end▁of▁sentence｜>"
        ),
        ASKED,
    ),
    (
        "diffusion_gemma diffusion_gemma_training",
        "It is \\boxed{5}.<turn|>",
        "<|channel>thought\nTwo and three.\n<channel|>It is \\boxed{5}.<turn|>",
        NOT,
        EARLIER,
    ),
    (
        "gemma gemma3 gemma3_training gemma_training",
        "It is \\boxed{5}.<end_of_turn>",
        "<think>\nTwo and three.\n</think>\n\nIt is \\boxed{5}.<end_of_turn>",
        REFUSED,
        REFUSED,
    ),
    (
        "gemma4 gemma4_v3 gemma4_v4",
        "It is \\boxed{5}.<turn|>",
        "<think>\nTwo and three.\n</think>\n\nIt is \\boxed{5}.<turn|>",
        EARLIER,
        EARLIER,
    ),
    (
        "gemma4_v2",
        "It is \\boxed{5}.<turn|>",
        "<think>\nTwo and three.\n</think>\n\nIt is \\boxed{5}.<turn|>",
        NOT,
        "Let me run code.<turn|>It is \\boxed{5}.<turn|>",
    ),
    (
        "gemma4_v5",
        "It is \\boxed{5}.<turn|>",
        "<|channel>thought\nTwo and three.\n<channel|>It is \\boxed{5}.<turn|>",
        (
            "<|channel>thought\nCompute.\n<channel|>"
            '<|tool_call>call:python{code:<|"|>print(2 + 3)<|"|>}<tool_call|><|tool_response>'
            "<|channel>thought\nTwo and three.\n<channel|>It is \\boxed{5}.<turn|>"
        ),
        EARLIER,
    ),
    (
        "glm4moe glm4moe_training",
        "\n<think></think>\nIt is \\boxed{5}.<|user|>",
        "\n<think>Two and three.</think>\nIt is \\boxed{5}.<|user|>",
        (
            "\n<think>Compute.</think>\n<tool_call>python\n<arg_key>code</arg_key>\n"
            "<arg_value>print(2 + 3)</arg_value>\n</tool_call><|observation|>\n<think>"
            "Two and three.</think>\nIt is \\boxed{5}.<|user|>"
        ),
        "\n<think></think>\nLet me run code.<|user|>\n<think></think>\nIt is \\boxed{5}.<|user|>",
    ),
    (
        "gptoss gptoss_training",
        "<|channel|>final<|message|>It is \\boxed{5}.<|return|>",
        (
            "<|channel|>analysis<|message|>Two and three.<|end|>"
            "<|start|>assistant<|channel|>final<|message|>It is \\boxed{5}.<|return|>"
        ),
        EARLIER,
        REFUSED,
    ),
    (
        "idefics3 idefics3_training smolvlm smolvlm_training",
        NOT,
        NOT,
        NOT,
        NOT,
    ),
    (
        "lfm2 lfm2_training qwen2_5_vl qwen2_5_vl_training",
        "It is \\boxed{5}.<|im_end|>",
        "<think>\nTwo and three.\n</think>\n\nIt is \\boxed{5}.<|im_end|>",
        NOT,
        "Let me run code.<|im_end|>It is \\boxed{5}.<|im_end|>",
    ),
    (
        "lfm2_2_5 lfm2_2_5_v2 lfm2_2_5_vl",
        "It is \\boxed{5}.<|im_end|>",
        "<think>Two and three.</think>It is \\boxed{5}.<|im_end|>",
        (
            "<think>Compute.</think><|tool_call_start|>[python(code='print(2 + 3)')]<|tool_call_end|>"
            "<|im_end|><think>Two and three.</think>It is \\boxed{5}.<|im_end|>"
        ),
        "Let me run code.<|im_end|>It is \\boxed{5}.<|im_end|>",
    ),
    (
        "lfm2_v2 lfm2_v2_training",
        "It is \\boxed{5}.<|im_end|>",
        "<think>\nTwo and three.\n</think>\n\nIt is \\boxed{5}.<|im_end|>",
        (
            "<think>\nCompute.\n</think>\n\n"
            "<|tool_call_start|>[python(code='print(2 + 3)')]<|tool_call_end|><|im_end|><think>\n"
            "Two and three.\n</think>\n\nIt is \\boxed{5}.<|im_end|>"
        ),
        "Let me run code.<|im_end|>It is \\boxed{5}.<|im_end|>",
    ),
    (
        "llama3 llama3_1 llama3_2 llama3_training qwen3_5_nothink qwen3_5_nothink_training",
        ASKED,
        ASKED,
        EARLIER,
        EARLIER,
    ),
    (
        "llava_next llava_next_training",
        REFUSED,
        REFUSED,
        REFUSED,
        REFUSED,
    ),
    (
        "muse_glimmer muse_glimmer_training",
        " to=user<|message|>It is \\boxed{5}.<|eot|>",
        (" to=self<|message|>Two and three.<|eom|><|start|>assistant to=user<|message|>It is \\boxed{5}.<|eot|>"),
        (
            " to=self<|message|>Compute.<|eom|><|start|>assistant to=python<|message|>"
            '<atem:function_calls>\n<atem:invoke name="python">\n'
            '<atem:parameter name="code">print(2 + 3)</atem:parameter>\n</atem:invoke>\n'
            "</atem:function_calls><|eot|> to=self<|message|>Two and three.<|eom|>"
            "<|start|>assistant to=user<|message|>It is \\boxed{5}.<|eot|>"
        ),
        " to=user<|message|>Let me run code.<|eot|> to=user<|message|>It is \\boxed{5}.<|eot|>",
    ),
    (
        "nemotron_3_5_lightning nemotron_3_5_lightning_training nemotron_3_ultra nemotron_3_ultra_training",
        ASKED,
        "Two and three.</think>It is \\boxed{5}.<|im_end|>",
        (
            "Compute.</think>\n<tool_call>\n<function=python>\n<parameter=code>\nprint(2 + 3)\n"
            "</parameter>\n</function>\n</tool_call>\n<|im_end|>Two and three.</think>"
            "It is \\boxed{5}.<|im_end|>"
        ),
        EARLIER,
    ),
    (
        "nemotron_3_nano nemotron_3_nano_training nemotron_3_super nemotron_3_super_training",
        ASKED,
        "Two and three.\n</think>\nIt is \\boxed{5}.<|im_end|>",
        (
            "Compute.\n</think>\n<tool_call>\n<function=python>\n<parameter=code>\nprint(2 + 3)\n"
            "</parameter>\n</function>\n</tool_call>\n<|im_end|>Two and three.\n</think>\n"
            "It is \\boxed{5}.<|im_end|>"
        ),
        EARLIER,
    ),
    (
        "phi3 phi3_5 phi3_5_training phi3_training",
        "It is \\boxed{5}.<|end|>",
        "<think>\nTwo and three.\n</think>\n\nIt is \\boxed{5}.<|end|>",
        EARLIER,
        EARLIER,
    ),
    (
        "qwen2_5 qwen2_5_training qwen3_instruct_2507 qwen3_instruct_2507_training qwen3_vl qwen3_vl_training",
        "It is \\boxed{5}.<|im_end|>",
        "<think>\nTwo and three.\n</think>\n\nIt is \\boxed{5}.<|im_end|>",
        (
            "<think>\nCompute.\n</think>\n\n\n<tool_call>\n"
            '{"name": "python", "arguments": {"code": "print(2 + 3)"}}\n</tool_call><|im_end|><think>\n'
            "Two and three.\n</think>\n\nIt is \\boxed{5}.<|im_end|>"
        ),
        "Let me run code.<|im_end|>It is \\boxed{5}.<|im_end|>",
    ),
    (
        "qwen3 qwen3_training",
        "<think>\n\n</think>\n\nIt is \\boxed{5}.<|im_end|>",
        "<think>\nTwo and three.\n</think>\n\nIt is \\boxed{5}.<|im_end|>",
        (
            "<think>\nCompute.\n</think>\n\n<tool_call>\n"
            '{"name": "python", "arguments": {"code": "print(2 + 3)"}}\n</tool_call><|im_end|><think>\n'
            "Two and three.\n</think>\n\nIt is \\boxed{5}.<|im_end|>"
        ),
        "<think>\n\n</think>\n\nLet me run code.<|im_end|><think>\n\n</think>\n\nIt is \\boxed{5}.<|im_end|>",
    ),
    (
        "qwen3_5_think qwen3_5_think_training qwen3_6 qwen3_6_training qwen3_8 qwen3_8_training",
        "\n</think>\n\nIt is \\boxed{5}.<|im_end|>",
        "Two and three.\n</think>\n\nIt is \\boxed{5}.<|im_end|>",
        (
            "Compute.\n</think>\n\n<tool_call>\n<function=python>\n<parameter=code>\nprint(2 + 3)\n"
            "</parameter>\n</function>\n</tool_call><|im_end|>Two and three.\n</think>\n\n"
            "It is \\boxed{5}.<|im_end|>"
        ),
        "\n</think>\n\nLet me run code.<|im_end|>\n</think>\n\nIt is \\boxed{5}.<|im_end|>",
    ),
]

ENDS = {
    "cohere": ["<|END_OF_TURN_TOKEN|>"],
    "deepseek": ["<｜end▁of▁sentence｜>"],
    "diffusion": ["<turn|>"],
    "gemma4": ["<turn|>"],
    "gemma": ["<end_of_turn>"],
    "glm4": ["<|user|>", "<|observation|>"],
    "gptoss": ["<|return|>", "<|call|>"],
    "idefics3": ["<end_of_utterance>"],
    "lfm2": ["<|im_end|>"],
    "llama3": ["<|eot_id|>"],
    "llava": ["</s>"],
    "muse": ["<|eot|>"],
    "nemotron": ["<|im_end|>"],
    "phi": ["<|end|>"],
    "qwen": ["<|im_end|>"],
    "smolvlm": ["<end_of_utterance>"],
}
"""End tokens by the beginning of a template's name; the longer beginning stands first."""

CASES = [
    pytest.param(name, kind, outcome, id=f"{name}-{kind}")
    for names, *outcomes in TABLE
    for name in names.split()
    for kind, outcome in zip(COMPLETIONS, outcomes, strict=True)
]


def template_files() -> dict[str, Path]:
    import trl

    return {path.stem: path for path in (Path(trl.__file__).parent / "chat_templates").glob("*.jinja")}


@pytest.fixture(scope="module")
def smollm2(real_tokenizer: Callable[[str], Any]) -> Any:
    """Return SmolLM2's tokenizer with the special tokens of all templates."""
    return with_special_tokens(real_tokenizer("smollm2-135m-instruct"))


def with_special_tokens(tokenizer: Any) -> Any:
    texts = "".join(path.read_text(encoding="utf-8") for path in template_files().values())
    written = re.findall(r"<[|｜][^<>'\" ]{1,40}>|<[a-z_]+_of_[a-z]+>|<(?:turn|channel|tool[a-z_]*)\|>", texts)
    added = sorted({*written, *(end for ends in ENDS.values() for end in ends)})
    tokenizer.add_special_tokens({"bos_token": "<|endoftext|>", "additional_special_tokens": added})
    return tokenizer


def trained_text(tokenizer: Any, name: str, kind: str, out: Path) -> str:
    ends = next(ends for start, ends in ENDS.items() if name.startswith(start))
    tokenizer.eos_token = ends[0]
    tokenizer.chat_template = template_files()[name].read_text(encoding="utf-8")
    rows = [{"prompt": QUESTION, "completion": COMPLETIONS[kind]}]
    end_ids = tokenizer.convert_tokens_to_ids(ends)
    return preflight(tokenizer, rows, options=TrainOptions(), out=out / "tokens.arrow", end_ids=end_ids).sample


def test_the_table_names_every_template_that_trl_ships() -> None:
    named = [name for names, *_ in TABLE for name in names.split()]
    assert sorted(named) == sorted(template_files())


@pytest.mark.parametrize(("name", "kind", "outcome"), CASES)
def test_the_trained_text_is_the_completion_or_training_stops(
    smollm2: Any, tmp_path: Path, name: str, kind: str, outcome: str
) -> None:
    if outcome in REASONS:
        with pytest.raises(DataError, match=outcome):
            trained_text(smollm2, name, kind, tmp_path)
    else:
        assert trained_text(smollm2, name, kind, tmp_path) == outcome


@pytest.mark.parametrize(
    ("name", "trained"),
    [("llama3", "It is \\boxed{5}.<|eot_id|>"), ("qwen3_5_nothink", "It is \\boxed{5}.<|im_end|>")],
)
def test_line_breaks_before_the_answer_pass_where_the_tokenizer_keeps_them_apart(
    real_tokenizer: Callable[[str], Any], tmp_path: Path, name: str, trained: str
) -> None:
    qwen = with_special_tokens(real_tokenizer("qwen2.5-coder-0.5b-instruct"))
    assert trained_text(qwen, name, "plain", tmp_path) == trained
