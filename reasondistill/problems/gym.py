"""Problems of the reasoning-gym package's datasets, through the `reasoning-gym` extra.

A problem's answer is the one that the dataset gives. Datasets that accept several answers (puzzles scored by a function
of their own) are compared with that one only, so choose those whose answer is unique.
"""

import json
from collections.abc import Collection, Iterator
from difflib import get_close_matches
from typing import Any

from ..errors import RecipeError
from ..records import Kind, Problem, Row, content_id

OVERSAMPLING = 4
"""Items drawn per problem wanted: small datasets repeat themselves."""


def load_gym(
    name: str, *, count: int, seed: int = 0, split: str = "train", exclude: Collection[str] = ()
) -> list[Problem]:
    """Return `count` distinct problems of one reasoning-gym dataset with its default settings.

    Each split draws from a seed of its own; `exclude` holds content hashes that must not occur. Raises RecipeError when
    the extra is missing, the dataset is unknown, or it has no `count` distinct problems.
    """
    kept: dict[str, Problem] = {}
    for item in _items(name, size=count * OVERSAMPLING, seed=int(content_id("gym", seed, split)[:7], 16)):
        if len(kept) >= count:
            break
        if item["answer"] is None:
            continue
        question, answer = str(item["question"]), str(item["answer"])
        identifier = content_id(Kind.MATH, question, answer, None)
        if identifier not in exclude:
            # Some datasets put tuples, fractions or sympy objects into the metadata.
            metadata = json.loads(json.dumps(item.get("metadata") or {}, default=str, skipkeys=True))
            kept[identifier] = Problem(
                id=identifier, question=question, answer=answer, source=f"gym:{name}", split=split, metadata=metadata
            )
    if len(kept) < count:
        raise RecipeError(
            f"gym:{name} gave only {len(kept)} distinct problems with an answer, {count} asked; ask for fewer"
        )
    return list(kept.values())


def _items(name: str, *, size: int, seed: int) -> Iterator[Row]:
    try:
        import reasoning_gym
        from reasoning_gym.factory import DATASETS
    except ImportError:
        raise RecipeError(
            f"gym:{name} needs the package reasoning-gym: pip install 'reasondistill[reasoning-gym]'"
        ) from None
    if name not in DATASETS:
        close = get_close_matches(name, DATASETS, n=3)
        meant = f"did you mean {', '.join(close)}?" if close else f"there are {len(DATASETS)}, such as basic_arithmetic"
        raise RecipeError(f"gym:{name}: reasoning-gym has no such dataset; {meant}")
    try:
        dataset: Any = reasoning_gym.create_dataset(name, size=size, seed=seed)
    except (AssertionError, TypeError) as error:  # its settings have no usable defaults
        raise RecipeError(f"gym:{name} cannot be made with default settings: {error}; choose another") from None
    return (dataset[index] for index in range(size))
