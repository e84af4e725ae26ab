"""open-thoughts/OpenThoughts-114k with metadata: DeepSeek's reasoning and solution in columns of their own.

https://huggingface.co/datasets/open-thoughts/OpenThoughts-114k. Its other configurations, and OpenThoughts3, are
conversations, which need no layout.
"""

from ...records import Row
from .layout import Layout


def _knows(row: Row) -> bool:
    return "deepseek_solution" in row and "deepseek_reasoning" in row


def _spread(row: Row) -> list[Row]:
    base = {key: value for key, value in row.items() if not key.startswith("deepseek_")}
    return [{**base, "completion": row["deepseek_solution"], "thinking": row["deepseek_reasoning"]}]


LAYOUT = Layout(name="openthoughts", knows=_knows, spread=_spread)
