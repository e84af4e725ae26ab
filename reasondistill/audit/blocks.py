"""Running the code of a transcript again and holding what it prints against what the transcript says.

Blocks of one completion share an interpreter, as they did. What differs from run to run by nature (addresses of
objects, where a traceback's frames stand) is not held against a row; code that prints two things in two runs is noted
as not repeatable.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from sandbox import Execution, Limits, SandboxError, Session, Status

from ..export.receipts import Block
from ..generation.strategies.tir.options import NOTICES, TirOptions, shown
from .results import Finding

_ADDRESS = re.compile(r"0x[0-9a-fA-F]{6,}")
_SPACE = re.compile(r"\s+")
_FLOAT = re.compile(r"-?\d+\.\d{6,}(?:[eE][-+]?\d+)?")
_LAST_DIGITS = 12
"""Significant digits in which two machines' floats agree."""
_ELLIPSIS = "..."
_DEFAULTS = TirOptions()


def check_blocks(blocks: Sequence[Block], limits: Mapping[str, Any], *, isolation: str = "auto") -> Finding | None:
    """Run the blocks; return the first output that is another one now, or None."""
    fresh = _outputs(blocks, limits, isolation)
    if fresh is None:
        return Finding(check="unchecked", detail="the sandbox broke")
    number = next((i for i, b in enumerate(blocks) if i < len(fresh) and not same_output(b.output, fresh[i])), None)
    if number is None:
        return None
    again = _outputs(blocks, limits, isolation)
    if again is None or len(again) <= number or not same_output(again[number], fresh[number]):
        return Finding(check="not_repeatable", detail=f"block {number + 1} of {len(blocks)}", text=fresh[number])
    detail = f"block {number + 1} of {len(blocks)}: the transcript says {blocks[number].output[:200]!r}"
    return Finding(check="output", detail=detail, text=fresh[number][:500])


def same_output(told: str, fresh: str) -> bool:
    """Return whether two outputs are the same but for addresses, the last digits of floats, space, and a cut middle.

    >>> same_output("Traceback (most recent call last):\\n  ...\\nNameError: x", "NameError: x"), same_output("4", "5")
    (True, False)
    """
    a, b = _plain(told), _plain(fresh)
    if a == b or not (a or b):
        return True
    cut = re.split(r"\[\.\.\. \d+ characters cut \.\.\.\]|(?<=\S)\.\.\.(?=$|\s|\S)", a, maxsplit=1)
    if len(cut) == 2 and len(a) >= 50 and b.startswith(cut[0].strip()) and b.endswith(cut[1].strip()):
        return True
    return _is_failure(a) and _is_failure(b) and _last_words(told) == _last_words(fresh)


def _outputs(blocks: Sequence[Block], limits: Mapping[str, Any], isolation: str) -> list[str] | None:
    seconds = float(limits.get("cell_seconds", _DEFAULTS.cell_seconds))
    memory = int(limits.get("memory_mb", _DEFAULTS.memory_mb)) << 20
    size = int(limits.get("output_chars", _DEFAULTS.output_chars))
    given = Limits(wall_seconds=seconds, memory_bytes=memory)
    outputs: list[str] = []
    session = None
    try:
        for number, block in enumerate(blocks):
            if block.output.strip() in (NOTICES["not_run"], NOTICES["no_tool"]):
                outputs.append(block.output)
                continue
            if session is None or limits.get("fresh"):
                if session is not None:
                    session.close()
                session = Session(isolation=isolation, limits=given)
            execution: Execution = session.execute(block.code, checkpoint=number + 1 < len(blocks))
            if execution.status is Status.SANDBOX_ERROR:
                return None
            outputs.append(shown(execution, limit=size, seconds=seconds))
    except SandboxError:
        return None
    finally:
        if session is not None:
            session.close()
    return outputs


def _plain(text: str) -> str:
    text = text.replace(NOTICES["closing"], "").strip()
    text = "" if text == NOTICES["silent"] else text
    return _SPACE.sub(" ", _FLOAT.sub(_rounded, _ADDRESS.sub("0x", text))).strip()


def _rounded(match: re.Match[str]) -> str:
    return f"{float(match[0]):.{_LAST_DIGITS}g}"


def _is_failure(text: str) -> bool:
    return "Traceback" in text or re.search(r"\b\w*(?:Error|Exception|Timeout)\b", text) is not None


def _last_words(text: str) -> str:
    lines = [line for line in text.replace(NOTICES["closing"], "").splitlines() if line.strip()]
    return _plain(lines[-1]) if lines else ""
