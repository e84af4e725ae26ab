"""Verdicts are made once, made again when stale, and an error of our side never counts as a wrong answer."""

import asyncio
from dataclasses import replace

import pytest

from reasondistill.errors import DataError, StoreError
from reasondistill.records import FinishReason, Kind, Message
from reasondistill.store import Table
from reasondistill.store.rollout_table import completion_hash, rollout_head
from reasondistill.verification.judging import (
    MAX_TRIES,
    OutcomeCounts,
    VerdictStream,
    VerifyOptions,
    read_verdicts,
    verify_rollouts,
    verify_stored,
)
from verifiers import Outcome, Verdict
from verifiers.dispatch import verify_case

OPTIONS = VerifyOptions()


@pytest.fixture
def table(tmp_path):
    with Table(tmp_path / "verdicts", key="rollout_id", writable=True) as opened:
        yield opened


@pytest.fixture
def problem(make_problem):
    return make_problem(1)


def _verify(rollouts, problem, table, options=OPTIONS):
    return verify_rollouts(rollouts, {problem.id: problem}, table, options)


@pytest.mark.parametrize(
    ("text", "strict", "outcome"),
    [
        (r"So it is \boxed{2}.", True, Outcome.CORRECT),
        (r"So it is \boxed{3}.", True, Outcome.INCORRECT),
        ("2", True, Outcome.NO_ANSWER),
        ("2", False, Outcome.CORRECT),
        ("", True, Outcome.NO_ANSWER),
    ],
)
def test_a_completion_is_judged_against_the_reference(make_rollout, problem, text, strict, outcome):
    assert verify_case(VerifyOptions(strict=strict).case(problem, make_rollout(problem, text).text)).outcome is outcome


def test_the_verdict_row_names_what_was_judged_and_how(make_rollout, problem, table):
    rollout = make_rollout(problem)
    assert _verify([rollout], problem, table) == 1
    [row] = table
    assert (row["rollout_id"], row["outcome"], row["tries"]) == (rollout.id, "correct", 1)
    assert row["completion_hash"] == completion_hash(rollout)
    assert row["judged_with"] == {"strict": True, "timeout": 2.0, "policy": "default"}
    assert read_verdicts(table)[rollout.id].correct is True


def test_verdicts_come_in_the_order_of_the_rollouts(make_rollout, problem, table):
    rollouts = [make_rollout(problem, rf"\boxed{{{i}}}", index=i) for i in range(40)]
    seen = []
    verify_rollouts(rollouts, {problem.id: problem}, table, OPTIONS, on_verdict=lambda r, o: seen.append((r.id, o)))
    assert seen == [(r.id, Outcome.CORRECT if r.index == 2 else Outcome.INCORRECT) for r in rollouts]
    assert [row["rollout_id"] for row in table] == [r.id for r in rollouts]


def test_a_verdict_is_made_once(make_rollout, problem, table):
    rollouts = [make_rollout(problem, index=i) for i in range(3)]
    assert _verify(rollouts[:2], problem, table) == 2
    assert _verify(rollouts, problem, table) == 1
    assert _verify(rollouts, problem, table) == 0


def test_a_verdict_of_an_earlier_completion_is_made_again(make_rollout, problem, table):
    cut = make_rollout(problem, "First we", finish_reason=FinishReason.LENGTH)
    whole = make_rollout(problem)
    assert _verify([cut], problem, table) == 1
    assert _verify([whole], problem, table) == 1
    assert read_verdicts(table)[whole.id].outcome is Outcome.CORRECT


def test_a_verdict_made_with_other_options_is_made_again(make_rollout, problem, table):
    rollout = make_rollout(problem, "2")
    _verify([rollout], problem, table)
    assert _verify([rollout], problem, table, VerifyOptions(strict=False)) == 1
    assert read_verdicts(table)[rollout.id].outcome is Outcome.CORRECT


def test_of_stored_rollouts_only_those_without_a_verdict_are_read(make_rollout, problem, table, tmp_path):
    rollouts = [make_rollout(problem, rf"\boxed{{{i}}}", index=i) for i in range(9)]
    with Table(tmp_path / "rollouts", key="id", head=rollout_head, writable=True, shard_bytes=1500) as stored:
        for rollout in rollouts:
            stored.append(rollout.to_row())
        few = {rollout.id for rollout in rollouts[:5]}
        assert verify_stored(stored, {problem.id: problem}, table, OPTIONS, only=few) == 5
        assert verify_stored(stored, {problem.id: problem}, table, OPTIONS) == 4
        assert [row["rollout_id"] for row in table] == [r.id for r in rollouts]
        stored.append(make_rollout(problem, "longer", index=3).to_row())
        assert verify_stored(stored, {problem.id: problem}, table, OPTIONS) == 1
        for closed in (tmp_path / "rollouts").glob("*.zst"):
            closed.write_bytes(b"nobody reads it")
        assert verify_stored(stored, {problem.id: problem}, table, OPTIONS) == 0


def test_a_row_of_another_command_is_judged_again(make_rollout, problem, table):
    rollout = make_rollout(problem)
    table.append({"rollout_id": rollout.id, "schema": 1, "outcome": "incorrect"})
    assert _verify([rollout], problem, table) == 1


@pytest.fixture
def broken_sandbox(monkeypatch):
    verdict = Verdict(outcome=Outcome.ERROR, reason="sandbox_error: no process could be started")
    monkeypatch.setattr("verifiers.dispatch.CodeCase.judge", lambda case, options: (verdict, ""))


