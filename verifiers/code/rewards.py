"""The reward of programs for TRL's GRPOTrainer: keyword lists in, a reward or None for each out."""

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ..thinking import completion_text
from ..verdict import Verdict

TEST_COLUMNS = ("tests", "test_cases", "test_list", "test")
"""Columns of the data set that may hold the tests, in this order."""


def code_reward(
    completions: Sequence[Any], *, prompts: Sequence[Any] | None = None, isolation: str = "auto", **columns: Any
) -> list[float | None]:
    """Return 1.0 for a program that passes its tests, 0.0 for another or none, None where it could not be judged.

    completions are strings or lists of messages; the tests are the first of `TEST_COLUMNS` that is there, in any of the
    forms that `verifiers.code` reads; entry_point, fn_name, test_setup, test_imports and starter_code are used where
    there are such columns. Raises TypeError without tests. Runs one program per processor at a time.

    >>> code_reward(completions=["def f(x):\\n    return x", "f = None"], tests=[["assert f(1) == 1"]] * 2)
    [1.0, 0.0]
    """
    tests = next((columns[name] for name in TEST_COLUMNS if columns.get(name) is not None), None)
    if tests is None:
        raise TypeError(f"the data set needs a column with the tests: one of {', '.join(TEST_COLUMNS)}")
    rows = [
        {
            "kind": "code",
            "tests": tests[place],
            "prompt": _text(prompts[place]) if prompts else "",
            **_extras(columns, place),
        }
        for place in range(len(completions))
    ]
    with ThreadPoolExecutor(os.cpu_count() or 1) as executor:
        verdicts = executor.map(lambda row, completion: _judge(row, completion, isolation), rows, completions)
        return [_reward(verdict) for verdict in verdicts]


def _extras(columns: Mapping[str, Any], place: int) -> dict[str, Any]:
    names = ("entry_point", "fn_name", "test_setup", "test_imports", "starter_code", "metadata")
    return {name: columns[name][place] for name in names if columns.get(name) is not None}


def _judge(row: dict[str, Any], completion: Any, isolation: str) -> Verdict:
    from ..dispatch import verify_isolated

    return verify_isolated(row, completion_text(completion), isolation=isolation)[0]


def _text(prompt: Any) -> str:
    """Return a prompt's text; of messages, the last one's."""
    if isinstance(prompt, str):
        return prompt
    return str(prompt[-1].get("content") or "") if prompt else ""


def _reward(verdict: Verdict) -> float | None:
    return None if verdict.correct is None else float(verdict.correct)
