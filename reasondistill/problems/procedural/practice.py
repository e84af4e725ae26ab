"""Bare calculations: they train the arithmetic that the word problems need, and are never asked in an evaluation."""

from dataclasses import replace

from .template import Template
from .words import PEOPLE

# fmt: off
TEMPLATES = tuple(replace(template, practice=True) for template in (
    Template("plus", "a + b", {"a": range(2, 19), "b": range(2, 19)}, words={"p": PEOPLE}, wordings=(
        "{p} works out {a} + {b}. What is the result?",
        "{p} adds {b} to {a}. What is the sum?")),
    Template("minus", "a - b", {"a": range(4, 21), "b": range(2, 20)}, words={"p": PEOPLE}, wordings=(
        "{p} works out {a} - {b}. What is the result?",
        "{p} subtracts {b} from {a}. What is the result?")),
    Template("difference", "a - b", {"a": range(4, 21), "b": range(2, 20)}, words={"p": PEOPLE}, wordings=(
        "{p} wants to know by how much {a} is larger than {b}. What is the difference?",
        "{p} counts up from {b} to {a}. How many steps does that take?")),
    Template("times", "a * b", {"a": range(2, 10), "b": range(2, 10)}, most=81, words={"p": PEOPLE}, wordings=(
        "{p} works out {a} * {b}. What is the result?",
        "{p} multiplies {a} by {b}. What is the result?")),
    Template("divided", "a / b", {"a": range(6, 51), "b": range(3, 10)}, most=50, words={"p": PEOPLE}, wordings=(
        "{p} works out {a} / {b}. What is the result?",
        "{p} divides {a} by {b}. What is the result?")),
))
# fmt: on
