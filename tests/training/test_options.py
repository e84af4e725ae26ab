"""Values that training options accept."""

from typing import Any

import pytest

from reasondistill.errors import RecipeError
from reasondistill.store.options import Choice, dump_options, read_options
from reasondistill.training.options import TrainCommandOptions, TrainOptions, deciding_options


@pytest.mark.parametrize(
    ("name", "value", "rule"),
    [
        ("mode", "qlora", "must be one of full, lora"),
        ("dtype", "float16", "must be one of auto, float32, bfloat16"),
        ("scheduler", "cosin", "must be one of linear, cosine, constant, constant_with_warmup"),
        ("epochs", 0.0, "must be above 0"),
        ("epochs", float("inf"), "must be a finite number"),
        ("max_steps", 0, "must be at least 1 or -1"),
        ("tokens", 0, "must be at least 1"),
        ("batch_size", 0, "must be at least 1"),
        ("gradient_accumulation", 0, "must be at least 1"),
        ("learning_rate", 0.0, "must be between 0 and 1"),
        ("learning_rate", 2.0, "must be between 0 and 1"),
        ("warmup_ratio", 1.0, "must be at least 0 and below 1"),
        ("weight_decay", -0.1, "must be at least 0"),
        ("max_length", 4, "must be at least 8"),
        ("max_truncated_share", 1.5, "must be between 0 and 1"),
        ("save_steps", 0, "must be at least 1"),
        ("lora_rank", 0, "must be at least 1"),
        ("lora_alpha", 0, "must be at least 1"),
    ],
)
def test_a_value_that_cannot_be_used_is_named_with_its_rule(name: str, value: Any, rule: str) -> None:
    with pytest.raises(RecipeError) as raised:
        read_options(TrainCommandOptions, {name: value}, "", "train")
    assert str(raised.value).partition(" (did you")[0] == f"train.{name} {rule}, got {value!r}"


def test_options_survive_their_row() -> None:
    options = TrainOptions(mode="lora", method=Choice(name="sft", options={"loss_type": "dft"}), report_to="wandb")
    assert read_options(TrainOptions, dump_options(options)) == options


def test_a_misspelt_option_is_named() -> None:
    with pytest.raises(RecipeError, match=r"unknown key train.epoch \(did you mean train.epochs\?\)"):
        read_options(TrainOptions, {"epoch": 2}, "", "train")


def test_a_tracker_and_the_number_of_seeds_do_not_decide_the_weights() -> None:
    assert deciding_options(TrainOptions(report_to="wandb", seeds=3)) == deciding_options(TrainOptions())
    assert deciding_options(TrainOptions(epochs=2)) != deciding_options(TrainOptions())
