"""Names under which dataset rows keep what a verifier reads, in the one order in which they count.

Everything that reads rows looks values up here, so that every command finds the same reference in the same row. A name
with a dot reaches into a nested object. `reasondistill.rows.keys` adds the names that only the pipeline reads.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from numbers import Real
from typing import Any

from .boxes import joined_boxes, open_box

REFERENCE = (
    "gold", "expected_answer", "ground_truth", "reward_model.ground_truth", "final_answer", "answer", "target",
    "gold_standard_solution", "ground_truth_solution", "solution",
)  # fmt: skip
"""A name that can only mean the reference comes before `answer`, which some files use for the model's own."""
WORKED = ("gold_standard_solution", "ground_truth_solution", "solution")
"""Worked solutions: the reference is what they mark as their answer."""
TESTS = ("tests", "test", "test_cases", "test_list")
BESIDE_TESTS = ("entry_point", "fn_name", "test_setup", "test_imports", "starter_code", "metadata", "time_limit_s")
"""Names of what a code problem needs besides its tests."""
COMPLETION = (
    "completion", "generated_solution", "generation", "response", "output", "llm_response", "generated_text",
    "prediction_text", "prediction", "attempt", "text", "solution",
)  # fmt: skip
LABEL = ("is_correct", "correct", "label", "passed", "is_right", "verified")

SHORT_ANSWER = 60
"""Characters up to which an unmarked worked solution of one line is the answer itself."""


class BadReference(ValueError):
    """A reference of a type that is no answer."""


def lookup(row: Mapping[str, Any], name: str) -> Any:
    """Return the value of a name, None if the row has none.

    >>> lookup({"reward_model": {"ground_truth": "2"}}, "reward_model.ground_truth")
    '2'
    """
    value = row.get(name)
    if value is None and "." in name:
        head, _, rest = name.partition(".")
        inner = row.get(head)
        return lookup(inner, rest) if isinstance(inner, Mapping) else None
    return value


def filled(row: Mapping[str, Any], names: Sequence[str]) -> Iterator[tuple[str, Any]]:
    """Yield the names that have a value, with the value, in the order of the names."""
    for name in names:
        if name in row or "." in name:
            value = lookup(row, name)
            if not value.isspace() and value if isinstance(value, str) else value is not None and value not in ([], {}):
                yield name, value


def first(row: Mapping[str, Any], names: Sequence[str]) -> Any:
    """Return the first value that holds something, or None."""
    return next((value for _, value in filled(row, names)), None)


def find_reference(row: Mapping[str, Any], completion: str = "", *, completion_name: str = "") -> tuple[str, str]:
    r"""Return the reference and its name in the row, both empty if there is none.

    A value is no reference if it is the completion: under its name, or a long worked solution that stands in it.
    Raises BadReference.

    >>> find_reference({"answer": "The sum is 2, so I say two", "gold": "2"})
    ('2', 'gold')
    >>> find_reference({"solution": "One and one are \\fbox{2}."})
    ('2', 'solution')
    """
    for name, value in filled(row, REFERENCE):
        is_worked = name in WORKED
        is_long = is_worked and isinstance(value, str) and len(value) > SHORT_ANSWER
        if name == completion_name or (is_long and value.strip() in completion):
            continue
        text = reference_text(value, is_worked=is_worked)
        if text is not None:
            return text, name
    return "", ""


def reference_text(value: object, *, is_worked: bool = False) -> str | None:
    r"""Return a reference as text: what it marks as its answer, lists joined by commas. None if it holds no answer.

    Raises BadReference for an object. `is_worked`: a long unmarked text is no answer.

    >>> reference_text(["1", 3]), reference_text("9 * 2 = 18\n#### 18"), reference_text(r"It is \boxed 5")
    ('1, 3', '18', '5')
    """
    if isinstance(value, list | tuple):
        parts = [reference_text(part, is_worked=is_worked) for part in value]
        return ", ".join(part for part in parts if part is not None) or None
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Real | Decimal):
        return str(value)
    if not isinstance(value, str):
        raise BadReference(f"the answer must be text, a number or a list of them, got {type(value).__name__}")
    text = value.strip()
    marked = marked_answer(text)
    if marked is None and is_worked and (len(text) > SHORT_ANSWER or "\n" in text):
        return None
    return marked or text or None


def marked_answer(text: str) -> str | None:
    r"""Return what a reference marks as its answer: the last `\boxed{}` or `\fbox{}`, or what follows `####`."""
    cut = open_box(text)  # a reference that was cut off has its answer in an earlier box
    if (boxed := joined_boxes(text if cut < 0 else text[:cut])) is not None:
        return boxed.strip()
    return text.rpartition("####")[2].strip() if "####" in text else None


def label_of(row: Mapping[str, Any], names: Sequence[str] = LABEL) -> bool | None:
    """Return what the row says of its rightness: the first of the names that is true, false, 1 or 0.

    >>> label_of({"is_correct": None, "label": 1}), label_of({"label": "yes"})
    (True, None)
    """
    for name in names:
        value = row.get(name)
        if isinstance(value, int | float) and value in (0, 1):
            return bool(value)
    return None
