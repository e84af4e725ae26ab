"""Measuring a folder of rollouts and verdicts: what counts, what is left out, and what two systems share."""

import pytest

from reasondistill.evaluation.results import SetResult, compare, measure, pass_rates, pool
from reasondistill.evaluation.scorecard import Group, Judged, scorecard
from reasondistill.evaluation.statistics import bootstrap_mean, wilson
from reasondistill.records import FinishReason, Usage
from reasondistill.store import Table
from reasondistill.store.rollout_table import read_rollouts
from reasondistill.verification.judging import VerifyOptions, verdict_row
from verifiers import Outcome, Verdict

RIGHT, WRONG, NONE, ERROR = Outcome.CORRECT, Outcome.INCORRECT, Outcome.NO_ANSWER, Outcome.ERROR


@pytest.fixture
def folder(tmp_path, make_problem, make_rollout):
    """Return a writer of a folder with rollouts of given outcomes by problem number; None is not judged yet."""

    def write(outcomes, **fields):
        with (
            Table(tmp_path / "rollouts", key="id", writable=True) as rollouts,
            Table(tmp_path / "verdicts", key="rollout_id", writable=True) as verdicts,
        ):
            for number, group in outcomes.items():
                for index, outcome in enumerate(group):
                    rollout = make_rollout(make_problem(number), index=index, **fields)
                    rollouts.append(rollout.to_row())
                    if outcome is not None:
                        verdicts.append(verdict_row(rollout, Verdict(outcome=outcome), VerifyOptions()))
        return tmp_path

    return write


def _result(scores, outcomes=None):
    tokens = {"prompt_tokens": 1, "cached_tokens": 2, "completion_tokens": 3, "truncated": 4}
    return SetResult(scores=scores, outcomes=outcomes or {}, rollouts=len(scores), **tokens)


def test_one_rollout_a_problem_has_wilsons_interval(folder):
    result = measure(folder({0: [RIGHT], 1: [WRONG], 2: [NONE], 3: [RIGHT]}))
    assert result.scores == {"p0": 1.0, "p1": 0.0, "p2": 0.0, "p3": 1.0}
    assert result.accuracy == wilson(2, 4)
    assert result.outcomes == {"correct": 2, "incorrect": 1, "no_answer": 1}


def test_several_rollouts_are_averaged_within_their_problem_first(folder):
    result = measure(folder({0: [RIGHT, RIGHT, RIGHT, WRONG], 1: [WRONG]}))
    assert result.scores == {"p0": 0.75, "p1": 0.0}
    assert result.accuracy == bootstrap_mean([0.75, 0.0])
    assert result.accuracy.n == 2


@pytest.mark.parametrize("outcome", [NONE, Outcome.TIMEOUT, Outcome.UNDECIDED, WRONG])
def test_what_is_not_correct_counts_as_such(folder, outcome):
    assert measure(folder({0: [outcome], 1: [RIGHT]})).accuracy.value == 0.5


def test_errors_of_our_side_are_reported_apart(folder):
    result = measure(folder({0: [RIGHT, ERROR], 1: [ERROR], 2: [WRONG]}))
    assert result.scores == {"p0": 1.0, "p2": 0.0}
    assert (result.outcomes["error"], result.accuracy.n) == (2, 2)


def test_only_errors_are_no_measurement(folder):
    assert measure(folder({0: [ERROR]})).accuracy == wilson(0, 0)


def test_an_empty_folder_has_no_result(tmp_path):
    assert measure(tmp_path) is None
    assert pass_rates(tmp_path) == {}


def test_rollouts_without_a_verdict_wait(folder):
    place = folder({0: [RIGHT, None]})
    assert (measure(place).rollouts, len(list(read_rollouts(place)))) == (1, 2)


def test_only_the_named_rollouts_count(folder):
    place = folder({0: [RIGHT], 1: [WRONG]})
    assert measure(place, only=["p0-0", "unknown"]).scores == {"p0": 1.0}
    assert measure(place, only=[]) is None


def test_tokens_and_truncations_are_summed(folder):
    usage = Usage(prompt_tokens=5, cached_tokens=2, completion_tokens=7)
    result = measure(folder({0: [RIGHT, WRONG]}, usage=usage, finish_reason=FinishReason.LENGTH))
    assert (result.prompt_tokens, result.cached_tokens, result.completion_tokens) == (10, 4, 14)
    assert (result.truncated, result.rollouts) == (2, 2)


def test_pass_rates_are_by_problem(folder):
    assert pass_rates(folder({0: [RIGHT, WRONG], 1: [WRONG]})) == {"p0": 0.5, "p1": 0.0}


def test_systems_are_compared_on_the_problems_they_share():
    before, after = _result({"a": 0.0, "b": 1.0, "c": 0.0}), _result({"d": 1.0, "c": 1.0, "b": 1.0})
    result = compare([before], [after])
    assert (result.difference, result.n) == (0.5, 2)


def test_sets_are_compared_together():
    before = [_result({"a": 0.0}), _result({"a": 0.0, "b": 0.0})]
    after = [_result({"a": 1.0}), _result({"a": 0.0, "b": 1.0})]
    assert (compare(before, after).n, compare(before, after).difference) == (3, 2 / 3)


def test_systems_without_a_common_problem_are_not_compared():
    assert compare([_result({"a": 0.0})], [_result({"b": 0.0})]) is None


def test_the_seeds_of_an_arm_are_averaged_problem_by_problem():
    pooled = pool([_result({"a": 1.0, "b": 0.0}, {"correct": 1}), _result({"a": 0.0, "b": 0.0}, {"correct": 2})])
    assert pooled.scores == {"a": 0.5, "b": 0.0}
    assert (pooled.outcomes, pooled.rollouts, pooled.completion_tokens) == ({"correct": 3}, 4, 6)
    assert pooled.accuracy == bootstrap_mean([0.5, 0.0])


def test_a_problem_whose_reference_nothing_can_equal_counts_as_unsolved():
    good, bad = Judged(outcome=RIGHT), Judged(outcome=ERROR, bad_gold=True)
    card = scorecard([Group(rollouts=[good]), Group(rollouts=[bad])])
    assert (card["metrics"]["pass@1"]["value"], card["metrics"]["pass@1"]["n"]) == (0.5, 2)
    assert card["warnings"] == ["1 of 2 problems have a reference that no answer can equal, and count as unsolved"]
