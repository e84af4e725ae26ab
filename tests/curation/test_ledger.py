"""The drop ledger: rows that a table takes and counts that add up."""

from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reasondistill.curation.ledger import Drop, Ledger, waterfall
from reasondistill.records import SCHEMA


def _drop(rollout, step, reason):
    return Drop(rollout_id=rollout, problem_id="p", step=step, reason=reason, evidence="e")


def test_a_row_says_which_step_dropped_what_and_why():
    assert _drop("r", "outcome", "incorrect").to_row() == {
        "rollout_id": "r",
        "problem_id": "p",
        "step": "outcome",
        "reason": "incorrect",
        "evidence": "e",
        "schema": SCHEMA,
    }


def test_drops_are_counted_by_step_and_reason_in_the_steps_order():
    ledger = Ledger()
    for number, (step, reason) in enumerate([("b", "x"), ("b", "y"), ("a", "x"), ("b", "x")]):
        ledger.add(_drop(f"r{number}", step, reason))
    assert {step: dict(reasons) for step, reasons in ledger.counts().items()} == {"b": {"x": 2, "y": 1}, "a": {"x": 1}}
    assert list(ledger.counts()) == ["b", "a"]


def test_an_empty_ledger_has_no_counts():
    ledger = Ledger(["outcome"])
    assert (ledger.counts(), list(ledger.drops), len(ledger.drops)) == ({}, [], 0)


@given(st.lists(st.tuples(st.sampled_from("abc"), st.text(max_size=3)), max_size=30), st.integers(0, 300))
def test_drops_come_back_step_by_step_whether_they_were_held_or_not(entered, held):
    with mock.patch("reasondistill.curation.ledger.IN_MEMORY", held):
        ledger = Ledger(["b", "a"])
        drops = [_drop(f"r{number}\ud800", step, reason) for number, (step, reason) in enumerate(entered)]
        for place, drop in enumerate(drops):
            assert len(list(ledger.drops)) == len(ledger.drops) == place  # reading does not disturb entering
            ledger.add(drop)
        ordered = sorted(drops, key=lambda drop: "bac".index(drop.step))
        assert list(ledger.drops) == list(ledger.drops) == ordered


def test_the_waterfall_goes_step_by_step_down_to_the_examples():
    drops = {"outcome": {"incorrect": 3, "no_answer": 1}, "duplicates": {"same_trace": 2}}
    falls = waterfall(10, drops, 4)
    assert [(f.stage, f.kept, f.dropped) for f in falls] == [("outcome", 6, 4), ("duplicates", 4, 2)]


@pytest.mark.parametrize("examples", [3, 5])
def test_a_rollout_that_vanished_is_an_error(examples):
    with pytest.raises(ValueError, match="10 rollouts, 6 in the drop ledger"):
        waterfall(10, {"outcome": {"incorrect": 6}}, examples)
