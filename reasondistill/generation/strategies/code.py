"""The strategy `code`: one program, judged by the problem's tests. Here is what the prompt says of its form."""

import ast
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from verifiers.code.forms import BadTests, StdioTests, read_tests

from ...engines.base import Engine
from ...records import Message, Problem, Row, Sampling
from ..prompts import PromptTemplate
from .base import Attempt, Cot, Partial

FORMS = {
    "function": "Write the Python function `{name}`, with the imports that it needs.",
    "asserts": "Write a Python function that passes tests such as this one:\n{example}",
    "program": "Write a Python program that reads its input from standard input and prints its output.",
    "free": "Write a Python program.",
}
"""What a program must look like to be tested, put in the place of `{form}` in a template."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """One assistant turn with a program in it."""

    template: PromptTemplate
    thinking: str = "default"
    name: str = field(default="code", init=False)
    side_by_side: int = field(default=1, init=False)

    def identity(self) -> Row:
        """Return the sentences that tell the program's form."""
        return {"forms": FORMS}

    async def attempt(
        self,
        engine: Engine,
        problem: Problem,
        sampling: Sampling,
        *,
        index: int,
        prior: Sequence[Message] = (),
        partial: Partial | None = None,
    ) -> Attempt:
        """Ask once, saying which form the tests need."""
        asked = ask(self.template, problem)
        turn = Cot(template=asked, thinking=self.thinking)
        return await turn.attempt(engine, problem, sampling, index=index, prior=prior, partial=partial)

    async def aclose(self) -> None:
        """Hold nothing."""


def ask(template: PromptTemplate, problem: Problem) -> PromptTemplate:
    """Return the template with what the problem's tests say in it: `{form}`, `{tests}` and `{example}` (the first)."""
    asserts = asserts_of(problem.tests)
    return template.filled(form=form_of(problem.tests), tests="\n".join(asserts), example=asserts[0] if asserts else "")


def form_of(tests: Any) -> str:
    """Return the sentence about the form that these tests need.

    >>> form_of({"style": "call", "entry_point": "f", "cases": [{"args": [1], "expected": 2}]})
    'Write the Python function `f`, with the imports that it needs.'
    """
    try:
        body = read_tests(tests).body
    except BadTests:
        return FORMS["free"]
    if isinstance(body, StdioTests):
        return FORMS["program"]
    if body.entry_point:
        return FORMS["function"].format(name=body.entry_point)
    asserts = asserts_of(tests)
    return FORMS["asserts"].format(example=asserts[0]) if asserts else FORMS["free"]


def asserts_of(tests: Any) -> list[str]:
    """Return the assertions of some tests: the first one tells the function's name and arguments.

    >>> asserts_of(["assert f(1) == 2", "assert f(2) == 3"])
    ['assert f(1) == 2', 'assert f(2) == 3']
    """
    try:
        tree = ast.parse(getattr(read_tests(tests).body, "code", ""))
    except (BadTests, SyntaxError, ValueError):
        return []
    return [ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Assert)]
