"""Transcripts become roles and come back byte for byte, however they were written."""

import gzip
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reasondistill.generation.syntax import SYNTAXES, code_of_call, find_block
from reasondistill.generation.transcripts import native, output_spans, parse, render
from reasondistill.records import Message

TRACES = Path(__file__).parents[3] / "shared" / "data" / "traces"

TORA = "Let's compute:\n\n```python\nx = 2\nprint(x * 2)\n```\n```output\n4\n```\nThe answer is $\\boxed{4}$."
ODD = [
    "```python\nprint(1)\n```\n\n```output\n1\n```",
    "```py\nprint(1)\n```  \n```Output\n1\n```\nSo 1.",
    "```python\n```\n```output\n\n```\n",
    "```python\r\nprint(1)\r\n```\r\n```output\r\n1\r\n```\r\nSo.",
    "no code at all",
    "",
    "```python\nprint(1)\n```\nnever run",
    "```python\nprint(1)",
    "a ```python\nnot at the start of a line\n```\n```output\n1\n```\n",
    "<think>first\n```python\n1\n```\n```output\n1\n```\nthen</think>done",
    "<think>thought</think>\n```python\n1\n```\n```output\n1\n```\nthen",
    "<think>a</think>",
    "```python\n1\n```\n```output\n```python\n```\n```",
]


def roles(text, syntax="fenced"):
    return [m.role for m in parse(text, SYNTAXES[syntax])]


def test_a_tora_transcript_has_roles_and_its_code_is_a_call():
    thought, output, answer = parse(TORA)
    assert (thought.role, thought.content) == ("assistant", "Let's compute:\n\n")
    assert code_of_call(thought.tool_calls[0]) == "x = 2\nprint(x * 2)"
    assert (output.role, output.content) == ("tool", "4")
    assert (answer.role, answer.content) == ("assistant", "The answer is $\\boxed{4}$.")
    assert "written" not in thought.tool_calls[0]


@pytest.mark.parametrize("text", [TORA, TORA + TORA, *ODD])
def test_every_transcript_comes_back(text):
    assert render(parse(text)) == text


PIECES = [
    "```python\n",
    "```output\n",
    "```\n",
    "\n```",
    "```",
    "\n",
    "x = 1",
    "é\u2028",
    "<think>",
    "</think>",
    " ",
    "4",
]


@given(st.lists(st.sampled_from(PIECES), max_size=14).map("".join))
def test_any_text_comes_back(text):
    assert render(parse(text)) == text
    whole = render(parse(text))
    assert all(0 <= a < b <= len(whole) for a, b in output_spans(parse(text)))


@pytest.mark.parametrize("name", sorted(SYNTAXES))
def test_every_syntax_reads_what_it_writes(name):
    call = {"type": "function", "function": {"name": "python", "arguments": '{"code": "a = 1\\nprint(\\"é\\")"}'}}
    told = (
        Message(role="assistant", content="So:\n", tool_calls=({"id": "call_0", **call, "syntax": name},)),
        Message(role="tool", content="é\n2"),
        Message(role="assistant", content="It is \\boxed{2}."),
    )
    text = render(told)
    read = parse(text, SYNTAXES[name])
    assert render(read) == text
    assert [(m.role, m.content) for m in read] == [(m.role, m.content) for m in told]
    assert code_of_call(read[0].tool_calls[0]) == 'a = 1\nprint("é")'
    [(start, end)] = output_spans(read)
    assert "é\n2" in text[start:end] and "print" not in text[start:end]


def test_code_in_a_thought_stays_there():
    first, output, rest = parse(ODD[9])
    assert (first.reasoning, first.content, output.content) == ("first\n", "", "1")
    assert (rest.reasoning, rest.content) == ("then", "done")


def test_a_block_that_was_not_run_is_text():
    assert roles("```python\nprint(1)\n```\nnever run") == ["assistant"]
    assert parse("```python\n1\n```\nx")[0].tool_calls == ()


def test_a_native_message_has_no_keys_of_a_spelling():
    [call] = native(parse(ODD[1])[0]).tool_calls
    assert set(call) == {"id", "type", "function"}


