"""What the curves make of a cell's rollouts."""

import pytest

from reasondistill.records import FinishReason, Message, Rollout, Sampling, Usage
from reasondistill.scaling.grid import Cell
from reasondistill.scaling.points import parallel_points, read_samples
from reasondistill.store import Table
from verifiers import Outcome

CELL = Cell(part="parallel", budget=64, waits=0, samples=3)
SOUND, UNSOUND, BARE = "4 + 5 = 9 so \\boxed{9}", "4 + 5 = 8 so \\boxed{8}", "\\boxed{8}"


def stored(folder, texts):
    """Leave a cell's folder with one problem's rollouts; 9 is right."""
    with (
        Table(folder / "rollouts", key="id", writable=True) as rollouts,
        Table(folder / "verdicts", key="rollout_id", writable=True) as verdicts,
    ):
        for index, text in enumerate(texts):
            rollout = Rollout(
                id=f"r{index}",
                problem_id="p",
                index=index,
                strategy="budget",
                messages=(Message(role="user", content="4 + 5?"), Message(role="assistant", content=text)),
                finish_reason=FinishReason.STOP,
                model="m",
                engine="replay",
                sampling=Sampling(),
                prompt_hash="h",
                usage=Usage(completion_tokens=10),
            )
            rollouts.append(rollout.to_row())
            outcome = Outcome.CORRECT if "{9}" in text else Outcome.INCORRECT
            row = {"rollout_id": rollout.id, "schema": 1, "outcome": str(outcome), "extracted": text[-2]}
            verdicts.append(row | {"expected": "9", "method": "m", "reason": "", "verifier": "v", "seconds": 0.0})
    return folder


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        ([BARE, UNSOUND, SOUND], 1.0),  # the majority is wrong, its arithmetic too
        ([UNSOUND, BARE, BARE], 0.0),
        ([BARE, "\\boxed{9}", BARE], 1 / 3),  # nothing to check: one of all
        ([SOUND, "3 + 3 = 6, 6 + 2 = 8 so \\boxed{8}", BARE], 0.0),  # sound, and of another sum
    ],
)
def test_the_rollout_whose_steps_hold_is_chosen(tmp_path, texts, expected):
    folder = stored(tmp_path, texts)
    samples = read_samples(folder, ["r0", "r1", "r2"], checks_steps=True)
    point = next(p for p in parallel_points(CELL, samples, [3], ["steps"]) if p.series.startswith("steps"))
    assert point.estimate.value == pytest.approx(expected)
    assert point.tokens == 30


def test_steps_are_checked_only_where_a_vote_asks_for_it(tmp_path):
    [group] = read_samples(stored(tmp_path, [SOUND, UNSOUND]), ["r0", "r1"]).values()
    assert {s.soundness for s in group} == {0.5}
