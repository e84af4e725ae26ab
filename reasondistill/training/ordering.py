"""Rows to train on, and their order: seeded, cut to a budget, grouped by length.

The order is fixed before training starts, so a resumed run sees the rows that an undisturbed run would have seen.
"""

import random
from collections.abc import Sequence
from itertools import count, islice

from .options import TrainOptions

_STEPS_SORTED_TOGETHER = 16
"""Steps among which rows are sorted by length: little padding, and still a random mix from step to step."""


def training_order(
    lengths: Sequence[int], trained: Sequence[int], options: TrainOptions, *, seed: int = 0, tokens: int | None = None
) -> list[int]:
    """Return row numbers in training order, with a new seeded shuffle for every pass over the rows.

    `lengths` are the tokens of each row and `trained` its trained tokens. With `tokens`, whole rows are taken until
    their trained tokens reach that sum, repeated if need be; otherwise `max_steps` decides, or else `epochs`.

    >>> sorted(training_order([5, 7, 6], [2, 3, 2], TrainOptions(epochs=2)))
    [0, 0, 1, 1, 2, 2]
    >>> len(training_order([5, 7, 6], [2, 2, 2], TrainOptions(), tokens=9))
    5
    """
    rng = random.Random(seed)
    rows = (row for _ in count() for row in rng.sample(range(len(lengths)), len(lengths)))
    if tokens is None:
        passes = max(1, round(options.epochs * len(lengths)))
        total = options.max_steps * options.rows_per_step if options.max_steps > 0 else passes
        chosen = list(islice(rows, total))
    else:
        chosen = []
        while tokens > 0:
            chosen.append(next(rows))
            tokens -= trained[chosen[-1]]
    return _grouped_by_length(chosen, lengths, options.rows_per_step, rng)


def _grouped_by_length(rows: list[int], lengths: Sequence[int], step: int, rng: random.Random) -> list[int]:
    """Sort within windows of some steps, then shuffle the steps of each window; an incomplete last step stays last."""
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
