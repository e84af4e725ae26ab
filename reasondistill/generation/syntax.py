"""Textual syntaxes for the code that a model wants to run and for the output that it gets back. The table is data."""

import functools
import json
import re
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True, kw_only=True)
class Syntax:
    """One way to write blocks and outputs."""

    name: str
    opening: str
    """Text before the code; `openings` must match it."""
    closing: str
    output_opening: str
    output_closing: str
    openings: str
    """Regular expression of every opening that is read."""
    closings: str
    """Regular expression of every closing, from the line break that ends the code on."""
    stops: tuple[str, ...]
    """Stop strings that end a completion right after a block."""
    outputs: str
    output_ends: str
    as_json: bool = False
    """Whether a block holds the call as JSON, {"name": ..., "arguments": {"code": ...}}, and not the code itself."""

    def call_text(self, code: str) -> str:
        """Return the text between opening and closing."""
        call = {"name": TOOL_NAME, "arguments": {"code": code}}
        return json.dumps(call, ensure_ascii=False) if self.as_json else code

    def code_of(self, text: str) -> str | None:
        """Return the code of a block's text; None if it calls something else or is no call."""
        return code_argument(text) if self.as_json else text


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A block in a text."""

    start: int
    end: int
    opening: str
    text: str
    closing: str
    """Empty for a block that was never closed."""
    code: str | None
    """Code to run; None if the block is no call of the interpreter."""


_FENCE_END = r"(?:^|\n)[ \t]*```[ \t]*(?:\r?\n|\Z)"


def _tagged(name: str, tag: str, output_tag: str, *, fence: bool = False, as_json: bool = False) -> Syntax:
    before, after = ("```python\n", "\n```") if fence else ("", "")
    return Syntax(
        name=name,
        opening=f"<{tag}>\n{before}",
        closing=f"{after}\n</{tag}>\n",
        output_opening=f"<{output_tag}>\n",
        output_closing=f"\n</{output_tag}>\n",
        openings=rf"<{tag}>\s*(?:```[ \t]*(?:python3?|py)[ \t]*\n)?" if fence else rf"<{tag}>[ \t]*\n?",
        closings=rf"\n?(?:```\s*)?</{tag}>\n?" if fence else rf"\n?</{tag}>\n?",
        stops=(f"</{tag}>",),
        outputs=rf"<{output_tag}>[ \t]*\n?",
        output_ends=rf"\n?</{output_tag}>\n?",
        as_json=as_json,
    )


# fmt: off
_FENCED = Syntax(  # NuminaMath-TIR, ToRA, Qwen2.5-Math.
    name="fenced", opening="```python\n", closing="\n```\n", stops=("\n```\n",),
    output_opening="```output\n", output_closing="\n```\n",
    openings=r"^[ \t]*```[ \t]*(?i:python[23]?|py|tool_code)[ \t]*\r?\n", closings=_FENCE_END,
    outputs=r"^[ \t]*```[ \t]*(?i:output|console|text|plaintext|stdout)[ \t]*\r?\n", output_ends=_FENCE_END,
)
# fmt: on
SYNTAXES = {
    "fenced": _FENCED,
    "llm-code": _tagged("llm-code", "llm-code", "llm-code-output"),  # NeMo-Skills' tags of OpenMathInstruct-1.
    "code-tag": _tagged("code-tag", "code", "interpreter", fence=True),  # ReTool's.
    # Hermes' and Qwen's; Qwen3-Coder and MiniMax write XML, with or without the tags around it.
    "tool-call": replace(
        _tagged("tool-call", "tool_call", "tool_response", as_json=True),
        openings=r"<tool_call>[ \t]*\n?|(?=<(?:function=|invoke name=))",
        closings=r"(?<=</parameter>)\s*</(?:function|invoke)>\s*(?:</tool_call>\n?)?|\n?</tool_call>\n?",
    ),
}

TOOL_NAME = "python"
PYTHON_TOOL = {
    "type": "function",
    "function": {
        "name": TOOL_NAME,
        "description": "Run Python code in an interpreter that keeps its variables between calls. "
        "Returns what the code prints and the value of its last expression.",
        "parameters": {
            "type": "object",
            "properties": {"code": {"type": "string", "description": "The code to run."}},
            "required": ["code"],
        },
    },
}
"""The interpreter as OpenAI describes functions."""


def find_block(text: str, syntax: Syntax, start: int = 0) -> Block | None:
    r"""Return the first block from `start` on, closed or not.

    >>> find_block("So:\n```python\nprint(1)\n```\n", SYNTAXES["fenced"]).code
    'print(1)'
    """
    opened = _pattern(syntax.openings).search(text, start)
    if opened is None:
        return None
    closed = _pattern(syntax.closings).search(text, opened.end())
    body = text[opened.end() : closed.start() if closed else len(text)]
    return Block(
        start=opened.start(),
        end=closed.end() if closed else len(text),
        opening=opened.group(),
        text=body,
        closing=closed.group() if closed else "",
        code=syntax.code_of(body),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """An output behind a block."""

    end: int
    opening: str
    text: str
    closing: str


def find_output(text: str, syntax: Syntax, start: int) -> Output | None:
    """Return the output that begins at `start`, blank lines apart."""
    opened = _pattern(rf"\s*(?:{syntax.outputs})").match(text, start)
    closed = opened and _pattern(syntax.output_ends).search(text, opened.end())
    if not opened or not closed:
        return None
    body = text[opened.end() : closed.start()]
    return Output(end=closed.end(), opening=opened.group(), text=body, closing=closed.group())


def without_blocks(text: str, syntax: Syntax) -> str:
    """Return the prose of a text: without its blocks, and without the text behind an unclosed one."""
    kept, start = [], 0
    while (block := find_block(text, syntax, start)) is not None:
        kept.append(text[start : block.start])
        start = block.end
    return "".join([*kept, text[start:]])


def code_argument(text: str) -> str | None:
    """Return the code of a call written as JSON or XML; None if it calls something else or is no call."""
    try:
        call = json.loads(text)
    except (ValueError, RecursionError):
        call = _xml_call(text)
    if not isinstance(call, dict):
        return None
    return code_of_call({"function": {"name": call.get("name"), "arguments": _first(call, "arguments", "parameters")}})


def code_of_call(call: dict[str, object]) -> str | None:
    """Return the code of a tool call as servers return it; None if it does not call the interpreter.

    Arguments may be an object, its JSON, even encoded twice, or (small models do that) the bare code.

    >>> code_of_call({"function": {"name": "python", "arguments": '{"code": "1 + 1"}'}})
    '1 + 1'
    """
    function = call.get("function")
    if not isinstance(function, dict) or not _NAMES.search(str(function.get("name"))):
        return None
    arguments = function.get("arguments")
    while isinstance(arguments, str):
        parsed = _parsed(arguments)
        if not isinstance(parsed, dict | str):
            return arguments
        arguments = parsed
    if not isinstance(arguments, dict):
        return None
    code = _first(arguments, *_ARGUMENTS)
    inner = _parsed(code) if isinstance(code, str) and code.lstrip().startswith("{") else None
    if isinstance(inner, dict) and len(inner) == 1 and isinstance(_first(inner, *_ARGUMENTS), str):
        code = _first(inner, *_ARGUMENTS)
    return code if isinstance(code, str) else None


def _parsed(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _xml_call(text: str) -> dict[str, object] | None:
    """Return a call in the XML of Qwen3-Coder and MiniMax, or in that of GLM."""
    if named := re.search(r"<(?:function|invoke)(?:=|\s+name=)[\"']?([\w.:-]+)[\"']?\s*>", text):
        pattern = (
            r"<parameter(?:=|\s+name=)[\"']?([\w.-]+)[\"']?[^>]*>(.*?)(?:</parameter>|(?=<parameter|</function>)|\Z)"
        )
    elif named := re.match(r"\s*([\w.:-]+)\s*(?=<arg_key>)", text):
        pattern = r"<arg_key>\s*(.*?)\s*</arg_key>\s*<arg_value>(.*?)(?:</arg_value>|\Z)"
    else:
        return None
    pairs = re.findall(pattern, text[named.end() :], re.DOTALL)
    return {"name": named[1], "arguments": {key: value.strip("\r\n") for key, value in pairs}}


_ARGUMENTS = ("code", "input", "source", "query", "script")
_NAMES = re.compile(r"python|code|interpreter|^(?:execute|exec|run|repl)$", re.IGNORECASE)
"""Names that models use for an interpreter, whatever its real name."""


@functools.cache
def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(text, re.MULTILINE)


def _first(row: dict[str, object], *keys: str) -> object:
    return next((row[key] for key in keys if key in row), None)
