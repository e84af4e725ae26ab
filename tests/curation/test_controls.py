"""Control splits: as many problems as the selection, drawn by the seed, with the steps that choose left out."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reasondistill.curation.candidate_source import Candidate, Source
from reasondistill.curation.controls import control_options, match_problems
from reasondistill.curation.options import CurateOptions
from reasondistill.curation.select import make_steps, select
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
    options = CurateOptions(max_per_problem=1)
    source = Source.of(candidates(specs))
    selection = select(source, make_steps(options))
    pool = select(source, make_steps(control_options(options, control)))
    drawn = match_problems(pool, selection, seed)
    problems = {c.problem.id for c in drawn}
    assert len(problems) == min(len({k.problem_id for k in pool.keys}), len({k.problem_id for k in selection.keys}))
    assert len(drawn) == len(problems)
    assert list(drawn) == [c for c in pool.kept if c.rollout.id in set(drawn.ids)]
    backwards = replace(pool, kept=pool.kept.narrowed(pool.kept.ids[::-1]), keys=pool.keys[::-1])
    assert set(match_problems(backwards, selection, seed).ids) == set(drawn.ids)


def test_another_seed_draws_other_problems(candidates):
    steps = make_steps(CurateOptions())
    pool = select(candidates([(n, Outcome.CORRECT) for n in range(20)]), steps)
    few = select(candidates([(n, Outcome.CORRECT) for n in range(5)]), steps)
    drawn = {tuple(c.problem.id for c in match_problems(pool, few, seed)) for seed in range(4)}
    assert len(drawn) == 4


def test_a_random_control_is_drawn_from_what_was_there_to_select_from():
    options = CurateOptions(keep="correct", quality=QualityOptions(right_steps=True), s1k=10, max_per_problem=1)
    control = control_options(options, "random")
    assert control == CurateOptions(keep="correct")
    assert control_options(options, "wrong").quality == options.quality
