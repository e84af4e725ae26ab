"""Chat templates, prefixes, end tokens and thinking blocks."""

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reasondistill.engines.rendering import Renderer, cut_at_stop, split_reasoning, template_row
from reasondistill.errors import ModelError, RequestError
from reasondistill.records import Message

QUESTION = (Message(role="user", content="what is two and two"),)


@pytest.fixture
def with_template(tiny_tokenizer: Any) -> Any:
    def make(template: str | None) -> Renderer:
        tokenizer = copy.deepcopy(tiny_tokenizer)
        tokenizer.chat_template = template
        return Renderer(tokenizer, name="tiny", end_ids={7})

    return make


@pytest.fixture
def renderer(with_template: Any, chatml: str) -> Renderer:
    made = with_template(chatml)
    assert isinstance(made, Renderer)
    return made


def test_the_prompt_ends_where_the_assistant_writes(renderer: Renderer) -> None:
    text = renderer.prompt_text(QUESTION)
    assert text.endswith("what is two and two<|im_end|>\n<|im_start|>assistant\n")


@pytest.mark.parametrize("prefix", ["the answer", " is", "\nfour", "é", "<think>two"])
def test_a_prefix_follows_the_generation_prompts_own_tokens(renderer: Renderer, prefix: str) -> None:
    base, whole = renderer.prompt_ids(QUESTION), renderer.prompt_ids(QUESTION, prefix=prefix)
    assert whole[: len(base)] == base
    assert renderer.decode(whole[len(base) :]) == prefix


def test_end_tokens_are_the_configs_the_tokenizers_and_the_templates(renderer: Renderer) -> None:
    turn = renderer.tokenizer.convert_tokens_to_ids("<|im_end|>")
    assert renderer.end_ids == {7, renderer.tokenizer.eos_token_id, turn}


def test_a_template_that_opens_thinking_is_seen(with_template: Any, chatml: str) -> None:
    opening = with_template(chatml.replace("assistant\n{% endif", "assistant\n<think>\n{% endif"))
    assert opening.thinking_opened
    assert opening.inside_thinking()
    assert not opening.inside_thinking("two</think>")
    assert opening.split("two and two</think>four") == ("two and two", "four")
    assert opening.split(" two and") == (" two and", "")
    assert opening.prompt_text(QUESTION, prefix="<think>so").endswith("<think>\nso")


def test_a_template_that_closes_thinking_at_once_is_not_inside(with_template: Any, chatml: str) -> None:
    closed = with_template(chatml.replace("assistant\n{% endif", "assistant\n<think></think>{% endif"))
    assert not closed.thinking_opened


def test_reasoning_of_earlier_turns_reaches_the_template(renderer: Renderer) -> None:
    turns = (*QUESTION, Message(role="assistant", content="four", reasoning="two and two"), *QUESTION)
    assert "<think>two and two</think>four" in renderer.prompt_text(turns)


def test_special_tokens_are_left_out_and_thinking_tags_kept(renderer: Renderer) -> None:
    ids = renderer.tokenizer("<|im_start|><think>four</think>is<|im_end|>", add_special_tokens=False)["input_ids"]
    assert renderer.decode(ids) == "<think>four</think>is"


def test_thinking_tags_that_are_special_tokens_are_kept(tiny_tokenizer: Any) -> None:
    tokenizer = copy.deepcopy(tiny_tokenizer)
    tokenizer.add_special_tokens({"additional_special_tokens": ["<think>", "</think>"]})
    ids = tokenizer("<think>four</think>", add_special_tokens=False)["input_ids"]
    assert Renderer(tokenizer).decode(ids) == "<think>four</think>"


@given(text=st.text(max_size=40), cut=st.integers(min_value=0, max_value=40))
def test_a_character_cut_in_two_leaves_no_trace(tiny_tokenizer: Any, text: str, cut: int) -> None:
    renderer = Renderer(tiny_tokenizer)
    text = text.replace("\ufffd", "")
    ids = tiny_tokenizer(text, add_special_tokens=False)["input_ids"]
    part = renderer.decode(ids[:cut])
    assert text.startswith(part)
    assert renderer.decode(ids) == text


