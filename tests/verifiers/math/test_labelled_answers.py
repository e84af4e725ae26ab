"""False accepts and false rejects on labelled answers: nothing wrong is accepted, and few right ones are refused.

Reads the labelled pairs that lie beside the repository, in `../shared/data/verifiers`. An undecided pair is neither:
how many there are depends on how busy the machine is.
"""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from verifiers import Verdict
from verifiers.math import grade_many

DATA = Path(__file__).parents[4] / "shared" / "data" / "verifiers"
CANARY = Path("/tmp/reasondistill_canary")


def judged(name: str) -> list[tuple[dict[str, Any], Verdict]]:
    file = DATA / f"{name}.jsonl.gz"
    if not file.exists():
        pytest.skip(f"no labelled answers at {file}")
    with gzip.open(file, "rt") as lines:
        rows = [row for row in map(json.loads, lines) if "policy" not in row]
    cases = ((row["prediction_text"], row["gold"]) for row in rows)
    return list(zip(rows, grade_many(cases, timeout=0.7), strict=True))


@pytest.mark.parametrize(
    ("name", "most_false_rejects", "most_undecided"),
    [("realistic_dev", 0, 25), ("cases_dev", 15, 15), ("real_outputs", 0, 10), ("adversarial_dev", 0, 40)],
)
def test_nothing_wrong_is_accepted_and_few_right_ones_are_refused(
    name: str, most_false_rejects: int, most_undecided: int
) -> None:
    CANARY.unlink(missing_ok=True)
    pairs = judged(name)
    false_accepts = [row["id"] for row, verdict in pairs if verdict.correct and not row["expected"]]
    false_rejects = [row["id"] for row, verdict in pairs if verdict.correct is False and row["expected"]]
    undecided = [row["id"] for row, verdict in pairs if verdict.correct is None]
    print(f"{name}: n {len(pairs)}, accepted {false_accepts}, rejected {false_rejects}, undecided {undecided}")
    assert false_accepts == []
    assert len(false_rejects) <= most_false_rejects, false_rejects
    assert len(undecided) <= most_undecided, undecided
    assert not CANARY.exists(), "an answer was executed"
