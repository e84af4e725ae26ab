"""The text of an execution for the model: printed text, last expression, error; cut in the middle to a limit."""

from sandbox import Execution, Status

from .options import NOTICES

_FAILED = frozenset({Status.EXCEPTION, Status.NONZERO_EXIT})


def shown(execution: Execution, *, limit: int, seconds: float) -> str:
    """Return the text of an output. `seconds` is the time limit of the block."""
    parts = [execution.stdout.strip("\n"), execution.result or "", _failure(execution, seconds)]
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


def _failure(execution: Execution, seconds: float) -> str:
    """Return the failure, in the words of a traceback or of the sandbox."""
    if execution.status is Status.OK:
        return ""
    if execution.status is Status.TIMEOUT:
        return NOTICES["late"].format(seconds=seconds)
    message = execution.stderr.strip("\n") or execution.reason
    if execution.status in _FAILED:
        return message
    if execution.status is Status.MEMORY and execution.stderr:
        return message
    return f"Error: {execution.reason or message}"
