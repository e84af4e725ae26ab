"""Which rows are trained on and in which order: seeded, cut to a budget, grouped by length.

The order is fixed before training starts, so a resumed run sees the rows that an undisturbed one would have seen.
"""

import random
from collections.abc import Iterator, Sequence

from .options import TrainOptions

_STEPS_SORTED_TOGETHER = 16
"""Steps among which rows are sorted by length: little padding, and still a random mix from step to step."""


def training_order(lengths: Sequence[int], trained: Sequence[int], options: TrainOptions) -> list[int]:
    """Return row numbers in training order, every pass over the rows with a new seeded shuffle.

    `lengths` are the rows' tokens, `trained` those of them that are trained on. `tokens` of the options comes before
    `max_steps`, and that before `epochs`.

    >>> sorted(training_order([5, 7, 6], [2, 3, 2], TrainOptions(epochs=2)))
    [0, 0, 1, 1, 2, 2]
    >>> len(training_order([5, 7, 6], [2, 2, 2], TrainOptions(tokens=9)))
    5
    """
    rng = random.Random(options.seed)
    chosen = _chosen(_shuffled_passes(len(lengths), rng), trained, options)
    return _grouped_by_length(chosen, lengths, options.rows_per_step, rng)


def _chosen(rows: Iterator[int], trained: Sequence[int], options: TrainOptions) -> list[int]:
    if options.tokens is None:
        passes = max(1, round(options.epochs * len(trained)))
        count = options.max_steps * options.rows_per_step if options.max_steps > 0 else passes
        return [next(rows) for _ in range(count)]
    chosen: list[int] = []
    left = options.tokens
    while left > 0:
        chosen.append(next(rows))
        left -= trained[chosen[-1]]
    return chosen


def _shuffled_passes(count: int, rng: random.Random) -> Iterator[int]:
    while True:
        yield from rng.sample(range(count), count)


def _grouped_by_length(rows: list[int], lengths: Sequence[int], step: int, rng: random.Random) -> list[int]:
    """Sort within windows of some steps, then shuffle the steps of each window; a last part step stays last."""
    ordered: list[int] = []
    window = step * _STEPS_SORTED_TOGETHER
    for start in range(0, len(rows), window):
        part = rows[start : start + window]
        whole = len(part) - len(part) % step
        by_length = sorted(part[:whole], key=lambda row: lengths[row])
        steps = [by_length[i : i + step] for i in range(0, whole, step)]
        rng.shuffle(steps)
        ordered += [row for rows_of_step in steps for row in rows_of_step] + part[whole:]
    return ordered
