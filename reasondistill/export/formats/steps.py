r"""Steps with labels for a process reward model, from the check of a trace's own arithmetic.

Every label rests on a check. Lines without a checked equation join the next step that has one; the end of a completion
is labelled by its answer. A label does not say whether a step is the right one to take.
"""

import re
from collections import deque
from collections.abc import Iterator

from verifiers.steps import Judged, check_steps

from ...records import Kind, Row
from ..rendering import plain_text, uses_tools
from .inputs import Material
from .table import ORIGIN, Format

_DISPLAY = re.compile(r"\\\[|\\\]|\\begin\{|\\end\{|\$\$")
_OPENS = {"\\[": 1, "\\begin{": 1, "\\]": -1, "\\end{": -1}


def step_rows(material: Material) -> Iterator[Row]:
    """Yield TRL's stepwise rows: `prompt`, `completions` (steps that a line break joins) and `labels`."""
    for sample in material.read(material.decided):
        problem = sample.candidate.problem
        if problem.kind is not Kind.MATH or uses_tools(sample.example.completion):
            continue
        steps = labelled_steps(plain_text(sample.example.completion), right=bool(sample.right))
        if steps:
            yield {
                "prompt": problem.question,
                "completions": [text for text, _ in steps],
                "labels": [label for _, label in steps],
                **sample.origin,
            }


def labelled_steps(text: str, *, right: bool) -> list[tuple[str, bool]]:
    r"""Split a trace into steps, each labelled by whether its equations hold; `right` is the label of the answer.

    The first false step is the last. A text without a checked equation has no steps.

    >>> labelled_steps("First add.\n2 + 3 = 5\nThen double it:\n5 * 2 = 11\nSo 11.", right=False)
    [('First add.\n2 + 3 = 5', True), ('Then double it:\n5 * 2 = 11', False)]
    >>> labelled_steps("2 + 3 = 5\nSo it is 5.", right=True)
    [('2 + 3 = 5', True), ('So it is 5.', True)]
    """
    checked = deque((step.at, step.judged) for step in check_steps(text).steps)
    steps: list[tuple[str, bool]] = []
    start = 0
    here: list[Judged] = []
    for end in _line_ends(text):
        while checked and checked[0][0] < end:
            here.append(checked.popleft()[1])
        if Judged.FALSE in here:
            return [*steps, (text[start:end], False)]
        if Judged.TRUE in here:
            steps.append((text[start:end], True))
            start, here = end + 1, []
    if not steps:
        return []
    rest = text[start:]
    if rest.strip():
        return [*steps, (rest, right)]
    return [*steps[:-1], (steps[-1][0], right)]


def _line_ends(text: str) -> Iterator[int]:
    """Yield where lines end, a displayed formula being one line."""
    position, depth, in_dollars = 0, 0, False
    for line in text.split("\n"):
        for mark in _DISPLAY.findall(line):
            depth = max(0, depth + _OPENS.get(mark, 0))
            in_dollars ^= mark == "$$"
        position += len(line)
        if not depth and not in_dollars:
            yield position
        position += 1
    if depth or in_dollars:
        yield position - 1


PRM = Format(
    name="prm",
    rows=step_rows,
    columns={"prompt": "text", "completions": "texts", "labels": "flags", **ORIGIN},
    about="steps for a process reward model in TRL's stepwise columns. A label says whether the equations of "
    "a step hold; lines without an equation that can be checked stand with the next one that has one; the "
    "last step also holds the answer and is true only if that was verified right; the row ends at the first "
    "false step. Completions with tool calls, programs, and those without a checked equation are left out",
    wrong=True,
)
