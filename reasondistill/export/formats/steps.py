r"""Steps with labels for a process reward model, from the check of a trace's own arithmetic.

Every label rests on something that was checked. What cannot be told stands with the next step that can; the end of a
completion is told by its answer. Nothing is said about whether a step is the right one to take.
"""

import re
from collections import deque
from collections.abc import Iterator

from verifiers.steps import Judged, check_steps

from ...records import Kind, Row
from ..rendering import plain_text, uses_tools
from .inputs import Material
from .pairs import PairOptions
from .rollouts import origin

_DISPLAY = re.compile(r"\\\[|\\\]|\\begin\{|\\end\{|\$\$")
_OPENS = {"\\[": 1, "\\begin{": 1, "\\]": -1, "\\end{": -1}


def step_rows(material: Material, _options: PairOptions) -> Iterator[Row]:
    """Yield TRL's stepwise rows: `prompt`, `completions` (steps that a line break joins) and `labels`."""
    entries = [entry for entry in (*material.kept, *material.wrong) if entry.right is not None]
    for sample in material.read(entries):
        problem = sample.candidate.problem
        if problem.kind is not Kind.MATH or uses_tools(sample.example.completion):
            continue
        steps = told_steps(plain_text(sample.example.completion), right=bool(sample.right))
        if steps:
            yield {
                "prompt": problem.question,
                "completions": [text for text, _ in steps],
                "labels": [label for _, label in steps],
                **origin(sample),
            }


def told_steps(text: str, *, right: bool) -> list[tuple[str, bool]]:
    r"""Split a trace into steps and tell of each whether its equations hold; `right` is what is known of the answer.

    The first false step is the last. Nothing comes of a text without an equation that can be checked.

    >>> told_steps("First add.\n2 + 3 = 5\nThen double it:\n5 * 2 = 11\nSo 11.", right=False)
    [('First add.\n2 + 3 = 5', True), ('Then double it:\n5 * 2 = 11', False)]
    >>> told_steps("2 + 3 = 5\nSo it is 5.", right=True)
    [('2 + 3 = 5', True), ('So it is 5.', True)]
    """
    told = deque((step.at, step.judged) for step in check_steps(text).steps)
    steps: list[tuple[str, bool]] = []
    start = 0
    here: list[Judged] = []
    for end in _line_ends(text):
        while told and told[0][0] < end:
            here.append(told.popleft()[1])
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
