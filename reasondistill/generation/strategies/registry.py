"""The strategies by name, and the options that choose and shape one: plain values that a recipe can hold."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from ...records import Problem
from ..decoding.forcing_options import ForcingOptions
from ..prompts import PromptTemplate
from .base import Cot, Strategy
from .tir.options import AUTO, INSTRUCTIONS, TirOptions

STRATEGIES = ("cot", "code", "tir", "budget")
TEMPLATES = {"cot": "math-zero-shot", "code": "code-zero-shot", "tir": "tir", "budget": "math-zero-shot"}
"""The prompt template that a strategy has where none is named."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StrategyOptions:
    """Which strategy, and how."""

    name: str = "cot"
    thinking: str = "default"
    """Effort asked of the model, a word of `thinking.EFFORTS`."""
    tir: TirOptions = field(default_factory=TirOptions)
    forcing: ForcingOptions = field(default_factory=ForcingOptions)

    @property
    def by_engine(self) -> bool:
        """Whether the engine itself is to close the thinking."""
        return self.name == "budget" and self.forcing.control == "engine"

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Self:
        """Rebuild from the JSON form of `asdict`."""
        return cls(**{**row, "tir": TirOptions(**row["tir"]), "forcing": ForcingOptions(**row.get("forcing", {}))})


def make_strategy(options: StrategyOptions, template: PromptTemplate) -> Strategy:
    """Return the strategy that asks with this template."""
    if options.name == "code":
        from .code import Code

        return Code(template=template, thinking=options.thinking)
    if options.name == "tir":
        from .tir.strategy import Tir

        return Tir(template=template, thinking=options.thinking, options=options.tir)
    if options.name == "budget":
        from ..decoding.forcing import Budget

        return Budget(template=template, thinking=options.thinking, options=options.forcing)
    return Cot(template=template, thinking=options.thinking)


def asking(
    options: StrategyOptions, template: PromptTemplate, problem: Problem, syntax: str | None = None
) -> PromptTemplate:
    """Return the template with the strategy's own sentences in it, for a student that will be asked with it.

    `syntax` is how the blocks of what it learns from are written, where the options leave that open.
    """
    if options.name == "code":
        from .code import ask

        return ask(template, problem)
    if options.name == "tir":
        chosen = options.tir.syntax
        return template.filled(tools=INSTRUCTIONS[(syntax or "fenced") if chosen == AUTO else chosen])
    return template
