"""Attempts that share their beginning, and interpreters that many rollouts share."""

import asyncio
from dataclasses import dataclass, field, replace

import pytest

from reasondistill.engines import PLAIN, Completion
from reasondistill.errors import EngineError, RequestError
from reasondistill.generation.prompts import load_template
from reasondistill.generation.sampling import SamplingJob, sample
from reasondistill.generation.sampling_queue import SamplingPlan
from reasondistill.generation.strategies import AttemptRequest
from reasondistill.generation.strategies.tir.interpreters import Cell, Interpreters
from reasondistill.generation.strategies.tir.options import MAX_LIVE, TirOptions
from reasondistill.generation.strategies.tir.strategy import Tir
from reasondistill.records import FinishReason, Rollout, Sampling, Usage
from reasondistill.store import Table
from sandbox import Limits, SandboxError, SandboxUnavailable, Session, Status

LIMITS = Limits(wall_seconds=1.0)


@dataclass
class Coder:
    """Writes a block first, then one that says which attempt it is, then an answer."""

    first: str = "```python\nimport random\nstate = [random.random()]\nprint(state[0])"
    name: str = "coder"
    model: str = "coder-1"
    continues: bool = True
    chat_template: str | None = None
    beginnings: int = 0
    seeds: set[int] = field(default_factory=set)

    async def complete(self, messages, sampling, *, prefix="", n=1, extras=PLAIN):
        await asyncio.sleep(0)
        blocks = prefix.count("```output")
        if blocks == 0:
            self.beginnings += 1
            text = self.first
        elif blocks == 1:
            self.seeds.add(sampling.seed)
            text = f"```python\nstate.append({sampling.seed})\nstate"
        else:
            text = f"\\boxed{{{sampling.seed}}}"
        usage = Usage(prompt_tokens=10, completion_tokens=7)
        return [Completion(text=text, finish_reason=FinishReason.STOP, usage=usage, seconds=0.1)]

    async def aclose(self):
        return None


def rollouts(tmp_path, engine, problems, *, samples, branch, concurrency=4, sampling=None):
    strategy = Tir(template=load_template("tir"), options=TirOptions(branch_at_code=branch))
    plan = SamplingPlan(
        problems=problems, strategy=strategy, sampling=sampling or Sampling(), samples=samples, model="m"
    )

    async def run(table):
        await sample(engine, [SamplingJob(plan=plan, table=table)], concurrency=concurrency)
        assert not len(strategy._beginnings)
        await strategy.aclose()

    with Table(tmp_path / "rollouts", key="id", writable=True) as table:
        asyncio.run(run(table))
        return [Rollout.from_row(row) for row in table]


