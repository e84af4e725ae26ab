"""A strategy of one's own: chain of thought after a hint that the recipe words."""

from dataclasses import dataclass, replace

from reasondistill.generation.strategies import Cot
from reasondistill.records import Problem, Row


@dataclass(frozen=True, slots=True, kw_only=True)
class HintOptions:
    """Options of the strategy."""

    hint: str = "Check your result."
    """Sentence that ends the question."""


@dataclass(slots=True, kw_only=True)
class Hint(Cot):
    """One assistant turn after a hint."""

    Options = HintOptions
    name: str = "hint"

    def ask(self, problem: Problem, annotations: Row | None = None):
        """Return the template with the hint behind the question."""
        return replace(self.template, user=f"{self.template.user} {self.options.hint}")
