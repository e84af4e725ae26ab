r"""Renderings of a completion: chat messages with tool calls, or one text with fences.

Thinking is put in `<think>` tags before the answer, as nearly every chat template and trainer reads it. One text comes
with the character spans of tool outputs, so that a trainer can leave those out of its loss.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ..generation.syntax import code_of_call
from ..generation.transcripts import CLOSE, OPEN, output_spans, render
from ..records import Message, Row

Span = tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class OneText:
    """A completion as one text."""

    text: str
    spans: tuple[Span, ...] = ()
    """Spans of tool outputs, with their fences."""

    def span_rows(self) -> list[Row]:
        """Return the spans as rows of the column `tool_output_spans`."""
        return [{"start": start, "end": end} for start, end in self.spans]


def one_text(completion: Sequence[Message]) -> OneText:
    r"""Write a completion with NuminaMath-TIR's and ToRA's fences, whatever syntax its calls were written in.

    >>> call = {"function": {"name": "python", "arguments": {"code": "2 * 2"}}}
    >>> turns = (Message(role="assistant", content="So", tool_calls=(call,)), Message(role="tool", content="4"))
    >>> shown = one_text(turns)
    >>> shown.text
    'So\n```python\n2 * 2\n```\n```output\n4\n```\n'
    >>> [shown.text[start:end] for start, end in shown.spans]
    ['```output\n4\n```\n']
    """
    turns = [_fenced(message) for message in completion]
    return OneText(text=render(turns), spans=tuple(output_spans(turns)))


def chat(messages: Sequence[Message]) -> list[Row]:
    """Return the messages as objects with `role`, `content` and, where a tool was called, `tool_calls` of one shape.

    A call of a tool that does not exist is written as its code: that is what was answered.
    """
    rows: list[Row] = []
    for message in messages:
        thought = "" if message.reasoning is None else f"{OPEN}{message.reasoning}{CLOSE}"
        rows.append({"role": message.role, "content": thought + message.content})
        if message.tool_calls:
            rows[-1]["tool_calls"] = [_call_row(call, number) for number, call in enumerate(message.tool_calls)]
    return rows


def plain_text(completion: Sequence[Message]) -> str:
    """Return thinking and answer of a completion, without tool turns and tags, one below the other."""
    return "\n".join(f"{m.reasoning or ''}\n{m.content}" for m in completion if m.role == "assistant").strip()


def uses_tools(completion: Sequence[Message]) -> bool:
    """Return whether some tool was called."""
    return any(message.tool_calls or message.role == "tool" for message in completion)


def _call_row(call: Row, number: int) -> Row:
    function = call.get("function") or {}
    code = code_of_call(call)
    arguments = {"code": str(function.get("arguments") or "") if code is None else code}
    return {
        "id": str(call.get("id") or f"call_{number}"),
        "type": "function",
        "function": {"name": str(function.get("name") or ""), "arguments": arguments},
    }


def _fenced(message: Message) -> Message:
    """Return a turn whose calls are written in fences; an opening fence starts a line."""
    if not message.tool_calls:
        return message
    calls: list[Row] = []
    for call in message.tool_calls:
        # The fences are a spelling of their own, so that of the call is left out.
        written = call.get("written") or {}
        names = ("thinking", "no_call", *(["text"] if written.get("no_call") else []))
        plain = {name: value for name, value in call.items() if name not in ("syntax", "written")}
        calls.append({**plain, "written": {name: written[name] for name in names if name in written}})
    message = replace(message, tool_calls=tuple(calls))
    if any(call["written"].get("thinking") for call in calls):
        thought = message.reasoning or ""
        return replace(message, reasoning=thought if not thought or thought.endswith("\n") else f"{thought}\n")
    before = message.content or (CLOSE if message.reasoning is not None else "")
    content = message.content if not before or before.endswith("\n") else f"{message.content}\n"
    return replace(message, content=content)