@pytest.mark.usefixtures("broken_sandbox")
def test_an_error_of_our_side_is_tried_three_times_in_all(make_rollout, problem, table):
    code = replace(problem, kind=Kind.CODE, answer=None, tests={"style": "assert", "code": "assert f(1) == 2"})
    rollout = make_rollout(code, "def f(x): return x + 1")
    assert [_verify([rollout], code, table) for _ in range(MAX_TRIES + 2)] == [1, 1, 1, 0, 0]
    [row] = table
    assert (row["outcome"], row["tries"]) == ("error", MAX_TRIES)


@pytest.mark.usefixtures("broken_sandbox")
def test_a_new_completion_has_its_own_tries(make_rollout, problem, table):
    code = replace(problem, kind=Kind.CODE, answer=None, tests={"style": "assert", "code": "assert f(1) == 2"})
    for _ in range(MAX_TRIES):
        _verify([make_rollout(code, "def f")], code, table)
    assert _verify([make_rollout(code, "def f(x): return 2")], code, table) == 1
    assert [row["tries"] for row in table] == [1]


def test_a_bad_reference_is_never_tried_again(make_rollout, problem, table):
    bad = replace(problem, answer=" ")
    rollout = make_rollout(bad, r"\boxed{2}")
    assert [_verify([rollout], bad, table) for _ in range(2)] == [1, 0]
    [verdict] = read_verdicts(table).values()
    assert verdict.outcome is Outcome.ERROR and verdict.reason.startswith("bad_gold")


def test_mathematics_and_code_are_judged_side_by_side(make_rollout, make_problem, table):
    code = make_problem(2, kind=Kind.CODE, answer=None, tests={"style": "assert", "code": "assert f(1) == 2"})
    math = make_problem(1)
    wrong = replace(make_rollout(code, "def f(x): return 3"), id="p2-1", index=1)
    rollouts = [make_rollout(code, "def f(x): return 2"), make_rollout(math), wrong]
    verify_rollouts(rollouts, {p.id: p for p in (code, math)}, table, OPTIONS)
    assert [row["outcome"] for row in table] == ["correct", "correct", "incorrect"]


def test_a_rollout_of_an_unknown_problem_is_named(make_rollout, problem, table):
    with pytest.raises(DataError, match=r"rollout p1-0: problem 'p1' is not among the problems"):
        verify_rollouts([make_rollout(problem)], {}, table, OPTIONS)


def test_the_hash_of_a_completion_covers_its_reasoning_and_not_its_prompt(make_rollout, problem):
    plain = make_rollout(problem, "a")
    asked = replace(plain, messages=(Message(role="user", content="other"), plain.messages[-1]))
    thought = replace(plain, messages=(plain.messages[0], replace(plain.messages[-1], reasoning="hm")))
    assert completion_hash(asked) == completion_hash(plain) != completion_hash(thought)


def test_accuracy_leaves_errors_of_our_side_out():
    counts = OutcomeCounts()
    assert counts.accuracy == 0.0
    for outcome in Outcome:
        counts.add(outcome)
    assert (counts.judged, counts.accuracy) == (len(Outcome) - 1, 1 / (len(Outcome) - 1))


def _stream(problem, table, put, *, options=OPTIONS):
    """Run a stream in which `put` is called; a hang fails the test."""
    seen = []

    async def run():
        stream = VerdictStream({problem.id: problem}, table, options, lambda r, o: seen.append((r.id, o)))
        async with stream:
            await put(stream)

    asyncio.run(asyncio.wait_for(run(), timeout=60))
    return seen


def test_leaving_a_stream_waits_for_what_was_put_in(make_rollout, problem, table):
    rollouts = [make_rollout(problem, index=i) for i in range(20)]

    async def put(stream):
        for rollout in rollouts:
            await stream.put(rollout)

    assert _stream(problem, table, put) == [(r.id, Outcome.CORRECT) for r in rollouts]
    assert [row["rollout_id"] for row in table] == [r.id for r in rollouts]


def test_an_empty_stream_ends(problem, table):
    async def put(stream):
        return None

    assert _stream(problem, table, put) == []


def test_a_streams_verdicts_need_no_second_judging(make_rollout, problem, table):
    rollout = make_rollout(problem)

    async def put(stream):
        await stream.put(rollout)

    _stream(problem, table, put)
    assert _verify([rollout], problem, table) == 0


def test_what_stops_the_judging_is_raised_on_leaving(make_rollout, problem, table):
    table.close()

    async def put(stream):
        await stream.put(make_rollout(problem))

    with pytest.raises(StoreError):
        _stream(problem, table, put)


def test_what_stops_the_judging_is_raised_by_a_later_put(make_rollout, problem, table):
    table.close()
    put_in = []

    async def put(stream):
        for index in range(10_000):
            await stream.put(make_rollout(problem, index=index))
            put_in.append(index)
            await asyncio.sleep(0.001)

    with pytest.raises(StoreError):
        _stream(problem, table, put)
    assert len(put_in) < 10_000


def test_an_error_beside_the_stream_leaves_after_the_judging_is_done(make_rollout, problem, table):
    async def put(stream):
        await stream.put(make_rollout(problem))
        raise RuntimeError("the engine is gone")

    with pytest.raises(RuntimeError, match="the engine is gone"):
        _stream(problem, table, put)
    assert len(table) == 1


def test_a_rollout_of_a_strange_problem_does_not_hang_the_stream(make_rollout, make_problem, problem, table):
    async def put(stream):
        await stream.put(make_rollout(make_problem(7)))

    with pytest.raises(KeyError):
        _stream(problem, table, put)
