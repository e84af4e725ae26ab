"""Sampling asks for what is missing, stores each answer as it comes, and never more than allowed at a time."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import pytest

from reasondistill.engines import PLAIN, Completion
from reasondistill.errors import EngineError, RequestError, StoreError
from reasondistill.generation.prompts import PromptTemplate
from reasondistill.generation.sampling import SamplingJob, sample
from reasondistill.generation.sampling_queue import SamplingPlan
from reasondistill.generation.strategies import Cot
from reasondistill.records import FinishReason, Rollout, Sampling, Usage
from reasondistill.store import Table

TEMPLATE = PromptTemplate(name="t", user="{question}", system="Be brief.")


@dataclass
class EchoEngine:
    """Answers with the question, in the time that `answer` takes; counts what is in flight."""

    answer: Callable[[str, Sampling], str] = lambda question, sampling: question
    finish: FinishReason = FinishReason.STOP
    name: str = "echo"
    model: str = "echo-1"
    asked: list[tuple[str, Sampling]] = field(default_factory=list)
    prefixes: list[str] = field(default_factory=list)
    in_flight: int = 0
    most: int = 0

    async def complete(self, messages, sampling, *, prefix="", n=1, extras=PLAIN):
        question = messages[-1].content
        self.asked.append((question, sampling))
        self.prefixes.append(prefix)
        self.in_flight += 1
        self.most = max(self.most, self.in_flight)
        # A different number of turns of the event loop for each request, so that they finish out of order.
        for _ in range(1 + (len(self.asked) * 7) % 5):
            await asyncio.sleep(0)
        self.in_flight -= 1
        text = self.answer(question, sampling)
        usage = Usage(prompt_tokens=5, completion_tokens=len(text))
        return [Completion(text=text, finish_reason=self.finish, usage=usage, seconds=0.25, token_ids=(1, 2))] * n

    async def aclose(self):
        return None


@pytest.fixture
def problems(make_problem):
    return tuple(make_problem(i) for i in range(6))


@pytest.fixture
def plan(problems):
    return SamplingPlan(
        problems=problems,
        strategy=Cot(template=TEMPLATE),
        sampling=Sampling(temperature=0.7, max_tokens=32),
        samples=2,
        model="m",
    )


@pytest.fixture
def table(tmp_path):
    with Table(tmp_path / "rollouts", key="id", writable=True) as opened:
        yield opened


def _sample(engine, *jobs, concurrency=4):
    asyncio.run(sample(engine, list(jobs), concurrency=concurrency))


def test_every_problem_is_sampled_as_often_as_wanted(plan, table, problems):
    engine = EchoEngine()
    job = SamplingJob(plan=plan, table=table)
    _sample(engine, job)
    assert table.ids() == {identifier for identifier, _, _ in plan.wanted()}
    assert (job.counts.stored, job.counts.failed.total()) == (12, 0)
    rollouts = [Rollout.from_row(row) for row in table]
    assert sorted((r.problem_id, r.index) for r in rollouts) == sorted((p.id, i) for p in problems for i in range(2))


def test_a_rollout_holds_what_was_sent_and_what_came_back(plan, table, problems):
    _sample(EchoEngine(), SamplingJob(plan=plan, table=table))
    identifier, problem, index = next(iter(plan.wanted()))
    [rollout] = [Rollout.from_row(row) for row in table if row["id"] == identifier]
    assert rollout.prompt == TEMPLATE.messages(problem)
    assert (rollout.text, rollout.token_ids, rollout.seconds) == (problem.question, (1, 2), 0.25)
    assert (rollout.model, rollout.engine, rollout.index, rollout.strategy) == ("m", "echo", index, "cot")
    assert rollout.prompt_hash == TEMPLATE.hash
    assert rollout.sampling == replace(plan.sampling, seed=rollout.sampling.seed)


def test_each_request_has_its_own_seed(plan, table):
    engine = EchoEngine()
    _sample(engine, SamplingJob(plan=plan, table=table))
    assert len({sampling.seed for _, sampling in engine.asked}) == len(engine.asked) == 12


def test_all_problems_are_wanted_once_before_any_is_wanted_twice(plan):
    assert [index for _, _, index in plan.wanted()] == [0] * 6 + [1] * 6


def test_what_is_there_is_not_asked_again(plan, table):
    _sample(EchoEngine(), SamplingJob(plan=replace(plan, samples=1), table=table))
    engine = EchoEngine()
    job = SamplingJob(plan=plan, table=table)
    assert len(plan.missing(table)) == 6
    _sample(engine, job)
    assert (len(engine.asked), job.counts.stored, plan.missing(table)) == (6, 6, [])


def test_truncated_rollouts_are_gone_on_with_under_a_bigger_cap_only(plan, table):
    _sample(EchoEngine(finish=FinishReason.LENGTH), SamplingJob(plan=plan, table=table))
    smaller, bigger = (replace(plan, sampling=replace(plan.sampling, max_tokens=n)) for n in (16, 64))
    assert (len(plan.missing(table)), len(smaller.missing(table)), len(bigger.missing(table))) == (0, 0, 12)
    job = SamplingJob(plan=bigger, table=table)
    engine = EchoEngine(answer=lambda question, sampling: "!")
    _sample(engine, job)
    assert (len(table), bigger.missing(table), job.counts.continued) == (12, [], 12)
    questions = [problem.question for problem in plan.problems] * 2
    assert sorted(engine.prefixes) == sorted(questions)
    rollouts = [Rollout.from_row(row) for row in table]
    assert sorted(r.text for r in rollouts) == sorted(question + "!" for question in questions)
    assert {r.finish_reason for r in rollouts} == {"stop"}
    # What was written before counts against the cap, and what it had cost adds up.
    used = len(questions[0])
    assert {sampling.max_tokens for _, sampling in engine.asked} == {64 - used}
    assert {r.usage for r in rollouts} == {Usage(prompt_tokens=10, completion_tokens=used + 1)}
    assert job.counts.usage == Usage(prompt_tokens=60, completion_tokens=12)


def test_a_rollout_that_the_context_cut_stays_as_it_is_under_a_bigger_cap(plan, table):
    def refuse(question, sampling):
        raise RequestError("too long", reason="prompt_too_long")

    _sample(EchoEngine(finish=FinishReason.LENGTH), SamplingJob(plan=plan, table=table))
    bigger = replace(plan, sampling=replace(plan.sampling, max_tokens=64))
    job = SamplingJob(plan=bigger, table=table)
    _sample(EchoEngine(answer=refuse), job)
    assert (bigger.missing(table), job.counts.failed.total(), job.counts.usage) == ([], 0, Usage())
    assert {row["finish_reason"] for row in table} == {"length"}


def test_a_request_that_failed_by_a_fault_of_the_server_is_made_once_more_at_the_end(plan, table):
    seen = []

    def shaky(question, sampling):
        seen.append(sampling.seed)
        if seen.count(sampling.seed) == 1 and len(set(seen)) > 2:
            raise RequestError("no answer", reason="timeout")
        return question

    job = SamplingJob(plan=plan, table=table)
    _sample(EchoEngine(answer=shaky), job, concurrency=1)
    assert (job.counts.stored, job.counts.failed.total()) == (12, 0)


def test_finished_rollouts_are_kept_under_a_bigger_cap(plan, table):
    _sample(EchoEngine(), SamplingJob(plan=plan, table=table))
    assert replace(plan, sampling=replace(plan.sampling, max_tokens=64)).missing(table) == []


@pytest.mark.parametrize(
    "change",
    [
        {"model": "n"},
        {"strategy": Cot(template=TEMPLATE, name="other")},
        {"strategy": Cot(template=TEMPLATE, thinking="low")},
        {"strategy": Cot(template=PromptTemplate(name="u", user="{question}"))},
    ],
)
def test_rollouts_of_another_plan_do_not_count(plan, table, change):
    _sample(EchoEngine(), SamplingJob(plan=plan, table=table))
    assert len(replace(plan, **change).missing(table)) == 12


def test_failed_requests_are_counted_and_asked_again_next_time(plan, table):
    def refuse(question, sampling):
        if "3" in question:
            raise RequestError("too long", reason="context")
        return question

    job = SamplingJob(plan=plan, table=table)
    _sample(EchoEngine(answer=refuse), job)
    assert (job.counts.stored, dict(job.counts.failed), job.counts.failed_share) == (10, {"context": 2}, 2 / 12)
    assert {problem.id for _, problem, _ in plan.missing(table)} == {"p3"}


def test_counts_hold_tokens_and_truncations(plan, table):
    job = SamplingJob(plan=plan, table=table)
    _sample(EchoEngine(answer=lambda q, s: "abc", finish=FinishReason.LENGTH), job)
    assert (job.counts.truncated, job.counts.usage) == (12, Usage(prompt_tokens=60, completion_tokens=36))
    assert SamplingJob(plan=plan, table=table).counts.failed_share == 0


def test_a_lost_engine_ends_the_run_and_keeps_what_finished(plan, table):
    answered = []

    def die(question, sampling):
        if len(answered) == 5:
            raise EngineError("the server is gone")
        answered.append(question)
        return question

    with pytest.raises(EngineError, match="the server is gone"):
        _sample(EchoEngine(answer=die), SamplingJob(plan=plan, table=table))
    assert len(table) == 5
    assert len(plan.missing(table)) == 7


def test_several_requests_that_lose_the_engine_are_one_error(plan, table):
    def die(question, sampling):
        raise EngineError("the server is gone")

    with pytest.raises(EngineError, match="the server is gone"):
        _sample(EchoEngine(answer=die), SamplingJob(plan=plan, table=table), concurrency=12)


def test_a_table_that_cannot_be_written_ends_the_run(plan, table):
    table.close()
    with pytest.raises(StoreError):
        _sample(EchoEngine(), SamplingJob(plan=plan, table=table))


@pytest.mark.parametrize(("concurrency", "most"), [(1, 1), (3, 3), (50, 24)])
def test_requests_in_flight_are_bounded_over_all_jobs(plan, tmp_path, concurrency, most):
    engine = EchoEngine()
    with (
        Table(tmp_path / "a", key="id", writable=True) as a,
        Table(tmp_path / "b", key="id", writable=True) as b,
    ):
        _sample(engine, SamplingJob(plan=plan, table=a), SamplingJob(plan=plan, table=b), concurrency=concurrency)
        assert (len(a), len(b)) == (12, 12)
    assert engine.most == most


def test_a_rollout_is_stored_before_it_is_handed_on(plan, table):
    stored = []

    async def note(rollout):
        stored.append(rollout.id in table)

    job = SamplingJob(plan=plan, table=table, on_rollout=note)
    _sample(EchoEngine(), job)
    assert stored == [True] * 12


def test_nothing_missing_asks_nothing(plan, table):
    _sample(EchoEngine(), SamplingJob(plan=plan, table=table))
    engine = EchoEngine()
    _sample(engine, SamplingJob(plan=plan, table=table))
    assert engine.asked == []


def test_reasoning_and_tool_calls_are_kept(plan, table):
    class Thinker(EchoEngine):
        async def complete(self, messages, sampling, *, prefix="", n=1, extras=PLAIN):
            [completion] = await super().complete(messages, sampling)
            return [replace(completion, reasoning="hm \ud800\u2028", tool_calls=({"name": "python"},))]

    _sample(Thinker(), SamplingJob(plan=plan, table=table))
    answers = [Rollout.from_row(row).messages[-1] for row in table]
    assert {(a.reasoning, a.tool_calls[0]["name"]) for a in answers} == {("hm \ud800\u2028", "python")}


def test_weights_that_the_name_does_not_tell_apart_have_ids_of_their_own(plan, problems):
    ids = {replace(plan, weights=weights).id_of(problems[0], 0) for weights in (None, "original", "Q4_1")}
    assert len(ids) == 3
