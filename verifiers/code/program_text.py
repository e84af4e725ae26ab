"""The program that a completion holds: which part of the text it is, and the ways to read it. Parses and runs nothing.

Whether a text compiles is found out inside the sandbox, where parsing may hang; so this names readings in the order in
which they are to be tried.
"""

import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass

from sandbox.testing import Program, Reading

from ..thinking import split_thinking

MAX_CHARACTERS = 400_000
"""Characters of an answer; of a longer one the end is read."""
_FENCE = re.compile(r"^([ \t]*+)(`{3,}+|~{3,}+)[ \t]*+([\w+#.-]*+)[^`\n]*+$")
_PYTHON = frozenset({"", "python", "python3", "py", "py3", "python-exec", "pyodide"})
_CODE_START = re.compile(
    r"^(?:def |class |import |from \w[\w.]* import |async def |@\w|if __name__|[A-Za-z_]\w* ?= ?\S)", re.M
)
_HEAD = re.compile(r"^(?:async )?(?:def|class) +(\w+)", re.M)
_END_MARK = re.compile(r"^[ \t]*\[(?:DONE|/PYTHON)\]", re.M)
_START_MARK = re.compile(r"^[ \t]*\[(?:BEGIN|PYTHON)\][ \t]*\n?", re.M)
"""Marks around a program in MBPP's prompt and in Code Llama's answers."""
_QUOTES = re.compile(r"""#.*|'{3}|"{3}|'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|\\.""")
_IS_CODE = re.compile(
    r"^(?:(?:async )?def +\w+ *\(|class +\w+ *[:(]|import +[\w.]+(?: +as +\w+)?(?: *[,#;].*)?$|from +[\w.]+ +import )",
    re.M,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundProgram:
    """The program of a completion."""

    text: str
    where: str
    """`fenced`, `unclosed_fence` or `whole`."""
    program: Program
    entry_point: str | None
    """The one asked for; else the last function that the prompt defines."""
    last: str | None
    """The last function or class at the top of the program."""
    method: str | None
    """The first public method of the program's class `Solution`."""
    certain: bool
    """Whether the text is marked as code or looks like it; else it is an answer only if it compiles."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Block:
    tag: str
    text: str
    closed: bool


def find_program(
    completion: str,
    *,
    prompt: str = "",
    entry_point: str | None = None,
    called: frozenset[str] = frozenset(),
    main: bool = False,
) -> FoundProgram | None:
    """Return the program of a completion, or None where it holds none.

    It is the last complete fenced block that defines the entry point (if unknown: a name that the tests call), else the
    last complete block, else a truncated one, else the whole text. `main` says that the program is a script.

    >>> find_program("Sure:\\n```python\\nx = 1\\n```").text
    'x = 1'
    """
    answer = split_thinking(completion, opened=prompt.rstrip().endswith("<think>")).answer.removeprefix("\ufeff")
    if len(answer) > MAX_CHARACTERS:
        answer = answer[-MAX_CHARACTERS:].partition("\n")[2]
    if not answer.strip():
        return None
    prompt = code_of_prompt(prompt)
    wanted = entry_point.partition("(")[0].partition(".")[0] if entry_point else last_head(prompt)
    answer = _END_MARK.split(answer, maxsplit=1)[0] if _END_MARK.search(answer) else answer
    answer, marked = _START_MARK.split(answer)[-1], _START_MARK.search(answer) is not None
    block = _choose(list(_blocks(answer)), frozenset({wanted}) if wanted else called)
    text = answer if block is None else block.text
    text = text.strip("\n")
    if not text.strip():
        return None
    readings = _readings(text, prompt, wanted, loose=block is None or not block.closed, main=main)
    _, solution, body = text.partition("class Solution")
    method = re.search(r"^[ \t]+def +([a-zA-Z]\w*) *\( *self\b", body, re.M) if solution else None
    return FoundProgram(
        text=text,
        where="whole" if block is None else "fenced" if block.closed else "unclosed_fence",
        program=Program(readings=tuple(readings), main=main),
        entry_point=wanted,
        last=last_head(text),
        method=method[1] if method else None,
        certain=block is not None or marked or _CODE_START.search(text) is not None or text[:1] in " \t",
    )


def code_of_prompt(prompt: str) -> str:
    """Return the code of a prompt: all of it, or its last fenced block with a function or class; "" for plain language.

    >>> code_of_prompt("Add two numbers."), code_of_prompt("import math\\ndef f(x):\\n")
    ('', 'import math\\ndef f(x):\\n')
    """
    blocks = [block.text for block in _blocks(prompt) if block.tag in _PYTHON and _IS_CODE.search(block.text)]
    if blocks:
        return blocks[-1]
    prompt = prompt.lstrip()
    first = next((line for line in prompt.splitlines() if line.strip()), "")
    looks_like_code = _IS_CODE.search(prompt) and (_IS_CODE.match(first) or first.startswith(("#", "@", '"""', "'''")))
    return prompt if looks_like_code or (_IS_CODE.search(prompt) and re.match(r"\w+ *(?::.*)?= ", first)) else ""


def _blocks(text: str) -> Iterator[_Block]:
    """Yield the fenced blocks; a fence closes with at least as many of the same character and nothing after them.

    A fence inside a docstring closes nothing, where the docstring ends before the next block begins.
    """
    opening: re.Match[str] | None = None
    lines: list[str] = []
    every = text.split("\n")
    quote, docstring_end = "", 0
    for number, line in enumerate(every):
        fence = _FENCE.match(line.rstrip("\r"))
        if opening is None:
            opening, lines, quote = fence, [], ""
            continue
        if fence and quote and number >= docstring_end:
            docstring_end = _docstring_end(every, number, quote, opening)
        in_docstring = number < docstring_end
        quote = _quote_after(line, quote) if opening[3].lower() in _PYTHON - {""} else ""
        if in_docstring:
            lines.append(line)
        elif line.rstrip().endswith(opening[2]) and line.count(opening[2]) == 1 and line.strip() != opening[2]:
            lines.append(line.rstrip().removesuffix(opening[2]))  # a fence on the last line of code
            yield _block(opening, lines, closed=True)
            opening = None
        elif fence and not fence[3] and fence[2].startswith(opening[2]) and line.strip() == fence[2]:
            yield _block(opening, lines, closed=True)
            opening = None
        else:
            lines.append(line)
    if opening is not None:
        yield _block(opening, lines, closed=False)


def _docstring_end(lines: list[str], start: int, quote: str, opening: re.Match[str]) -> int:
    """Return the line that ends an open docstring; `start` where a new block begins before, or none ends it."""
    for number in range(start, len(lines)):
        if quote in lines[number]:
            return number
        fence = _FENCE.match(lines[number])
        if fence and fence[3] and len(fence[1]) <= len(opening[1]):
            break
    return start


def _quote_after(line: str, quote: str) -> str:
    """Return the triple quote that is open after a line of Python, or ""."""
    at = 0
    while True:
        if quote:
            at = line.find(quote, at) + len(quote)
            if at < len(quote):
                return quote
            quote = ""
        elif found := _QUOTES.search(line, at):
            quote, at = found[0] if found[0] in ("'''", '"""') else "", found.end()
        else:
            return ""


def _block(opening: re.Match[str], lines: list[str], *, closed: bool) -> _Block:
    """Return a block; the language may be alone on the line after the fence, as small models write it.

    >>> find_program("```\\npython\\nx = 1\\n```").text
    'x = 1'
    """
    tag = opening[3].lower()
    if not tag and lines and lines[0].strip().lower() in _PYTHON - {""}:
        tag, lines = lines[0].strip().lower(), lines[1:]
    return _Block(tag=tag, text="\n".join(line.removeprefix(opening[1]) for line in lines), closed=closed)


def _choose(blocks: list[_Block], names: frozenset[str]) -> _Block | None:
    closed = [block for block in blocks if block.closed]
    for candidates in (closed, blocks):
        python = [block for block in candidates if block.tag in _PYTHON]
        defining = [block for block in python if any(_defines(block.text, name) for name in names)]
        if choice := defining or [block for block in python if block.tag] or python or candidates:
            return choice[-1]
    return None


def _defines(text: str, name: str) -> bool:
    pattern = rf"^[ \t]*(?:async +)?(?:def|class) +{re.escape(name)}\b|^{re.escape(name)}\b(?!\s*[.\[(])[^=\n]*=[^=]"
    return re.search(pattern, text, re.M) is not None


def last_head(code: str) -> str | None:
    """Return the name of the last function or class at the top of some code."""
    names = _HEAD.findall(code)
    return names[-1] if names else None


def _readings(text: str, prompt: str, entry_point: str | None, *, loose: bool, main: bool) -> Iterator[Reading]:
    """Yield the readings of a program's text, best first."""
    if not main and prompt and entry_point and not _defines(text, entry_point) and _defines(prompt, entry_point):
        # A body of the function whose head ends the prompt: with its indent, or with it lost.
        head = prompt if prompt.endswith("\n") else f"{prompt}\n"
        first, _, rest = text.partition("\n")
        bodies = [text] if text[:1] in " \t" else [textwrap.indent(text, "    "), f"    {first}\n{rest}", text]
        for trim in (False, True):
            yield from (Reading(source=head + body, trim=trim) for body in bodies)
    whole = text if text[:1] not in " \t" else textwrap.dedent(text)
    yield Reading(source=whole, preamble=prompt)
    if loose and (start := _CODE_START.search(text)):
        yield Reading(source=text[start.start() :], preamble=prompt, trim=True)
