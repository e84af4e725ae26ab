"""Control splits: as many problems as the selection, drawn by the seed, with the steps that choose left out."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reasondistill.curation.candidate_source import Kept
from reasondistill.curation.candidates import Candidate
from reasondistill.curation.controls import control_options, match_problems
from reasondistill.curation.select import SelectOptions, select
from reasondistill.curation.steps.quality import QualityOptions
from verifiers import Outcome, Verdict


@pytest.fixture(scope="session")
def candidates(make_problem, make_rollout):
    """Return a builder of candidates from (problem, outcome)."""

    def build(specs):
        return [
            Candidate(
                problem=make_problem(number),
                rollout=make_rollout(make_problem(number), f"Try {index}: \\boxed{{2}}", index=index),
                verdict=Verdict(outcome=outcome, extracted="2"),
            )
            for index, (number, outcome) in enumerate(specs)
        ]

    return build


SPECS = st.lists(st.tuples(st.integers(0, 9), st.sampled_from([Outcome.CORRECT, Outcome.INCORRECT])), max_size=30)


@settings(deadline=None, max_examples=50)
@given(SPECS, st.sampled_from(["all", "wrong", "random"]), st.integers(0, 3))
def test_a_control_has_as_many_problems_and_no_larger_groups(candidates, specs, control, seed):
    options = SelectOptions(max_per_problem=1)
    selection = select(candidates(specs), options).kept
    pool = select(candidates(specs), control_options(options, control)).kept
    drawn = match_problems(pool, selection, seed)
    problems = {c.problem.id for c in drawn}
    assert len(problems) == min(len({c.problem.id for c in pool}), len({c.problem.id for c in selection}))
    assert len(drawn) == len(problems)
    assert list(drawn) == [c for c in pool if c.rollout.id in {key.rollout_id for key in drawn.keys}]
    backwards = match_problems(Kept(pool.source, pool.keys[::-1]), selection, seed)
    assert {key.rollout_id for key in backwards.keys} == {key.rollout_id for key in drawn.keys}


def test_another_seed_draws_other_problems(candidates):
    pool = select(candidates([(n, Outcome.CORRECT) for n in range(20)]), SelectOptions()).kept
    few = Kept(pool.source, pool.keys[:5])
    drawn = {tuple(c.problem.id for c in match_problems(pool, few, seed)) for seed in range(4)}
    assert len(drawn) == 4


def test_a_random_control_is_drawn_from_what_was_there_to_select_from():
    options = SelectOptions(keep="correct", quality=QualityOptions(right_steps=True), s1k=10, max_per_problem=1)
    control = control_options(options, "random")
    assert control == SelectOptions(keep="correct")
    assert control_options(options, "wrong").quality == options.quality
