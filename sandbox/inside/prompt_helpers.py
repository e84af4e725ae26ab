"""Functions that a prompt defines in addition to the one it asks for."""

import ast
import contextlib
from typing import Any


def prompt_helpers(prompt: str, entry_point: str | None, space: dict[str, Any]) -> dict[str, Any]:
    """Run a prompt's imports, constants and whole functions in `space`; return what it defines.

    The candidate defines the entry point and functions of which the prompt has only the head. A prompt with a whole
    entry point shows a program, perhaps one to repair, and defines nothing. Classes are the candidate's: the tests must
    make instances that its functions know.

    >>> sorted(prompt_helpers("def f(x):\\n    return 2 * x\\ndef g(x):\\n    'asked for'\\n", "g", {}))
    ['f']
    """
    statements = parse_prompt(prompt)
    if not entry_point:
        names = [s.name for s in statements if isinstance(s, ast.FunctionDef | ast.AsyncFunctionDef)]
        entry_point = names[-1] if names else None
    if any(_is_helper(s) and getattr(s, "name", None) == entry_point for s in statements):
        return {}
    before = set(space)
    for statement in filter(_is_helper, statements):
        with contextlib.suppress(Exception):
            exec(compile(ast.Module([statement], []), "prompt", "exec", dont_inherit=True, optimize=0), space)
    return {name: value for name, value in space.items() if name not in before and name != "__builtins__"}


def parse_prompt(prompt: str) -> list[ast.stmt]:
    """Return the statements of a prompt that is code; its last function or class may end after the head.

    >>> [type(s).__name__ for s in parse_prompt("class A:\\n    def f(self):\\n        ")]
    ['ClassDef']
    """
    for text in (prompt, f"{prompt.rstrip()} pass"):
        try:
            return ast.parse(text).body
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            continue
    return []


def _is_helper(statement: ast.stmt) -> bool:
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
        return any(not _is_empty(inner) for inner in statement.body)
    return isinstance(statement, ast.Import | ast.ImportFrom | ast.Assign | ast.AnnAssign)


def _is_empty(statement: ast.stmt) -> bool:
    """Whether a statement is a docstring, `pass`, `...` or `raise NotImplementedError`."""
    if isinstance(statement, ast.Raise):
        return "NotImplementedError" in ast.dump(statement)
    return isinstance(statement, ast.Pass) or (
        isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
    )