def test_a_model_without_a_template_is_refused(with_template: Any) -> None:
    with pytest.raises(ModelError, match="tiny: no chat template"):
        with_template(None)


def test_a_conversation_that_the_template_refuses_fails_alone(with_template: Any, chatml: str) -> None:
    strict = "{% if messages[0].role == 'system' %}{{ raise_exception('no system turn') }}{% endif %}" + chatml
    with pytest.raises(RequestError, match="no system turn") as error:
        with_template(strict).prompt_ids((Message(role="system", content="be kind"), *QUESTION))
    assert error.value.reason == "template_refused"


def test_tool_arguments_reach_the_template_as_objects() -> None:
    call = {"type": "function", "function": {"name": "python", "arguments": '{"code": "2+2"}'}}
    row = template_row(Message(role="assistant", content="", tool_calls=(call,)))
    assert row["tool_calls"][0]["function"]["arguments"] == {"code": "2+2"}


@pytest.mark.parametrize(
    ("text", "opened", "expected"),
    [
        ("four", False, (None, "four")),
        (" four", False, (None, " four")),
        ("<think>two</think>four", False, ("two", "four")),
        ("\n<think>\ntwo\n</think>\n\nfour\n", False, ("two", "four\n")),
        ("two</think>four", False, ("two", "four")),
        ("two</think>four", True, ("two", "four")),
        ("<think>two</think>four", True, ("two", "four")),
        ("<think>two and", False, ("two and", "")),
        (" two and", True, (" two and", "")),
        ("<think></think>four", False, ("", "four")),
        ("say <think> and </think> aloud", False, (None, "say <think> and </think> aloud")),
        ("", False, (None, "")),
        ("", True, ("", "")),
    ],
)
def test_thinking_is_split_from_content(text: str, opened: bool, expected: tuple[str | None, str]) -> None:
    assert split_reasoning(text, opened) == expected


@pytest.mark.parametrize(
    ("text", "stops", "expected"),
    [
        ("one two", (), ("one two", False)),
        ("one two", ("",), ("one two", False)),
        ("one two", ("two",), ("one ", True)),
        ("one two", ("two", "one"), ("", True)),
    ],
)
def test_a_text_is_cut_at_its_first_stop_string(text: str, stops: tuple[str, ...], expected: tuple[str, bool]) -> None:
    assert cut_at_stop(text, stops) == expected


ARGUMENTS = "{% set a = messages[-1].tool_calls[0].function.arguments %}"


@pytest.mark.parametrize("joined", ["{{ 'f' + a }}", "{{ a + '' }}", "{{ a }}", "{{ 'f' ~ a }}", "{{ a | tojson }}"])
def test_a_template_may_join_arguments_as_text(with_template: Any, chatml: str, joined: str) -> None:
    call = {"type": "function", "function": {"name": "python", "arguments": '{"code": "é = 1"}'}}
    turns = (*QUESTION, Message(role="assistant", content="", tool_calls=(call,)))
    template = "{% if messages[-1].tool_calls %}" + ARGUMENTS + joined + "{% endif %}" + chatml
    assert '{"code": "é = 1"}' in with_template(template).prompt_text(turns)


def test_marks_of_thinking_that_are_special_tokens_are_kept(tiny_tokenizer: Any) -> None:
    marks = ["[THINK]", "[/THINK]", "<|channel|>", "<|message|>", "<|end|>"]
    tiny_tokenizer.add_special_tokens({"additional_special_tokens": [*marks, "<|tool|>"]})
    renderer = Renderer(tiny_tokenizer)
    text = "[THINK]two[/THINK]four<|channel|>final<|message|><|end|>"
    ids = tiny_tokenizer(f"{text}<|tool|>", add_special_tokens=False)["input_ids"]
    assert renderer.decode(ids) == text
