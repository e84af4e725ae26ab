"""Rows that training sees, and their order."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reasondistill.training.options import TrainOptions
from reasondistill.training.ordering import training_order

LENGTHS = st.lists(st.integers(2, 300), min_size=1, max_size=80)


@given(LENGTHS, st.integers(1, 4), st.integers(1, 9), st.integers(0, 5))
def test_whole_epochs_see_every_row_equally_often(lengths: list[int], epochs: int, batch: int, seed: int) -> None:
    order = training_order(lengths, lengths, TrainOptions(epochs=epochs, batch_size=batch), seed=seed)
    assert Counter(order) == dict.fromkeys(range(len(lengths)), epochs)


@given(LENGTHS, st.integers(1, 5000), st.integers(0, 5))
def test_a_token_budget_is_reached_and_passed_by_less_than_one_row(lengths: list[int], tokens: int, seed: int) -> None:
    order = training_order(lengths, lengths, TrainOptions(), seed=seed, tokens=tokens)
    reached = sum(lengths[row] for row in order)
    assert tokens <= reached < tokens + max(lengths)


@given(LENGTHS, st.integers(1, 5000))
def test_a_token_budget_repeats_no_row_before_all_were_seen(lengths: list[int], tokens: int) -> None:
    seen = Counter(training_order(lengths, lengths, TrainOptions(), tokens=tokens))
    times = [seen[row] for row in range(len(lengths))]
    assert max(times) - min(times) <= 1


def test_half_an_epoch_is_half_of_the_rows() -> None:
    assert len(training_order([5] * 10, [2] * 10, TrainOptions(epochs=0.5))) == 5


def test_steps_ask_for_as_many_rows_as_they_need() -> None:
    options = TrainOptions(max_steps=3, batch_size=2, gradient_accumulation=2)
    assert len(training_order([5] * 5, [2] * 5, options)) == 12


@pytest.mark.parametrize("seed", [0, 1])
def test_the_seed_alone_decides_the_order(seed: int) -> None:
    lengths = [7 * i % 31 + 2 for i in range(60)]
    orders = {tuple(training_order(lengths, lengths, TrainOptions(), seed=s)) for s in (seed, seed, seed + 1)}
    assert len(orders) == 2


def test_the_rows_of_a_step_are_of_like_length() -> None:
    lengths = [10 * i % 97 + 3 for i in range(97)]
    order = training_order(lengths, lengths, TrainOptions(batch_size=8))
    steps = [[lengths[row] for row in order[i : i + 8]] for i in range(0, 96, 8)]
    assert sum(max(s) - min(s) for s in steps) < sum(lengths) / 25
