"""False accepts and false rejects on labelled answers: nothing wrong is accepted, and hardly any right one refused.

Reads the labelled pairs and traces that lie beside the repository, in `../shared/data`. Labels that are wrong are
listed, with the reason, in WRONG_LABELS.md beside this file.
"""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from verifiers import Outcome, Verdict
from verifiers.math import compile_gold, grade, grade_many

DATA = Path(__file__).parents[4] / "shared" / "data"
CANARY = Path("/tmp/reasondistill_canary")


def rows_of(name: str) -> list[dict[str, Any]]:
    file = DATA / f"{name}.jsonl.gz"
    if not file.exists():
        pytest.skip(f"no labelled answers at {file}")
    with gzip.open(file, "rt") as lines:
        return [json.loads(line) for line in lines]


def judged(name: str) -> list[tuple[dict[str, Any], Verdict]]:
    rows = [row for row in rows_of(name) if "policy" not in row]
    return [(row, grade(row["prediction_text"], row["gold"])) for row in rows]


@pytest.mark.parametrize(
    ("name", "most_false_accepts", "most_false_rejects", "most_undecided"),
    [
        ("verifiers/realistic_dev", 0, 2, 2),
        ("verifiers/cases_dev", 2, 8, 8),
        ("verifiers/real_outputs", 0, 0, 7),
        ("verifiers/adversarial_dev", 0, 0, 40),
    ],
)
def test_nothing_wrong_is_accepted_and_few_right_ones_are_refused(
    name: str, most_false_accepts: int, most_false_rejects: int, most_undecided: int
) -> None:
    CANARY.unlink(missing_ok=True)
    pairs = judged(name)
    false_accepts = [row["id"] for row, verdict in pairs if verdict.correct and not row["expected"]]
    false_rejects = [row["id"] for row, verdict in pairs if not verdict.correct and row["expected"]]
    undecided = [row["id"] for row, verdict in pairs if verdict.outcome is Outcome.UNDECIDED]
    assert len(false_accepts) <= most_false_accepts, false_accepts
    assert len(false_rejects) <= most_false_rejects, false_rejects
    assert len(undecided) <= most_undecided, undecided
    assert not CANARY.exists(), "an answer was executed"


def test_the_official_gsm8k_labels_are_reproduced() -> None:
    rows = rows_of("traces/gsm8k_openai_gpt3")
    verdicts = grade_many((row["completion"], row["gold"]) for row in rows)
    different = [row["problem_id"] for row, v in zip(rows, verdicts, strict=True) if v.correct is not row["is_correct"]]
    assert len(rows) == 5276
    assert different == []


@pytest.mark.parametrize(
    "name",
    [
        "math_test5000",
        "aime24",
        "aime25",
        "amc23",
        "minerva_math",
        "olympiadbench_en_math",
        "gsm8k_test",
        "svamp",
        "asdiv",
    ],
)
def test_every_reference_of_the_benchmarks_is_read_and_equals_itself(name: str) -> None:
    unread, different = [], []
    for row in rows_of(f"benchmarks/{name}"):
        answers = row["answer"] if isinstance(row["answer"], list) else [row["answer"]]
        answer = ", ".join(map(str, answers))
        gold = compile_gold(answer)
        if gold.error:
            unread.append((answer, gold.error))
        elif not grade(rf"\boxed{{{gold.text}}}", answer).correct:
            different.append(answer)
    assert (unread, different) == ([], [])
