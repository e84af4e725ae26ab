"""What a template of word problems is, and how one becomes a question with numbers and an answer.

A template's solution is an arithmetic expression over its numbers. Only numbers of at most `most` with which every step
of it is a positive whole number of at most `most` make a problem: none has two and a half apples or a negative price.
"""

import ast
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from fractions import Fraction
from random import Random

from .words import Noun, Person

Numbers = dict[str, int]

_OPERATIONS: dict[type[ast.operator], Callable[[Fraction, Fraction], Fraction]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}


@dataclass(frozen=True, slots=True)
class Template:
    """One situation with changing names, objects, numbers and wordings."""

    name: str
    solution: str
    """The answer as an expression over the number slots, in the order in which a person would work it out."""
    numbers: Mapping[str, Sequence[int]]
    """What each number slot chooses from."""
    _: KW_ONLY
    wordings: tuple[str, ...]
    """Format strings over the slots of `words` and `numbers`."""
    words: Mapping[str, Sequence[Noun | Person]] = field(default_factory=dict)
    """What each word slot chooses from; no choice is used twice in one question."""
    most: int = 20
    """Largest number that the question or any step may have: small models can work with it in their head."""
    held_out: bool = False
    """Never used for training: measures transfer to unseen situations."""
    practice: bool = False
    """Only used for training: not worth a question in an evaluation."""

    def belongs_to(self, split: str) -> bool:
        """Whether `train`, `seen` or `unseen` draws from this template."""
        return self.held_out if split == "unseen" else not (self.held_out or (split == "seen" and self.practice))

    @property
    def steps(self) -> int:
        """Operations that the solution takes."""
        return sum(isinstance(node, ast.BinOp) for node in ast.walk(ast.parse(self.solution)))

    def draw(self, rng: Random) -> "Draft | None":
        """Return one problem, or None when the numbers drawn make no sense."""
        numbers = {slot: rng.choice(choices) for slot, choices in self.numbers.items()}
        results = step_results(self.solution, numbers)
        values = (*map(Fraction, numbers.values()), *results)
        if not all(value.denominator == 1 and 0 < value <= self.most for value in values):
            return None
        wording, chosen = rng.choice(self.wordings), dict[str, Noun | Person]()
        for slot, pool in self.words.items():
            chosen[slot] = rng.choice([word for word in pool if word not in chosen.values()])
        working = re.sub(r"[a-z]+", lambda slot: str(numbers[slot[0]]), self.solution)
        question = wording.format(**chosen, **numbers)
        return Draft(question=question, answer=str(results[-1]), working=working, numbers=numbers)


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A question made from a template."""

    question: str
    answer: str
    working: str
    """The solution with its numbers: `50 - 4 * 7`."""
    numbers: Numbers


def step_results(expression: str, numbers: Mapping[str, int]) -> list[Fraction]:
    """Return the exact result of every operation, the whole expression's last.

    >>> [str(value) for value in step_results("(a - b) / c", {"a": 20, "b": 5, "c": 2})]
    ['15', '15/2']
    """
    results: list[Fraction] = []

    def value(node: ast.expr) -> Fraction:
        match node:
            case ast.Constant(value=int(constant)):
                return Fraction(constant)
            case ast.Name(id=slot):
                return Fraction(numbers[slot])
            case ast.BinOp(left=left, op=operation, right=right):
                results.append(_OPERATIONS[type(operation)](value(left), value(right)))
                return results[-1]
        raise ValueError(f"{expression!r} holds something other than numbers, slots and + - * /")

    value(ast.parse(expression, mode="eval").body)
    return results
