"""`math_reward` as TRL's GRPOTrainer calls it."""

import ast
import importlib.util
from pathlib import Path
from typing import Any

import pytest

from verifiers.rewards import math_reward


def called_by_trl(completions: list[Any], **columns: Any) -> list[float | None]:
    """Call as `GRPOTrainer._calculate_rewards` of TRL 1.16 does: keywords, ids and the trainer's state among them."""
    prompts = columns.pop("prompts", [[{"role": "user", "content": "q"}]] * len(completions))
    ids = [[1, 2, 3] for _ in completions]
    return math_reward(
        prompts=prompts, completions=completions, completion_ids=ids, trainer_state=object(), log_extra=print, **columns
    )


def test_right_wrong_none_and_could_not_tell() -> None:
    completions = ["\\boxed{\\frac{1}{2}}", "\\boxed{3}", "no answer", "\\boxed{" + "9" * 5000 + "}", "\\boxed{1}"]
    assert called_by_trl(completions, answer=["0.5"] * 4 + [""]) == [1.0, 0.0, 0.0, None, None]


def test_messages_and_thinking() -> None:
    def turn(**fields: Any) -> list[dict[str, Any]]:
        return [{"role": "assistant", **fields}]

    completions = [
        turn(content="<think>5</think>\\boxed{4}"),
        turn(content="", reasoning_content="\\boxed{4}"),
        turn(content="\\boxed{4}", reasoning_content="5"),
        [*turn(content="let me see"), {"role": "tool", "content": "\\boxed{4}"}, *turn(content="\\boxed{4}")],
    ]
    assert called_by_trl(completions, solution=["\\boxed{4}"] * 4) == [1.0, 0.0, 1.0, 1.0]


def test_a_prompt_that_opens_the_thinking() -> None:
    prompts = ["question <think>\n"] * 2
    assert called_by_trl(["it is \\boxed{4}", "so</think>\\boxed{4}"], prompts=prompts, gold=["4", "4"]) == [0.0, 1.0]


def test_only_marked_answers_count_unless_told_otherwise() -> None:
    assert called_by_trl(["it will be 4 then"], answer=["4"]) == [0.0]
    assert math_reward(["it will be 4 then"], answer=["4"], strict=False) == [1.0]


def test_a_number_or_a_gsm8k_solution_as_the_reference() -> None:
    assert called_by_trl(["\\boxed{4}", "\\boxed{18}"], answer=[4, "9 * 2 = <<9*2=18>>18\n#### 18"]) == [1.0, 1.0]


def test_no_reference_is_an_error_at_once() -> None:
    with pytest.raises(TypeError, match="expected_answer"):
        called_by_trl(["\\boxed{4}"], question=["q"])


def test_the_trainers_own_call_is_taken() -> None:
    """Read the call out of the installed TRL (importing it takes half a minute) and make it."""
    spec = importlib.util.find_spec("trl")
    if spec is None or spec.origin is None:
        pytest.skip("TRL is not installed")
    source = (Path(spec.origin).parent / "trainer" / "grpo_trainer.py").read_text(encoding="utf-8")
    keywords = [
        [keyword.arg for keyword in node.keywords]
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "reward_func"
    ]
    calls = [names for names in keywords if "completions" in names]
    assert calls
    for names in calls:
        given = {"prompts": ["q"], "completions": ["\\boxed{4}"], "completion_ids": [[1]]}
        columns = {"answer": ["4"], "trainer_state": None, "environments": None}
        assert math_reward(**{name: given[name] for name in names if name in given}, **columns) == [1.0]
