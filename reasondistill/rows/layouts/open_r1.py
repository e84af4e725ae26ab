"""open-r1/OpenR1-Math-220k: several generations in a row; labels and finish reasons are lists of the same length.

https://huggingface.co/datasets/open-r1/OpenR1-Math-220k
"""

from collections.abc import Iterator, Sequence
from typing import Any

from ...records import Row
from .layout import Layout

_LISTS = ("generations", "correctness_math_verify", "correctness_llama", "finish_reasons", "is_reasoning_complete")


def _knows(row: Row) -> bool:
    generations = row.get("generations")
    return isinstance(generations, list) and bool(generations) and isinstance(generations[0], str)


def _spread(row: Row) -> Iterator[Row]:
    # `messages` repeats one of the generations.
    base = {key: value for key, value in row.items() if key not in (*_LISTS, "messages")}
    for i, text in enumerate(row["generations"]):
        label = _at(row.get("correctness_math_verify"), i)
        label = _at(row.get("correctness_llama"), i) if label is None else label
        is_complete = _at(row.get("is_reasoning_complete"), i)
        finish = _at(row.get("finish_reasons"), i) or {True: "stop", False: "length", None: None}.get(is_complete)
        finish = "length" if is_complete is False else finish
        yield {**base, "completion": text, "is_correct": label, "finish_reason": finish}


def _at(values: Any, i: int) -> Any:
    return values[i] if isinstance(values, Sequence) and i < len(values) else None


LAYOUT = Layout(name="open-r1", knows=_knows, spread=_spread)
