r"""What a worker runs as math-verify: `python worker.py math_verify_program.py`; imports nothing of this package.

A case is `{"completion": ..., "answer": ...}`, its answer "yes" or "no". math-verify's time limits need
SIGALRM on the main thread, which is why it has a process of its own.
"""

from typing import Any

MEMORY_BYTES = 2 * 1024**3


def load() -> str:
    """Import math-verify, so that no case pays for it, and return its version."""
    from importlib.metadata import version

    import math_verify  # noqa: F401

    return version("math-verify")


def answer(case: dict[str, str], _options: dict[str, Any]) -> str:
    """Say what math-verify says: its own extraction from both, its own comparison."""
    from math_verify import parse, verify

    reference = case["answer"]
    delimited = any(mark in reference for mark in ("\\boxed", "$", "\\(", "\\["))
    wanted = parse(reference if delimited else f"${reference}$", parsing_timeout=None)
    given = parse(case["completion"], parsing_timeout=None)
    return "yes" if verify(wanted, given, timeout_seconds=None) else "no"
