"""What a training option may hold."""

from typing import Any

import pytest

from reasondistill.errors import RecipeError
from reasondistill.training.options import TrainOptions


@pytest.mark.parametrize(
    ("name", "value", "rule"),
    [
        ("method", "ppo", "must be one of sft"),
        ("mode", "qlora", "must be one of full, lora"),
        ("dtype", "float16", "must be one of auto, float32, bfloat16"),
        ("scheduler", "cosin", "must be one of linear, cosine, constant, constant_with_warmup"),
        ("epochs", 0.0, "must be above 0"),
        ("epochs", float("inf"), "must be above 0"),
        ("max_steps", 0, "must be -1 or at least 1"),
        ("tokens", 0, "must be at least 1 or null"),
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
        TrainOptions(**{name: value})
    assert str(raised.value) == f"train.{name} {rule}, got {value!r}"


def test_options_survive_their_row() -> None:
    options = TrainOptions(mode="lora", tokens=500, seed=3)
    assert TrainOptions.from_row(options.to_row()) == options


def test_a_misspelt_option_is_named() -> None:
    with pytest.raises(RecipeError, match="no option is called epoch"):
        TrainOptions.from_row({"epoch": 2})
