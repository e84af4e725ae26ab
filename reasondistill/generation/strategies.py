"""The strategies by name, and the options that choose and shape one: plain values that a recipe can hold."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from .prompts import PromptTemplate
from .strategy import Cot, Strategy

STRATEGIES = ("cot",)


@dataclass(frozen=True, slots=True, kw_only=True)
class StrategyOptions:
    """Which strategy, and how."""

    name: str = "cot"
    thinking: str = "default"
    """Effort asked of the model, a word of `thinking.EFFORTS`."""

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Self:
        """Rebuild from the JSON form of `asdict`."""
        return cls(**row)


def make_strategy(options: StrategyOptions, template: PromptTemplate) -> Strategy:
    """Return the strategy that asks with this template."""
    return Cot(template=template, thinking=options.thinking)