def test_branches_share_the_beginning_and_its_state_and_then_differ(tmp_path, make_problem):
    engine = Coder()
    made = rollouts(tmp_path, engine, tuple(make_problem(i) for i in range(3)), samples=4, branch=2)
    assert (len(made), engine.beginnings, len(engine.seeds)) == (12, 6, 12)
    groups = {}
    for rollout in made:
        groups.setdefault((rollout.problem_id, rollout.index // 2), []).append(rollout)
    for one, two in groups.values():
        assert one.messages[: len(one.prompt) + 2] == two.messages[: len(two.prompt) + 2]
        assert one.completion[3] != two.completion[3]  # its own number went into its own copy of the state
        printed = one.completion[1].content
        assert all(printed in r.completion[3].content and r.completion[3].content.count(",") == 1 for r in (one, two))
        assert one.annotations["branch"] == two.annotations["branch"]
        assert sorted(r.usage.completion_tokens for r in (one, two)) == [14, 21]


def test_branches_that_a_cap_cut_are_still_branches_when_they_go_on(tmp_path, make_problem):
    def made(cap):
        return rollouts(tmp_path, Coder(), (make_problem(),), samples=2, branch=2, sampling=Sampling(max_tokens=cap))

    cut, whole = made(14), made(100)
    assert {(r.finish_reason, r.annotations["stopped"]) for r in cut} == {(FinishReason.LENGTH, "tokens")}
    assert {(r.finish_reason, r.annotations.get("stopped")) for r in whole} == {(FinishReason.STOP, None)}
    assert [r.annotations["branch"] for r in whole] == [r.annotations["branch"] for r in cut]
    assert all(r.annotations["executions"] == 2 for r in whole)


def test_groups_are_asked_for_together(make_problem):
    strategy = Tir(template=load_template("tir"), options=TirOptions(branch_at_code=2))
    problems = (make_problem(0), make_problem(1))
    plan = SamplingPlan(problems=problems, strategy=strategy, sampling=Sampling(), samples=3, model="m")
    order = [(problem.id, index) for _, problem, index in plan.wanted()]
    assert order == [("p0", 0), ("p0", 1), ("p1", 0), ("p1", 1), ("p0", 2), ("p1", 2)]


def test_a_beginning_without_code_is_one_attempt_only(tmp_path, make_problem):
    engine = Coder(first="By heart: \\boxed{1}.")
    made = rollouts(tmp_path, engine, (make_problem(),), samples=3, branch=3)
    assert (len(made), engine.beginnings) == (3, 3)
    assert all(r.text == "By heart: \\boxed{1}." for r in made)


def test_a_failed_beginning_fails_its_group_and_leaves_nothing(tmp_path, make_problem):
    class Refusing(Coder):
        async def complete(self, messages, sampling, **given):
            raise RequestError("no", reason="bad_request")

    assert rollouts(tmp_path, Refusing(), (make_problem(),), samples=4, branch=2) == []


def using(work, **given):
    async def run():
        interpreters = Interpreters(limits=given.pop("limits", LIMITS), **given)
        try:
            return await work(interpreters)
        finally:
            await interpreters.aclose()
            assert interpreters.live == 0

    return asyncio.run(run())


def test_many_interpreters_share_few_sessions_and_keep_their_states():
    async def work(interpreters):
        mine = [interpreters.open() for _ in range(12)]
        await asyncio.gather(*(one.run(f"x = {i}") for i, one in enumerate(mine)))
        assert interpreters.live <= 3
        results = await asyncio.gather(*(one.run("x") for one in mine))
        assert interpreters.live <= 3
        return [r.result for r in results]

    assert using(work, live=3, busy=2) == [str(i) for i in range(12)]


def test_a_state_that_took_long_is_given_up_last(monkeypatch):
    monkeypatch.setattr("reasondistill.generation.strategies.tir.interpreters._REPLAY_SECONDS", 0.2)

    async def work(interpreters):
        slow = interpreters.open()
        await slow.run("import time; time.sleep(0.3)")
        quick = [interpreters.open() for _ in range(4)]
        for one in quick:
            await one.run("x = 1")
        return slow.holds_session, [one.holds_session for one in quick]

    assert using(work, live=3, busy=1) == (True, [False, False, True, True])


def test_an_interpreter_that_never_ran_has_no_session():
    async def work(interpreters):
        one = interpreters.open([Cell(code="x = 1")])
        before = interpreters.live
        found = await one.run("x + 1")
        return before, found.result, interpreters.live

    assert using(work) == (0, "2", 1)


@pytest.mark.parametrize(
    ("code", "status", "after"),
    [
        ("x += 1; 1 / 0", Status.EXCEPTION, "2"),
        ("x += 1; import os; os._exit(0)", Status.KILLED, "1"),
        ("x += 1; sum(range(10**12))", Status.TIMEOUT, "1"),
        ("x += 1\nwhile True: pass", Status.TIMEOUT, "2"),
    ],
)
def test_a_state_is_kept_without_a_checkpoint(code, status, after):
    async def work(interpreters):
        one = interpreters.open()
        await one.run("x = 1")
        assert (await one.run(code)).status is status
        return (await one.run("x")).result

    assert using(work) == after


def test_branches_of_a_resting_interpreter_are_made_again():
    async def work(interpreters):
        one = interpreters.open()
        await one.run("x = [1]")
        one.rest()
        branches = await one.fork(2)
        found = [await b.run(f"x.append({i}); x") for i, b in enumerate(branches)]
        for branch in branches:
            branch.close()
        return [f.result for f in found]

    assert using(work) == ["[1, 0]", "[1, 1]"]


def test_a_cancelled_cell_is_waited_for():
    async def work(interpreters):
        one = interpreters.open()
        task = asyncio.create_task(one.run("import time; time.sleep(0.3); x = 1"))
        await asyncio.sleep(0.1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return (await one.run("x")).result

    assert using(work) == "1"


def test_a_machine_that_cannot_isolate_is_an_error_of_the_engine_kind(monkeypatch):
    def refuse(*_, **__):
        raise SandboxUnavailable("needs Linux")

    monkeypatch.setattr("reasondistill.generation.strategies.tir.interpreters.Session", refuse)

    async def work(interpreters):
        with pytest.raises(EngineError, match="needs Linux"):
            await interpreters.open().run("1")

    using(work)


def test_a_sandbox_that_fails_now_and_then_is_asked_again(monkeypatch):
    failures = iter([True, False, True, True, False])

    class Shaky(Session):
        def execute(self, code, **given):
            if given.get("checkpoint") is False and code == "x += 1" and next(failures):
                raise SandboxError("more than 256 children at once")
            return super().execute(code, **given)

    monkeypatch.setattr("reasondistill.generation.strategies.tir.interpreters.Session", Shaky)
    monkeypatch.setattr("reasondistill.generation.strategies.tir.interpreters._WAITS", (0.0, 0.0))

    async def work(interpreters):
        one = interpreters.open()
        await one.run("x = 1")
        await one.run("x += 1")
        return (await one.run("x")).result

    assert using(work) == "2"


def test_more_sessions_than_the_sandbox_has_children_are_no_failure():
    async def work(interpreters):
        many = [interpreters.open() for _ in range(300)]
        await asyncio.gather(*(one.run(f"x = {i}") for i, one in enumerate(many)))
        return [(await one.run("x")).result for one in many[:3]], interpreters.live

    found, live = using(work, live=MAX_LIVE)
    assert (found, live) == (["0", "1", "2"], MAX_LIVE)


def test_limits_are_those_asked_for():
    async def work(interpreters):
        return (await interpreters.open().run("bytearray(1 << 30)")).status

    assert using(work, limits=replace(LIMITS, memory_bytes=128 << 20)) is Status.MEMORY


def test_a_cell_is_checkpointed_only_where_its_state_could_not_be_made_again(monkeypatch):
    taken = []

    class Watched(Session):
        def execute(self, code, *, checkpoint=True):
            taken.append((code, checkpoint))
            return super().execute(code, checkpoint=checkpoint)

    monkeypatch.setattr("reasondistill.generation.strategies.tir.interpreters.Session", Watched)
    monkeypatch.setattr("reasondistill.generation.strategies.tir.interpreters._REPLAY_SECONDS", 0.2)

    async def work(interpreters):
        quick, slow, broken = (interpreters.open() for _ in range(3))
        await quick.run("x = 1")
        await quick.run("x")
        await slow.run("import time; time.sleep(0.3)")
        await slow.run("y = 1")
        await broken.run("while True: pass")  # interrupted: a second time it might stop elsewhere
        await broken.run("z = 1")
        return dict(taken)

    kept = using(work)
    assert [code for code, checkpoint in kept.items() if checkpoint] == ["y = 1", "z = 1"]


def test_beginnings_of_half_groups_do_not_pile_up(tmp_path, make_problem, monkeypatch):
    monkeypatch.setattr("reasondistill.generation.strategies.tir.shared_beginnings.MAX_BEGINNINGS", 3)
    strategy = Tir(template=load_template("tir"), options=TirOptions(branch_at_code=2))

    async def run():
        most = 0
        for i in range(8):
            await strategy.attempt(AttemptRequest(engine=Coder(), problem=make_problem(i), sampling=Sampling()))
            most = max(most, len(strategy._beginnings))
        await strategy.aclose()
        return most, len(strategy._beginnings)

    assert asyncio.run(run()) == (3, 0)


def test_a_branch_that_is_killed_goes_on_from_the_shared_beginning(make_problem):
    told = {0: [], 1: []}
    strategy = Tir(template=load_template("tir"), options=TirOptions(branch_at_code=2))

    async def run():
        requests = [
            AttemptRequest(
                engine=Coder(), problem=make_problem(), sampling=Sampling(seed=i), index=i, partial=told[i].append
            )
            for i in told
        ]
        made = await asyncio.gather(*map(strategy.attempt, requests))
        await strategy.aclose()
        return made

    made = asyncio.run(run())
    for number, attempt in enumerate(made):
        assert told[number][0].messages == attempt.messages[:2]
