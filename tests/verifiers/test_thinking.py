"""Thinking is split off the same way in whatever shape it comes."""

import pytest

from verifiers import Outcome
from verifiers.math import grade
from verifiers.thinking import split_message, split_thinking

FINAL = "The answer is \\boxed{4}."


@pytest.mark.parametrize(
    "text",
    [
        f"<think>is it \\boxed{{5}}?</think>{FINAL}",
        f"<think>\n\n</think>\n\n{FINAL}",
        f"is it \\boxed{{5}}?</think>{FINAL}",  # the prompt opened it
        f"<thinking>\\boxed{{5}}</thinking>{FINAL}",
        f"<THINK>\\boxed{{5}}</THINK>{FINAL}",
        f"<think>a</think>\\boxed{{5}}<think>b</think>{FINAL}",
        f"<|begin_of_thought|>\\boxed{{5}}<|end_of_thought|>{FINAL}",
        f"[THINK]\\boxed{{5}}[/THINK]{FINAL}",
        f"◁think▷\\boxed{{5}}◁/think▷{FINAL}",
        f"<|channel|>analysis<|message|>\\boxed{{5}}<|end|><|start|>assistant<|channel|>final<|message|>{FINAL}<|return|>",
        f"<|start|>assistant<|channel|>final<|message|>{FINAL}<|end|>",
        f"<|im_start|>assistant\n{FINAL}<|im_end|>\n<|im_start|>user\n\\boxed{{5}}",
        f"{FINAL}<|im_start|>user\nand \\boxed{{5}}?",
        f"{FINAL}</s>\\boxed{{5}}",
        FINAL,
    ],
)
def test_the_answer_is_what_stands_after_the_thinking(text: str) -> None:
    split = split_thinking(text)
    assert split.answer.strip() == FINAL
    assert not split.truncated
    assert grade(text, "4").outcome is Outcome.CORRECT


@pytest.mark.parametrize(
    "text",
    [
        "<think>so it is \\boxed{4}",
        "  <think>\nso it is \\boxed{4}",
        "<think>a</think><think>so it is \\boxed{4}",
        "<|channel|>analysis<|message|>so it is \\boxed{4}",
        "<|channel|>analysis<|message|>so it is \\boxed{4}<|end|>",
        "[THINK]so it is \\boxed{4}",
    ],
)
def test_truncated_thinking_is_no_answer(text: str) -> None:
    assert split_thinking(text).truncated
    assert split_thinking(text).answer.strip() == ""
    assert grade(text, "4").outcome is Outcome.NO_ANSWER


def test_a_prompt_that_opens_the_thinking_tells_a_truncated_completion() -> None:
    assert split_thinking("so it is \\boxed{4}", opened=True).truncated
    assert split_thinking("so it is \\boxed{4}").answer == "so it is \\boxed{4}"


@pytest.mark.parametrize("field", ["reasoning", "reasoning_content", "thinking"])
def test_a_field_of_its_own(field: str) -> None:
    split = split_message({"role": "assistant", "content": FINAL, field: "is it 5?"})
    assert (split.thinking, split.answer, split.truncated) == ("is it 5?", FINAL, False)
    assert split_message({"content": "", field: "is it 5?"}).truncated
    assert split_message({"content": None, field: "is it 5?"}).answer == ""
