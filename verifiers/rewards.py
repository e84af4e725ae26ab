"""Reward functions with the signature that TRL's GRPOTrainer calls: keyword lists in, a reward or None for each out.

None for `undecided` and `error`: such a completion is left out of the loss, never rewarded or punished.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from .many import verify_many
from .thinking import split_message, split_thinking
from .verdict import Verdict

REFERENCE_COLUMNS = ("answer", "gold", "expected_answer", "ground_truth", "target", "solution")
"""Columns of the data set that may hold the reference, in this order."""
TEST_COLUMNS = ("tests", "test_cases", "test_list", "test")
"""Columns of the data set that may hold the tests of a code problem, in this order."""
_BESIDE_TESTS = ("entry_point", "fn_name", "test_setup", "test_imports", "starter_code", "metadata", "time_limit_s")


def math_reward(
    completions: Sequence[Any], *, prompts: Sequence[Any] | None = None, strict: bool = True, **columns: Any
) -> list[float | None]:
    r"""Return 1.0 for a right final answer, 0.0 for a wrong one or none, None where the verifier could not tell.

    completions are strings or lists of messages; the reference is the first of `REFERENCE_COLUMNS` that is there.
    Raises TypeError if none is. strict takes only marked answers, so that no lucky last number is rewarded.

    >>> math_reward(completions=["\\boxed{4}", [{"role": "assistant", "content": "\\boxed{5}"}]], answer=["4", "4"])
    [1.0, 0.0]
    """
    references = _references(columns)
    opened = [_ends_in_thinking(prompt) for prompt in prompts] if prompts is not None else [False] * len(completions)
    cases = [
        {"kind": "math", "completion": _answer_part(completion, inside), "answer": reference}
        for completion, reference, inside in zip(completions, references, opened, strict=True)
    ]
    return [_reward(verdict) for verdict in verify_many(cases, strict=strict)]


def code_reward(
    completions: Sequence[Any], *, prompts: Sequence[Any] | None = None, isolation: str = "auto", **columns: Any
) -> list[float | None]:
    """Return 1.0 for a program that passes its tests, 0.0 for another or none, None where it could not be judged.

    completions are strings or lists of messages; the tests are the first of `TEST_COLUMNS` that is there, in any of the
    forms that `verifiers.code` reads. What stands beside them counts: entry_point, fn_name, test_setup, test_imports,
    starter_code, metadata. Raises TypeError without tests. Runs one program per processor at a time.

    >>> code_reward(completions=["def f(x):\\n    return x", "f = None"], tests=[["assert f(1) == 1"]] * 2)
    [1.0, 0.0]
    """
    tests = next((columns[name] for name in TEST_COLUMNS if columns.get(name) is not None), None)
    if tests is None:
        raise TypeError(f"the data set needs a column with the tests: one of {', '.join(TEST_COLUMNS)}")
    asked = [_prompt_text(prompt) for prompt in prompts] if prompts is not None else [""] * len(completions)
    cases = [
        {
            "kind": "code",
            "completion": _answer_part(completion, _ends_in_thinking(prompt)),
            "tests": tests[place],
            "prompt": prompt,
            **_beside_tests(columns, place),
        }
        for place, (completion, prompt) in enumerate(zip(completions, asked, strict=True))
    ]
    return [_reward(verdict) for verdict in verify_many(cases, isolation=isolation)]


def _beside_tests(columns: Mapping[str, Any], place: int) -> dict[str, Any]:
    return {name: columns[name][place] for name in _BESIDE_TESTS if columns.get(name) is not None}


def _references(columns: dict[str, Any]) -> Sequence[Any]:
    for name in REFERENCE_COLUMNS:
        if columns.get(name) is not None:
            found: Sequence[Any] = columns[name]
            return found
    raise TypeError(f"the data set needs a column with the reference: one of {', '.join(REFERENCE_COLUMNS)}")


def _answer_part(completion: Any, inside: bool) -> str:
    """Return what stands after the thinking; `inside` says that the prompt opened it."""
    if isinstance(completion, str):
        return split_thinking(completion, opened=inside).answer
    turns = [m for m in completion if m.get("role", "assistant") == "assistant"]
    if not turns:
        return ""
    last = turns[-1]
    if inside and not last.get("reasoning_content") and not last.get("reasoning"):
        return split_thinking(str(last.get("content") or ""), opened=True).answer
    return split_message(last).answer


def _ends_in_thinking(prompt: Any) -> bool:
    return _prompt_text(prompt).rstrip().endswith(("<think>", "<thinking>"))


def _prompt_text(prompt: Any) -> str:
    """Return a prompt's text; of messages, the last one's."""
    return prompt if isinstance(prompt, str) else str(prompt[-1].get("content") or "") if prompt else ""


def _reward(verdict: Verdict) -> float | None:
    return None if verdict.correct is None else float(verdict.correct)
