"""The verdict record: its three-valued `correct` and its row."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from verifiers import Outcome, Verdict


@pytest.mark.parametrize(
    ("outcome", "correct"),
    [
        (Outcome.CORRECT, True),
        (Outcome.INCORRECT, False),
        (Outcome.NO_ANSWER, False),
        (Outcome.TIMEOUT, False),
        (Outcome.UNDECIDED, None),
        (Outcome.ERROR, None),
    ],
)
def test_only_a_judgement_is_true_or_false(outcome: Outcome, correct: bool | None) -> None:
    assert Verdict(outcome=outcome).correct is correct


@given(
    st.builds(
        Verdict,
        outcome=st.sampled_from(Outcome),
        extracted=st.none() | st.text(),
        expected=st.none() | st.text(),
        reason=st.text(),
        seconds=st.floats(0, 10),
        steps=st.none() | st.tuples(st.booleans()),
    )
)
def test_a_row_gives_the_verdict_back(verdict: Verdict) -> None:
    assert Verdict.from_row(json.loads(json.dumps(verdict.to_row()))) == verdict


def test_a_row_may_hold_more_than_the_verdict() -> None:
    assert Verdict.from_row({"outcome": "correct", "rollout_id": "r1", "schema": 1}).correct is True
