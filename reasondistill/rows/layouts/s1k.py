"""simplescaling/s1K and s1K-1.1: thinking and attempt of one model or of several; DeepSeek's come first.

https://huggingface.co/datasets/simplescaling/s1K-1.1
"""

from ...records import Row
from .layout import Layout

_ATTEMPTS = (("deepseek_attempt", "deepseek_thinking_trajectory"), ("attempt", "thinking_trajectories"))


def _knows(row: Row) -> bool:
    return any(isinstance(row.get(attempt), str) and thinking in row for attempt, thinking in _ATTEMPTS)


def _spread(row: Row) -> list[Row]:
    names = next(names for names in _ATTEMPTS if isinstance(row.get(names[0]), str))
    thinking = row.get(names[1])
    thinking = thinking[0] if isinstance(thinking, list) and thinking else thinking
    base = {key: value for key, value in row.items() if not any(key in names for names in _ATTEMPTS)}
    return [{**base, "completion": row[names[0]], "thinking": thinking}]


LAYOUT = Layout(name="s1k", knows=_knows, spread=_spread)
