"""Each curation step keeps what it says and enters the rest in the ledger with a reason."""

import pytest

from reasondistill.curation.candidate_source import Candidate
from reasondistill.curation.contamination import ContaminationSearch
from reasondistill.curation.curation_step import Measured
from reasondistill.curation.ledger import Ledger
from reasondistill.curation.lookup.held_out import HeldOut
from reasondistill.curation.steps.complete import Complete
from reasondistill.curation.steps.decontaminate import Decontaminate
from reasondistill.curation.steps.duplicates import Duplicates
from reasondistill.curation.steps.limit import Limit, LimitOptions
from reasondistill.curation.steps.outcome import KeepOutcome, OutcomeOptions
from reasondistill.curation.steps.pass_rate import PassRate, PassRateOptions
from reasondistill.records import FinishReason, Message, Usage
from verifiers import Outcome, Verdict


@pytest.fixture
def candidate(make_problem, make_rollout):
    """Return a builder of a candidate: problem number, rollout's text and index, outcome."""

    def build(number=0, text=None, *, index=0, outcome=Outcome.CORRECT, question=None, **fields):
        problem = make_problem(number, **({} if question is None else {"question": question}))
        verdict = Verdict(outcome=outcome, reason="because")
        return Candidate(problem=problem, rollout=make_rollout(problem, text, index=index, **fields), verdict=verdict)

    return build


@pytest.fixture
def ledger():
    return Ledger()


def _ids(candidates):
    return [c.rollout.id for c in candidates]


def _drops(ledger):
    return [(d.rollout_id, d.step, d.reason, d.evidence) for d in ledger.drops]


@pytest.mark.parametrize(
    ("keep", "kept"),
    [
        ("correct", {Outcome.CORRECT}),
        ("wrong", {Outcome.INCORRECT, Outcome.NO_ANSWER, Outcome.TIMEOUT}),
        ("all", {Outcome.CORRECT, Outcome.INCORRECT, Outcome.NO_ANSWER, Outcome.TIMEOUT, Outcome.UNDECIDED}),
    ],
)
def test_outcomes_are_kept_as_named_and_an_error_never(candidate, run_step, ledger, keep, kept):
    given = [candidate(i, outcome=outcome) for i, outcome in enumerate(Outcome)]
    assert {c.verdict.outcome for c in run_step(KeepOutcome(OutcomeOptions(keep=keep)), given, ledger)} == kept
    assert {(d.step, d.reason, d.evidence) for d in ledger.drops} == {
        ("outcome", str(outcome), "because") for outcome in set(Outcome) - kept
    }


def test_truncated_empty_and_broken_completions_go(candidate, run_step, ledger):
    given = [
        candidate(0),
        candidate(1, "Half of", finish_reason=FinishReason.LENGTH, usage=Usage(completion_tokens=64)),
        candidate(2, " \n"),
        candidate(3, "a \ud800 b"),
        candidate(4, question="what is \udfff?"),
        candidate(5, "你好 🎉 \u2028"),
    ]
    assert _ids(run_step(Complete(), given, ledger)) == ["p0-0", "p5-0"]
    assert _drops(ledger) == [
        ("p1-0", "complete", "truncated", "64 tokens"),
        ("p2-0", "complete", "empty", ""),
        ("p3-0", "complete", "broken_characters", ""),
        ("p4-0", "complete", "broken_characters", ""),
    ]


def test_the_first_of_equal_traces_of_a_problem_stays(candidate, run_step, ledger):
    given = [
        candidate(0, "One. Two."),
        candidate(0, "one.\n  TWO. ", index=1),
        candidate(0, "One. Three.", index=2),
        candidate(1, "One. Two."),
    ]
    assert _ids(run_step(Duplicates(), given, ledger)) == ["p0-0", "p0-2", "p1-0"]
    assert _drops(ledger) == [("p0-1", "duplicates", "same_trace", "p0-0")]


def test_traces_with_other_reasoning_are_not_equal(candidate, run_step, ledger):
    turn = Message(role="user", content="q")
    given = [
        candidate(0, index=i, messages=(turn, Message(role="assistant", content="2", reasoning=thought)))
        for i, thought in enumerate(("by hand", "by heart", None))
    ]
    assert len(run_step(Duplicates(), given, ledger)) == 3


def test_one_problem_of_equal_questions_stays(candidate, run_step, ledger):
    given = [
        candidate(0, "a", question="How many?"),
        candidate(1, "b", question=" how  MANY? "),
        candidate(0, "c", question="How many?", index=1),
    ]
    assert _ids(run_step(Duplicates(), given, ledger)) == ["p0-0", "p0-1"]
    assert _drops(ledger) == [("p1-0", "duplicates", "same_question", "p0")]


def test_the_pass_rate_lies_strictly_within_the_band(candidate, run_step, ledger):
    rates = {"p0": 0.0, "p1": 0.1, "p2": 0.5, "p3": 0.9, "p4": 1.0}
    given = [candidate(i) for i in range(6)]
    assert _ids(run_step(PassRate(PassRateOptions()), given, ledger, measured=Measured(rates=rates))) == ["p2-0"]
    assert [(d.reason, d.evidence) for d in ledger.drops] == [
        ("too_hard", "0.000"),
        ("too_hard", "0.100"),
        ("too_easy", "0.900"),
        ("too_easy", "1.000"),
        ("unknown", ""),
    ]


def test_a_problem_gives_no_more_than_the_limit(candidate, run_step, ledger):
    given = [candidate(number, index=index) for index in range(3) for number in range(2)]
    assert _ids(run_step(Limit(LimitOptions(count=2)), given, ledger)) == ["p0-0", "p1-0", "p0-1", "p1-1"]
    assert _drops(ledger) == [
        ("p0-2", "limit", "enough_of_this_problem", "2 kept, first"),
        ("p1-2", "limit", "enough_of_this_problem", "2 kept, first"),
    ]


def test_what_stands_in_a_held_out_set_goes_with_the_match_as_evidence(candidate, run_step, ledger, make_problem):
    search = ContaminationSearch(HeldOut({"held": [make_problem(3)]}))
    given = [candidate(i) for i in range(5)]
    assert _ids(run_step(Decontaminate(), given, ledger, contamination=search)) == ["p0-0", "p1-0", "p2-0", "p4-0"]
    assert _drops(ledger) == [("p3-0", "decontamination", "same_question", "held/p3 1.00: What is 3 plus 1?")]


def test_pruned_rollouts_go_and_equal_answers_of_different_code_stay(candidate, run_step, ledger):
    calls = [({"id": "c", "type": "function", "function": {"name": "python", "arguments": code}},) for code in "12"]
    turns = [
        (Message(role="user", content="q"), Message(role="assistant", content="", tool_calls=call),
         Message(role="tool", content="2"), Message(role="assistant", content="2"))
        for call in calls
    ]  # fmt: skip
    given = [
        candidate(0, annotations={"pruned": True}),
        candidate(1, messages=turns[0]),
        candidate(1, messages=turns[1], index=1),
        candidate(1, messages=turns[0], index=2),
    ]
    assert _ids(run_step(Duplicates(), run_step(Complete(), given, ledger), ledger)) == ["p1-0", "p1-1"]
    assert {(d.rollout_id, d.reason) for d in ledger.drops} == {
        ("p0-0", "hallucinated_output"), ("p1-2", "same_trace"),
    }  # fmt: skip
