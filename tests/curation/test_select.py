"""The steps together: every rollout is kept or dropped once, and running them again changes nothing."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reasondistill.curation.candidate_source import Candidate
from reasondistill.curation.curation_step import Measured
from reasondistill.curation.lookup.held_out import DecontaminationOptions, HeldOut
from reasondistill.curation.options import CurateOptions
from reasondistill.curation.select import make_steps, select
from reasondistill.curation.steps.pass_rate import PassRateOptions
from reasondistill.curation.steps.quality import QualityOptions
from reasondistill.records import FinishReason
from verifiers import Outcome, Verdict

OPTIONS = st.builds(
    CurateOptions,
    keep=st.sampled_from(["correct", "wrong", "all"]),
    quality=st.builds(QualityOptions, need_answer=st.booleans(), right_steps=st.booleans()),
    deduplicate=st.booleans(),
    max_per_problem=st.none() | st.integers(1, 2),
    choose=st.sampled_from(["first", "shortest", "longest", "random", "diverse"]),
    s1k=st.none() | st.integers(1, 5),
    max_tokens=st.none() | st.integers(5, 60),
    pass_rate=st.builds(PassRateOptions, enabled=st.booleans()),
)
HELD = st.none() | st.builds(
    DecontaminationOptions,
    ngram=st.integers(1, 4),
    coverage=st.sampled_from([0.3, 0.5, 1.0]),
    similarity=st.sampled_from([0.5, 1.0]),
    boilerplate=st.integers(1, 5),
)
SPECS = st.lists(
    st.tuples(
        st.integers(0, 5),
        st.sampled_from(["two", "Two ", "three", "", "\ud800"]),
        st.sampled_from(Outcome),
        st.sampled_from([FinishReason.STOP, FinishReason.LENGTH]),
    ),
    max_size=25,
)
RATES = {"p0": 0.0, "p1": 0.5, "p2": 0.5, "p3": 0.5, "p4": 1.0}


@pytest.fixture(scope="session")
def build(make_problem, make_rollout):
    """Return a builder of candidates from (problem, text, outcome, finish reason)."""

    def candidates(specs):
        return [
            Candidate(
                problem=make_problem(number),
                rollout=make_rollout(make_problem(number), text, index=place, finish_reason=finish),
                verdict=Verdict(outcome=outcome),
            )
            for place, (number, text, outcome, finish) in enumerate(specs)
        ]

    return candidates


def _select(candidates, options, held_out=None, measured=None):
    return select(candidates, make_steps(options), held_out=held_out, measured=measured)


def _held(problem, options):
    return None if options is None else HeldOut({"held": [problem]}, options)


@settings(deadline=None)
@given(SPECS, OPTIONS, HELD)
def test_every_rollout_is_kept_or_dropped_once_and_order_stays(build, make_problem, specs, options, held):
    candidates = build(specs)
    selection = _select(candidates, options, _held(make_problem(3), held), Measured(rates=RATES))
    kept = [c.rollout.id for c in selection.kept]
    dropped = [d.rollout_id for d in selection.ledger.drops]
    everything = [c.rollout.id for c in candidates]
    assert sorted(kept + dropped) == sorted(everything)
    assert kept == [i for i in everything if i in set(kept)]
    rows = selection.waterfall
    assert sum(row.dropped for row in rows) == len(dropped)
    assert (rows[-1].kept if rows else len(everything)) == len(kept)
    order = [step.name for step in make_steps(options)]
    assert [order.index(row.stage) for row in rows] == sorted(order.index(row.stage) for row in rows)


@settings(deadline=None)
@given(SPECS, OPTIONS, HELD)
def test_selecting_twice_is_selecting_once(build, make_problem, specs, options, held):
    first = _select(build(specs), options, _held(make_problem(3), held), Measured(rates=RATES))
    again = _select(first.kept, options, _held(make_problem(3), held), Measured(rates=RATES))
    assert (list(again.kept), list(again.ledger.drops)) == (list(first.kept), [])


@given(SPECS, st.sampled_from(["correct", "wrong", "all"]))
def test_steps_that_are_off_drop_nothing(build, specs, keep):
    selection = _select(build(specs), CurateOptions(keep=keep, deduplicate=False))
    assert set(selection.ledger.counts()) <= {"outcome", "complete"}


@given(SPECS)
def test_arms_differ_in_the_outcome_they_keep(build, specs):
    kept = {
        keep: {c.rollout.id for c in _select(build(specs), CurateOptions(keep=keep, deduplicate=False)).kept}
        for keep in ("correct", "wrong", "all")
    }
    assert not kept["correct"] & kept["wrong"]
    assert kept["correct"] | kept["wrong"] <= kept["all"]


def test_a_wrong_twin_does_not_take_the_place_of_a_right_one(build):
    specs = [(0, "two", Outcome.INCORRECT, FinishReason.STOP), (0, "two", Outcome.CORRECT, FinishReason.STOP)]
    assert [c.rollout.index for c in _select(build(specs), CurateOptions()).kept] == [1]


def test_without_rates_a_band_keeps_nothing(build):
    specs = [(0, "two", Outcome.CORRECT, FinishReason.STOP)]
    selection = _select(build(specs), CurateOptions(pass_rate=PassRateOptions(enabled=True)))
    assert (list(selection.kept), [drop.reason for drop in selection.ledger.drops]) == ([], ["unknown"])


def test_the_ledger_lists_the_drops_step_by_step(build):
    right, wrong = Outcome.CORRECT, Outcome.INCORRECT
    cut, whole = FinishReason.LENGTH, FinishReason.STOP
    specs = [(0, "two", right, whole), (0, "two", right, whole), (1, "two", right, cut), (2, "two", wrong, whole)]
    steps = [drop.step for drop in _select(build(specs), CurateOptions()).ledger.drops]
    assert steps == ["outcome", "complete", "duplicates"]
