r"""Conversion of a tool-integrated transcript between one text and roles: assistant turns with calls, tool turns.

A call read from text has two keys that chat templates ignore: `syntax`, and `written` for a spelling that differs, so
that `render` restores every byte.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Literal

from ..records import Message, Row
from .syntax import SYNTAXES, TOOL_NAME, Block, Output, Syntax, code_of_call, find_block, find_output

OPEN, CLOSE = "<think>", "</think>"
PieceKind = Literal["opening", "thinking", "closing", "text", "call", "output"]
CALL_MARKS = ("failed", "invented")
"""Keys of a call that tell its result: its code ended in an error; the model invented an output."""


def parse(text: str, syntax: Syntax = SYNTAXES["fenced"]) -> tuple[Message, ...]:
    r"""Read a transcript into roles. A block without an output behind it was not run and stays text.

    >>> [m.role for m in parse("So\n```python\nprint(4)\n```\n```output\n4\n```\nIt is $\\boxed{4}$.")]
    ['assistant', 'tool', 'assistant']
    """
    messages: list[Message] = []
    start, at, inside = 0, 0, False
    while (block := find_block(text, syntax, at)) is not None and block.closing:
        at = block.end
        if block.code is None or (output := find_output(text, syntax, at)) is None:
            continue
        turn, inside = _turn(text[start : block.start], inside)
        call = text_call(block, syntax, number=len(messages) // 2, output=output, thinking=inside)
        messages += [replace(turn, tool_calls=(call,)), Message(role="tool", content=output.text)]
        start = at = output.end
    if start < len(text) or not messages:
        messages.append(_turn(text[start:], inside)[0])
    whole = tuple(messages)
    return whole if render(whole) == text else (Message(role="assistant", content=text),)


def render(messages: Sequence[Message]) -> str:
    """Write the assistant and tool turns of a rollout as one text, each call in the syntax that it was written in."""
    return "".join(text for _, text in pieces(messages))


def output_spans(messages: Sequence[Message]) -> list[tuple[int, int]]:
    r"""Return the (start, end) of each output in `render(messages)`, its delimiters included.

    >>> text = "```python\n2 * 2\n```\n```output\n4\n```\nIt is 4."
    >>> [text[start:end] for start, end in output_spans(parse(text))]
    ['```output\n4\n```\n']
    """
    spans, start = [], 0
    for kind, text in pieces(messages):
        if kind == "output":
            spans.append((start, start + len(text)))
        start += len(text)
    return spans


def pieces(messages: Sequence[Message], opening: str = OPEN, closing: str = CLOSE) -> Iterator[tuple[PieceKind, str]]:
    """Yield the text of `render` in pieces with their kinds; `opening` and `closing` are written around thinking."""
    inside = False
    pending: list[Row] = []
    for message in messages:
        if message.role == "tool":
            syntax, written = _spelling(pending.pop(0) if pending else {})
            opening_, closing_ = (written.get(k, getattr(syntax, k)) for k in ("output_opening", "output_closing"))
            yield "output", f"{opening_}{message.content}{closing_}"
            continue
        if message.reasoning is not None:
            if not inside:
                yield "opening", opening
            yield "thinking", message.reasoning
            inside = True
        if inside and _closes_thinking(message):
            yield "closing", closing
            inside = False
        if message.content:
            yield "text", message.content
        pending = list(message.tool_calls)
        for call in pending:
            syntax, written = _spelling(call)
            body = written.get("text", syntax.call_text(code_of_call(call) or ""))
            yield "call", f"{written.get('opening', syntax.opening)}{body}{written.get('closing', syntax.closing)}"


def text_call(
    block: Block, syntax: Syntax, *, number: int, output: Output | None = None, thinking: bool = False
) -> Row:
    """Return a block as a tool call; `thinking` says that it stands inside the model's thinking."""
    code = block.code or ""
    spelling = {"opening": block.opening, "text": block.text, "closing": block.closing}
    usual = {"opening": syntax.opening, "text": syntax.call_text(code), "closing": syntax.closing}
    if output is not None:
        spelling |= {"output_opening": output.opening, "output_closing": output.closing}
        usual |= {"output_opening": syntax.output_opening, "output_closing": syntax.output_closing}
    written: Row = {key: text for key, text in spelling.items() if text != usual[key]}
    marks = {"thinking": thinking, "no_call": block.code is None}
    written |= {name: True for name, holds in marks.items() if holds}
    return python_call(code, number=number) | {"syntax": syntax.name} | ({"written": written} if written else {})


def python_call(code: str, *, number: int) -> Row:
    """Return a call of the interpreter as servers write it."""
    function = {"name": TOOL_NAME, "arguments": json.dumps({"code": code}, ensure_ascii=False)}
    return {"id": f"call_{number}", "type": "function", "function": function}


def native(message: Message) -> Message:
    """Return a message with its calls as servers take them, without the keys of a textual syntax."""
    kept = ("id", "type", "function")
    return replace(message, tool_calls=tuple({k: c[k] for k in kept if k in c} for c in message.tool_calls))


def _turn(text: str, inside: bool) -> tuple[Message, bool]:
    """Return a piece of the model's text as a turn, and whether it ends inside its thinking."""
    if not inside and not text.startswith(OPEN):
        return Message(role="assistant", content=text), False
    thought, closed, content = text.removeprefix("" if inside else OPEN).partition(CLOSE)
    return Message(role="assistant", content=content, reasoning=thought), not closed


def _closes_thinking(message: Message) -> bool:
    """Return whether a turn written inside thinking ends it: not with a call made there or a truncated thought."""
    if message.reasoning is not None and message.tool_calls:
        return not any((call.get("written") or {}).get("thinking") for call in message.tool_calls)
    return bool(message.content)


def _spelling(call: Row) -> tuple[Syntax, Row]:
    return SYNTAXES[call.get("syntax", "fenced")], call.get("written") or {}
