"""Bare calculations: they train the arithmetic that the word problems need, and are never asked in an evaluation."""

from .template import Template
from .words import PEOPLE

TEMPLATES = (
    Template(
        name="plus",
        wordings=(
            "{p} works out {a} + {b}. What is the result?",
            "{p} adds {b} to {a}. What is the sum?",
        ),
        words={"p": PEOPLE},
        numbers={"a": range(2, 19), "b": range(2, 19)},
        solution="a + b",
        practice=True,
    ),
    Template(
        name="minus",
        wordings=(
            "{p} works out {a} - {b}. What is the result?",
            "{p} subtracts {b} from {a}. What is the result?",
        ),
        words={"p": PEOPLE},
        numbers={"a": range(4, 21), "b": range(2, 20)},
        solution="a - b",
        practice=True,
    ),
    Template(
        name="difference",
        wordings=(
            "{p} wants to know by how much {a} is larger than {b}. What is the difference?",
            "{p} counts up from {b} to {a}. How many steps does that take?",
        ),
        words={"p": PEOPLE},
        numbers={"a": range(4, 21), "b": range(2, 20)},
        solution="a - b",
        practice=True,
    ),
    Template(
        name="times",
        wordings=(
            "{p} works out {a} * {b}. What is the result?",
            "{p} multiplies {a} by {b}. What is the result?",
        ),
        words={"p": PEOPLE},
        numbers={"a": range(2, 10), "b": range(2, 10)},
        solution="a * b",
        most=81,
        practice=True,
    ),
    Template(
        name="divided",
        wordings=(
            "{p} works out {a} / {b}. What is the result?",
            "{p} divides {a} by {b}. What is the result?",
        ),
        words={"p": PEOPLE},
        numbers={"a": range(6, 51), "b": range(3, 10)},
        solution="a / b",
        most=50,
        practice=True,
    ),
)
