"""The options of tool-integrated rollouts, and the texts that a model reads about its interpreter and its outputs."""

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from annotated_types import Ge, Gt, Le

from sandbox import Execution, Status

from ....errors import RecipeError

AUTO, NATIVE = "auto", "native"
MAX_LIVE = 192
"""The sandbox has room for 256 children; the rest run the tests that judge programs meanwhile."""
_FAILED = frozenset({Status.EXCEPTION, Status.NONZERO_EXIT})

INSTRUCTIONS = {
    NATIVE: "Call the tool `python` to compute: what the code prints comes back to you.",
    "fenced": (
        "To compute something, write Python code in a block that begins with ```python and ends with ```. "
        "The block is run at once and what it prints comes back in a block that begins with ```output."
    ),
    "llm-code": (
        "To compute something, write Python code between <llm-code> and </llm-code>. The code is run at once and what "
        "it prints comes back between <llm-code-output> and </llm-code-output>."
    ),
    "code-tag": (
        "To compute something, write Python code in a ```python block between <code> and </code>. The code is run at "
        "once and what it prints comes back between <interpreter> and </interpreter>."
    ),
    "tool-call": (
        'To compute something, write {"name": "python", "arguments": {"code": "..."}} between <tool_call> and '
        "</tool_call>. The code is run at once and what it prints comes back between <tool_response> and "
        "</tool_response>."
    ),
}
"""Sentences for `{tools}` of a template: how the model calls its interpreter, by syntax."""

NOTICES = {
    "silent": "(no output; print what you want to see)",
    "cut": "[... {n} characters cut ...]",
    "late": "TimeoutError: the code ran longer than {seconds:g} s and was stopped",
    "no_tool": "Error: the only tool is `python`, and its only argument is `code`",
    "not_run": "(not run: no further code is allowed)",
    "closing": "No further code will be run. Give the final answer now.",
}
"""Texts of an output where the code itself prints nothing or was not run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TirOptions:
    """How code and text alternate."""

    NOT_IN_ID: ClassVar[tuple[str, ...]] = ("wall_seconds", "live_sessions", "isolation")
    """Caps and places, which decide no sample."""

    syntax: Literal["auto", "native", "fenced", "llm-code", "code-tag", "tool-call"] = "auto"
    """Syntax of blocks: auto (native if the model's chat template has tools, else fenced), native, or a name of
    `syntax.SYNTAXES`."""
    executions: Annotated[int, Ge(1)] = 8
    """Maximum number of executed blocks, before one closing turn (NeMo-Skills; NuminaMath's competition entry: 4)."""
    cell_seconds: Annotated[float, Gt(0)] = 10.0
    """Wall time of one block (NeMo-Skills)."""
    memory_mb: Annotated[int, Ge(1)] = 1024
    """Memory of one interpreter."""
    output_chars: Annotated[int, Ge(1)] = 1000
    """Characters of an output that the model sees (NeMo-Skills; NuminaMath: 200)."""
    fresh: bool = False
    """Run each block in a new process (NuminaMath) instead of one interpreter that keeps its variables."""
    wall_seconds: Annotated[float, Gt(0)] = 1800.0
    """Wall time of an attempt; a turn that exceeds it is dropped."""
    hallucinated: Literal["keep", "prune"] = "keep"
    """Treatment of answers without an executed block and of outputs that the model wrote itself: keep annotates the
    rollout; prune also keeps it out of training data."""
    earlier_thinking: Literal["keep", "strip"] = "keep"
    """Whether the model sees the thinking of its own earlier turns: keep or strip. It is always stored."""
    branch_at_code: Annotated[int, Ge(1)] = 1
    """Number of attempts of a problem that share everything up to the first executed block, interpreter included."""
    restarts: Annotated[int, Ge(0)] = 0
    """Number of new tries for an attempt that ends without an executed block, all within `max_tokens`
    (NuminaMath: no code in a round, restart)."""
    live_sessions: Annotated[int, Ge(1), Le(MAX_LIVE)] = 64
    """Number of interpreters that exist at once; others are rebuilt by running their blocks again."""
    isolation: str = "auto"
    """Isolation of blocks: auto, full, flat, bubblewrap or the address of a remote sandbox."""

    def __post_init__(self) -> None:
        if self.restarts and self.branch_at_code > 1:
            raise RecipeError("tir.restarts and tir.branch_at_code exclude each other: a shared beginning has code")


def shown(execution: Execution, *, limit: int, seconds: float) -> str:
    """Return the text of an output. `seconds` is the time limit of the block."""
    failure = ""  # in the words of a traceback or of the sandbox
    if execution.status is Status.TIMEOUT:
        failure = NOTICES["late"].format(seconds=seconds)
    elif execution.status is not Status.OK:
        message, own = execution.stderr.strip("\n") or execution.reason, execution.status in _FAILED
        own = own or bool(execution.status is Status.MEMORY and execution.stderr)
        failure = message if own else f"Error: {execution.reason or message}"
    parts = [execution.stdout.strip("\n"), execution.result or "", failure]
    text = "\n".join(part for part in parts if part.strip())
    return cut(text, limit) if text else NOTICES["silent"]


def cut(text: str, limit: int) -> str:
    """Cut the middle out of a text that is longer than the limit: the end of a traceback matters most.

    >>> cut("a" * 10 + "b" * 10, 8)
    'aaaa[... 12 characters cut ...]bbbb'
    """
    if len(text) <= limit:
        return text
    head, tail = limit - limit // 2, limit // 2
    return text[:head] + NOTICES["cut"].format(n=len(text) - head - tail) + text[len(text) - tail :]
