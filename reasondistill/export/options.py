"""Options of export, the recipe's `export` block: how rollouts become training examples."""

from dataclasses import dataclass
from typing import Annotated, Literal

from annotated_types import Ge


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportOptions:
    """Options of the dataset that a run writes."""

    thinking: Literal["as_written", "before_box"] = "as_written"
    """Split into thinking and answer. `before_box` turns the text before the line of the final box into thinking, so
    that the student learns to think and then answer, and its thinking budget can be forced."""
    formats: tuple[str, ...] = ()
    """Formats written in addition to the main split: names such as `dpo`, or your own as `package.module:Name`."""
    pairs_per_problem: Annotated[int, Ge(1)] = 1
    """Pairs of a right and a wrong rollout per problem at most, in `dpo`."""
    length_matched: bool = True
    """Pairing rule: rollouts whose lengths differ least, or any."""
    force_licence: bool = False
    """Export of statements whose licence forbids it."""
