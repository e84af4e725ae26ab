"""The knobs of tool-integrated rollouts, and the sentences that a model reads about its interpreter: all data."""

from dataclasses import asdict, dataclass

from ....errors import RecipeError
from ....records import Row
from ...syntax import PYTHON_TOOL, SYNTAXES

AUTO, NATIVE = "auto", "native"
MOST_LIVE = 192
"""The sandbox keeps 256 children at once; what is left runs the tests that judge programs meanwhile."""
SYNTAX_NAMES = (AUTO, NATIVE, *SYNTAXES)
HALLUCINATED = ("keep", "prune")
EARLIER_THINKING = ("keep", "strip")

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
"""How a model calls its interpreter, put in the place of `{tools}` in a template."""

NOTICES = {
    "silent": "(no output; print what you want to see)",
    "cut": "[... {n} characters cut ...]",
    "late": "TimeoutError: the code ran longer than {seconds:g} s and was stopped",
    "no_tool": "Error: the only tool is `python`, and its only argument is `code`",
    "not_run": "(not run: no further code is allowed)",
    "closing": "No further code will be run. Give the final answer now.",
}
"""What an output says when the code itself says nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TirOptions:
    """How code and text interleave."""

    syntax: str = AUTO
    """How blocks are written: auto (native where the model's chat template has tools, else fenced), native, or a name
    of `syntax.SYNTAXES`."""
    executions: int = 8
    """Blocks that are run at most, before one closing turn (NeMo-Skills; NuminaMath's competition entry had 4)."""
    cell_seconds: float = 10.0
    """Wall clock of one block (NeMo-Skills)."""
    memory_mb: int = 1024
    output_chars: int = 1000
    """Characters of an output that the model sees (NeMo-Skills; NuminaMath 200)."""
    fresh: bool = False
    """Run each block in a new process (NuminaMath) instead of one interpreter that keeps its variables."""
    wall_seconds: float = 1800.0
    """An attempt starts no further turn after this time, and the turn that runs into it is given up."""
    hallucinated: str = "keep"
    """What becomes of an answer without an executed block and of outputs that the model wrote itself: keep marks the
    rollout; prune marks it so that no training data is made of it."""
    earlier_thinking: str = "keep"
    """Whether a model sees the thinking of its own earlier turns: keep or strip. What is stored has it always."""
    branch_at_code: int = 1
    """This many attempts of a problem share all up to their first executed block, its interpreter state included."""
    restarts: int = 0
    """How often an attempt that ends without an executed block is begun anew, all its tries within `max_tokens`
    (NuminaMath: no code in a round, restart)."""
    live_sessions: int = 64
    """Interpreters that exist at once; others are rebuilt by running their blocks again."""
    isolation: str = "auto"
    """Where blocks run: auto, full, flat, bubblewrap or the address of a remote sandbox."""

    def __post_init__(self) -> None:
        choices = {"syntax": SYNTAX_NAMES, "hallucinated": HALLUCINATED, "earlier_thinking": EARLIER_THINKING}
        for key, accepted in choices.items():
            if getattr(self, key) not in accepted:
                raise RecipeError(f"tir.{key} must be one of {', '.join(accepted)}, got {getattr(self, key)!r}")
        for key in ("executions", "branch_at_code", "live_sessions", "output_chars", "memory_mb"):
            if getattr(self, key) < 1:
                raise RecipeError(f"tir.{key} must be at least 1, got {getattr(self, key)}")
        if self.live_sessions > MOST_LIVE:
            raise RecipeError(f"tir.live_sessions must be at most {MOST_LIVE}, got {self.live_sessions}")
        if self.restarts < 0:
            raise RecipeError(f"tir.restarts must be at least 0, got {self.restarts}")
        if self.restarts and self.branch_at_code > 1:
            raise RecipeError("tir.restarts and tir.branch_at_code exclude each other: a shared beginning has code")
        for key in ("cell_seconds", "wall_seconds"):
            if not getattr(self, key) > 0:
                raise RecipeError(f"tir.{key} must be above 0, got {getattr(self, key)}")

    def identity(self) -> Row:
        """Return what changes a sample, the words and the tool that the model reads among it."""
        row = asdict(self)
        for key in ("wall_seconds", "live_sessions", "isolation"):
            del row[key]
        if not self.restarts:  # what there was before it could restart keeps its ids
            del row["restarts"]
        return {**row, "tool": PYTHON_TOOL, "instructions": INSTRUCTIONS, "notices": NOTICES}
