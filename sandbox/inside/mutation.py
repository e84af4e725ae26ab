"""Changes objects in place as another process changed its copies of them."""

from collections import deque
from typing import Any


def update_in_place(old: Any, new: Any) -> Any:
    """Give a mutable object another's content, keeping its identity and that of inner objects; return the result.

    >>> inner = [1]; outer = [inner, 2]
    >>> update_in_place(outer, [[1, 5], 3]) is outer, inner
    (True, [1, 5])
    """
    if isinstance(old, list) and isinstance(new, list):
        old[:] = _merged(old, new)
    elif isinstance(old, dict) and isinstance(new, dict):
        merged = {key: update_in_place(old[key], value) if key in old else value for key, value in new.items()}
        old.clear()
        old.update(merged)
    elif isinstance(old, set) and isinstance(new, set):
        old.clear()
        old.update(new)
    elif isinstance(old, bytearray) and isinstance(new, bytearray):
        old[:] = new
    elif isinstance(old, deque) and isinstance(new, deque):
        merged_items = _merged(list(old), list(new))
        old.clear()
        old.extend(merged_items)
    elif type(old) is tuple and type(new) is tuple and len(old) == len(new):
        return tuple(_merged(list(old), list(new)))
    elif type(old).__name__ == "ndarray" and type(new) is type(old) and new.shape == old.shape:
        old[...] = new
    else:
        return new
    return old


def _merged(old: list[Any], new: list[Any]) -> list[Any]:
    kept = [update_in_place(before, after) for before, after in zip(old, new, strict=False)]
    return kept + new[len(kept) :]
