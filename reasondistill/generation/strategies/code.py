"""The strategy `code`: one program, judged by the problem's tests; the prompt says which form they need."""

import ast
from dataclasses import dataclass
from typing import Any, ClassVar

from verifiers.code.forms import BadTests, StdioTests, read_tests

from ...records import Problem, Row
from ..prompts import PromptTemplate
from .base import Strategy
from .cot import Cot

FORMS = {
    "function": "Write the Python function `{name}`, with the imports that it needs.",
    "asserts": "Write a Python function that passes tests such as this one:\n{example}",
    "program": "Write a Python program that reads its input from standard input and prints its output.",
    "free": "Write a Python program.",
}
"""Sentences for `{form}` of a template, by what the tests call."""


@dataclass(slots=True, kw_only=True)
class Code(Cot):
    """One assistant turn with a program in it."""

    TEMPLATE: ClassVar[str] = "code-zero-shot"
    FIELDS: ClassVar[tuple[str, ...]] = ("form", "tests", "example")

    name: str = "code"

    def identity(self) -> Row:
        """Return the base's, and the sentences about the program's form."""
        return {**Strategy.identity(self), "forms": FORMS}

    def ask(self, problem: Problem, annotations: Row | None = None) -> PromptTemplate:
        """Fill `{form}`, `{tests}` and `{example}` (the first test) from the problem's tests."""
        asserts = asserts_of(problem.tests)
        fields = {"form": form_of(problem.tests), "tests": "\n".join(asserts), "example": "".join(asserts[:1])}
        return self.template.filled(**fields)


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
    """Return the assertions of some tests; the first one shows the function's name and arguments.

    >>> asserts_of(["assert f(1) == 2", "assert f(2) == 3"])
    ['assert f(1) == 2', 'assert f(2) == 3']
    """
    try:
        tree = ast.parse(getattr(read_tests(tests).body, "code", ""))
    except (BadTests, SyntaxError, ValueError):
        return []
    return [ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Assert)]