@pytest.mark.parametrize(
    ("call", "code"),
    [
        ({"function": {"name": "python", "arguments": {"code": "1"}}}, "1"),
        ({"function": {"name": "python", "arguments": "print(1)"}}, "print(1)"),
        ({"function": {"name": "python", "arguments": '"1 + 1"'}}, "1 + 1"),
        ({"function": {"name": "code_interpreter", "arguments": '{"input": "1"}'}}, "1"),
        ({"function": {"name": "execute_code", "arguments": '{"code": "1"}'}}, "1"),
        ({"function": {"name": "search", "arguments": '{"code": "1"}'}}, None),
        ({"function": {"name": None, "arguments": '{"code": "1"}'}}, None),
        ({"function": {"name": "python", "arguments": "{}"}}, None),
        ({"function": {"name": "python", "arguments": '{"code": 3}'}}, None),
        ({"function": None}, None),
        ({}, None),
    ],
)
def test_the_code_of_a_call_is_found_however_its_arguments_come(call, code):
    assert code_of_call(call) == code


def test_a_call_as_text_that_is_none_of_the_interpreter_has_no_code():
    block = find_block('<tool_call>{"name": "search", "arguments": {}}</tool_call>', SYNTAXES["tool-call"])
    assert block is not None and block.code is None
    assert find_block("<tool_call>[[</tool_call>", SYNTAXES["tool-call"]).code is None


@pytest.mark.skipif(not TRACES.is_dir(), reason="the shared traces are not beside this checkout")
@pytest.mark.parametrize(("file", "executed"), [("tora_corpus_examples", 25), ("gsm8k_rho1", 2636)])
def test_real_transcripts_come_back_byte_for_byte(file, executed):
    with gzip.open(TRACES / f"{file}.jsonl.gz", "rt", encoding="utf-8") as lines:
        texts = [json.loads(line)["completion"] for line in lines]
    parsed = [parse(text) for text in texts]
    assert [render(messages) for messages in parsed] == texts
    assert sum(any(m.role == "tool" for m in messages) for messages in parsed) == executed
    for text, messages in zip(texts, parsed, strict=True):
        assert text.count("```output\n") == sum(m.role == "tool" for m in messages)


XML = "<function=python>\n<parameter=code>\nprint(6*7)\n</parameter>\n</function>"


@pytest.mark.parametrize(
    "text",
    [
        f"<tool_call>\n{XML}\n</tool_call>",
        f"I compute.\n{XML}\nand wait",
        XML.replace("\n</parameter>", ""),
        "<tool_call>python\n<arg_key>code</arg_key>\n<arg_value>print(6*7)</arg_value>\n</tool_call>",
        '<invoke name="python">\n<parameter name="code">print(6*7)</parameter>\n</invoke>',
    ],
)
def test_a_call_in_xml_is_read(text):
    block = find_block(text, SYNTAXES["tool-call"])
    assert block.code == "print(6*7)"
    assert text == f"{text[: block.start]}{block.opening}{block.text}{block.closing}{text[block.end :]}"


def test_code_that_speaks_of_xml_is_no_end_of_a_call():
    code = "print('<function=python></function>')"
    text = f"<tool_call>\n{json.dumps({'name': 'python', 'arguments': {'code': code}})}\n</tool_call>"
    assert find_block(text, SYNTAXES["tool-call"]).code == code


CODE = json.dumps({"code": "print(6*7)"})


@pytest.mark.parametrize("arguments", [CODE, json.dumps(CODE), json.dumps(json.dumps(CODE)), {"code": CODE}])
def test_arguments_may_be_encoded_twice(arguments):
    assert code_of_call({"function": {"name": "python", "arguments": arguments}}) == "print(6*7)"


@pytest.mark.parametrize("code", ["print(1)", "42", "{1: 2}", "x = {}", "[1]"])
def test_bare_code_is_run_as_it_is(code):
    assert code_of_call({"function": {"name": "python", "arguments": code}}) == code
