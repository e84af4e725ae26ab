"""Completions as one text: what the spans cut out is what the tools wrote, and nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reasondistill.export.rendering import chat, one_text, plain_text, uses_tools
from reasondistill.generation.syntax import SYNTAXES
from reasondistill.generation.transcripts import parse, python_call
from reasondistill.records import Message

TEXTS = st.text(max_size=40)
TURNS = st.lists(st.tuples(TEXTS, st.none() | TEXTS, TEXTS, TEXTS), max_size=4)


def _conversation(turns, last="Done."):
    messages = []
    for number, (content, reasoning, code, output) in enumerate(turns):
        call = python_call(code, number=number)
        messages.append(Message(role="assistant", content=content, reasoning=reasoning, tool_calls=(call,)))
        messages.append(Message(role="tool", content=output))
    return (*messages, Message(role="assistant", content=last))


def _cut(text, spans):
    outputs, rest, start = [], [], 0
    for begin, end in spans:
        outputs.append(text[begin:end])
        rest.append(text[start:begin])
        start = end
    return outputs, "".join([*rest, text[start:]])


@given(TURNS)
def test_the_spans_hold_the_outputs_and_their_fences(turns):
    told = one_text(_conversation(turns))
    outputs, rest = _cut(told.text, told.spans)
    assert outputs == [f"```output\n{output}\n```\n" for _, _, _, output in turns]
    assert rest.endswith("Done.")
    assert rest.count("```python\n") >= len(turns)


@given(st.lists(st.tuples(st.sampled_from(["", "So\n", "Well"]), st.sampled_from(["1 + 1", "x = 2\nx"])), max_size=3))
def test_a_text_reads_back_into_the_same_roles(steps):
    messages = _conversation([(content, None, code, "4") for content, code in steps])
    again = parse(one_text(messages).text)
    assert [m.role for m in again] == [m.role for m in messages]
    assert [c["tool_calls"][0]["function"] for c in chat(again) if "tool_calls" in c] == [
        {"name": "python", "arguments": {"code": code}} for _, code in steps
    ]


@pytest.mark.parametrize("syntax", SYNTAXES.values(), ids=lambda syntax: syntax.name)
@pytest.mark.parametrize("thought", ["", "<think>Let me compute.\n", "<think>Done.</think>\n"])
def test_whatever_the_syntax_the_fences_are_the_same(syntax, thought):
    block = f"{syntax.opening}{syntax.call_text('2 * 2')}{syntax.closing}"
    written = f"{thought}{block}{syntax.output_opening}4{syntax.output_closing}"
    told = one_text(parse(written + ("</think>" if thought.endswith(".\n") else "") + "It is 4.", syntax))
    outputs, rest = _cut(told.text, told.spans)
    assert outputs == ["```output\n4\n```\n"]
    assert "```python\n2 * 2\n```\n" in rest
    assert rest.startswith(thought.strip())
    assert rest.endswith("It is 4.")
    assert told.text.count("<think>") == told.text.count("</think>") == bool(thought)


def test_messages_have_thinking_in_tags_and_calls_of_one_shape():
    call = {"function": {"name": "python", "arguments": "print(1)"}, "syntax": "fenced", "written": {"opening": "x"}}
    other = {"id": "c", "function": {"name": "search", "arguments": {"q": "1"}}}
    message = Message(role="assistant", content="a", reasoning="hm", tool_calls=(call, other))
    row = chat((message,))[0]
    assert row["content"] == "<think>hm</think>a"
    assert [c["function"]["arguments"] for c in row["tool_calls"]] == [{"code": "print(1)"}, {"code": "{'q': '1'}"}]
    assert [c["id"] for c in row["tool_calls"]] == ["call_0", "c"]


def test_plain_text_has_no_tags_and_no_outputs():
    messages = (Message(role="assistant", content="\\boxed{4}", reasoning="2 + 2 = 4"),)
    assert plain_text(messages) == "2 + 2 = 4\n\\boxed{4}"
    assert not uses_tools(messages)
    assert uses_tools(_conversation([("", None, "1", "1")]))
