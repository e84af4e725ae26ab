"""Reward functions with the signature that TRL's GRPOTrainer calls: keyword lists in, a reward or None for each out.

None for `undecided` and `error`: such a completion is left out of the loss, never rewarded or punished.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from .keys import BESIDE_TESTS, REFERENCE, TESTS, BadReference, find_reference
from .many import verify_many
from .thinking import opens_thinking, read_message, split_message, split_thinking
from .verdict import Verdict


def math_reward(
    completions: Sequence[Any], *, prompts: Sequence[Any] | None = None, strict: bool = True, **columns: Any
) -> list[float | None]:
    r"""Return 1.0 for a right final answer, 0.0 for a wrong one or none, None where the verifier could not tell.

    completions are strings or lists of messages; the reference is the first of `verifiers.keys.REFERENCE` that holds
    something. Raises TypeError if the dataset has no such column. strict takes only marked answers, so that no lucky
    last number is rewarded.

    >>> math_reward(completions=["\\boxed{4}", [{"role": "assistant", "content": "\\boxed{5}"}]], answer=["4", "4"])
    [1.0, 0.0]
    """
    references = _references(columns, len(completions))
    opened = [_ends_in_thinking(prompt) for prompt in prompts] if prompts is not None else [False] * len(completions)
    cases = [
        {"kind": "math", "completion": _answer_part(completion, inside), "answer": reference}
        for completion, reference, inside in zip(completions, references, opened, strict=True)
    ]
    return _rewards(verify_many(cases, strict=strict))


def code_reward(
    completions: Sequence[Any], *, prompts: Sequence[Any] | None = None, isolation: str = "auto", **columns: Any
) -> list[float | None]:
    """Return 1.0 for a program that passes its tests, 0.0 for another or none, None where it could not be judged.

    completions are strings or lists of messages; the tests are the first of `verifiers.keys.TESTS` with a column, in
    any of the forms that `verifiers.code` reads. The columns of `BESIDE_TESTS` count too. Raises TypeError without
    tests. Runs one program per processor at a time.

    >>> code_reward(completions=["def f(x):\\n    return x", "f = None"], tests=[["assert f(1) == 1"]] * 2)
    [1.0, 0.0]
    """
    tests = next((columns[name] for name in TESTS if columns.get(name) is not None), None)
    if tests is None:
        raise TypeError(f"the dataset needs a column with the tests: one of {', '.join(TESTS)}")
    beside = [name for name in BESIDE_TESTS if columns.get(name) is not None]
    asked = [_prompt_text(prompt) for prompt in prompts] if prompts is not None else [""] * len(completions)
    cases = [
        {
            "kind": "code",
            "completion": _answer_part(completion, _ends_in_thinking(prompt)),
            "tests": tests[place],
            "prompt": prompt,
            **{name: columns[name][place] for name in beside},
        }
        for place, (completion, prompt) in enumerate(zip(completions, asked, strict=True))
    ]
    return _rewards(verify_many(cases, isolation=isolation))


def _references(columns: Mapping[str, Any], count: int) -> list[str]:
    """Return the reference of each row, an empty text for a row without one."""
    named = [name for root in REFERENCE if columns.get(name := root.partition(".")[0]) is not None]
    if not named:
        raise TypeError(f"the dataset needs a column with the reference: one of {', '.join(REFERENCE)}")
    return [_reference({name: columns[name][place] for name in named}) for place in range(count)]


def _reference(row: Mapping[str, Any]) -> str:
    try:
        return find_reference(row)[0]
    except BadReference:
        return ""


def _answer_part(completion: Any, inside: bool) -> str:
    """Return what stands after the thinking; `inside` says that the prompt opened it."""
    if isinstance(completion, str):
        return split_thinking(completion, opened=inside).answer
    turns = [m for m in completion if m.get("role", "assistant") == "assistant"]
    if not turns:
        return ""
    last = turns[-1]
    if inside and not (read := read_message(last)).thinking:
        return split_thinking(read.content, opened=True).answer
    return split_message(last).answer


def _ends_in_thinking(prompt: Any) -> bool:
    return opens_thinking(_prompt_text(prompt))


def _prompt_text(prompt: Any) -> str:
    """Return a prompt's text; of messages, the last one's."""
    return prompt if isinstance(prompt, str) else str(prompt[-1].get("content") or "") if prompt else ""


def _rewards(verdicts: Iterable[Verdict]) -> list[float | None]:
    return [None if verdict.correct is None else float(verdict.correct) for verdict in verdicts]
