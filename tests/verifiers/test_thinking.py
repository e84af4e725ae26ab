"""Thinking is split off the same way in whatever shape it comes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from verifiers import Outcome
from verifiers.math import grade
from verifiers.thinking import read_message, split_message, split_thinking, take_thinking

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


TEXTS = st.text(st.sampled_from("abc 12\n$\\{}<>"), min_size=1, max_size=40).map(lambda text: f"x{text}x")
PARTS = {
    "mistral": lambda t, a: [
        {"type": "thinking", "thinking": [{"type": "text", "text": t}]}, {"type": "text", "text": a}],
    "anthropic": lambda t, a: [{"type": "thinking", "thinking": t, "signature": "s"}, {"type": "text", "text": a}],
    "reasoning": lambda t, a: [{"type": "reasoning", "summary": [{"type": "summary_text", "text": t}]}, {"text": a}],
    "gemini": lambda t, a: [{"text": t, "thought": True}, {"text": a}],
}  # fmt: skip
FIELDS = {
    "reasoning_content": lambda t: {"reasoning": None, "reasoning_content": t},
    "reasoning": lambda t: {"reasoning_content": "", "reasoning": t},
    "thinking": lambda t: {"reasoning": "", "reasoning_content": None, "thinking": t},
    "details": lambda t: {"reasoning_details": [{"type": "reasoning.text", "text": t, "index": 0}]},
    "summary": lambda t: {"reasoning_details": [{"type": "reasoning.summary", "summary": t}]},
    "blocks": lambda t: {"thinking_blocks": [{"type": "thinking", "thinking": t, "signature": "s"}]},
    "twice": lambda t: {"reasoning": t, "reasoning_details": [{"type": "reasoning.text", "text": t}]},
    "a client's extras": lambda t: {"provider_specific_fields": {"reasoning_content": t}},
    "an object": lambda t: {"reasoning": {"content": t}},
}
TAGS = (
    ("<think>", "</think>"), ("", "</think>"), ("<THINK>\n", "\n</THINK>\n"), ("<seed:think>", "</seed:think>"),
    ("[THINK]", "[/THINK]"), ("◁think▷", "◁/think▷"), ("<|begin_of_thought|>", "<|end_of_thought|>"),
    ("<|channel|>analysis<|message|>", "<|end|><|start|>assistant<|channel|>final<|message|>"),
    ("<|channel>thought\n", "<channel|>"), ("<|START_THINKING|>", "<|END_THINKING|>"), ("<reasoning>", "</reasoning>"),
)  # fmt: skip


@given(TEXTS, TEXTS, st.sampled_from(sorted(PARTS)))
def test_thinking_in_content_parts_is_read(thought: str, answer: str, shape: str) -> None:
    read = read_message({"role": "assistant", "content": PARTS[shape](thought, answer)})
    assert (read.thinking, read.content) == (thought, answer)


@given(TEXTS, TEXTS, st.sampled_from(sorted(FIELDS)))
def test_thinking_in_any_field_is_read(thought: str, answer: str, shape: str) -> None:
    read = read_message({"content": answer, **FIELDS[shape](thought)})
    assert (read.thinking, read.content) == (thought, answer)


@given(TEXTS, TEXTS, st.sampled_from(TAGS))
def test_thinking_in_tags_is_taken_off(thought: str, answer: str, tags: tuple[str, str]) -> None:
    taken = take_thinking(f"{tags[0]}{thought}{tags[1]}{answer}")
    assert taken is not None
    assert (str(taken.thinking).strip(), taken.answer.strip()) == (thought, answer)
    assert split_thinking(f"{tags[0]}{thought}{tags[1]}{answer}").answer.strip() == answer
    cut = take_thinking(f"{tags[0]}{thought}") if tags[0] else None
    assert cut is None or (str(cut.thinking).strip(), cut.answer, cut.truncated) == (thought, "", True)


@pytest.mark.parametrize("text", ["", "4", "so 4 <think>?</think>", "print('<reason>')", "a [THINK] b", "1 < 2, 3 > 2"])
def test_tags_inside_an_answer_stay(text: str) -> None:
    assert take_thinking(text) is None


def test_thinking_that_only_the_server_can_read_is_named() -> None:
    sealed = [{"type": "reasoning.encrypted", "data": "x"}, {"type": "reasoning.text", "text": "t"}]
    assert read_message({"content": "4", "reasoning_details": sealed}).sealed == ("reasoning.encrypted",)
    assert read_message({"content": [{"type": "redacted_thinking", "data": "x"}]}).sealed == ("redacted_thinking",)
