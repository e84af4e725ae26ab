"""When a problem has had enough, and when a run has spent enough."""

import asyncio
import math
import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reasondistill.engines import PLAIN, Completion
from reasondistill.generation.prompts import PromptTemplate
from reasondistill.generation.sampling import SamplingJob, sample
from reasondistill.generation.sampling_queue import SamplingPlan
from reasondistill.generation.spending import Spending, SpendingOptions, at_least, decide
from reasondistill.generation.strategies import Cot
from reasondistill.records import FinishReason, Sampling, Usage
from reasondistill.store import Table

ADAPTIVE = SpendingOptions(until_correct=3)


@given(st.integers(0, 12), st.integers(0, 12), st.floats(0.01, 0.99))
def test_the_posterior_is_the_integral_of_the_likelihood(correct, wrong, share):
    steps = 4000
    points = [(i + 0.5) / steps for i in range(steps)]
    weights = [p**correct * (1 - p) ** wrong for p in points]
    above = math.fsum(w for p, w in zip(points, weights, strict=True) if p >= share)
    expected = above / math.fsum(weights)
    assert at_least(share, correct, correct + wrong) == pytest.approx(expected, abs=4e-3)


@pytest.mark.parametrize(
    ("correct", "judged", "expected"),
    [(0, 0, "open"), (2, 9, "open"), (3, 3, "enough"), (0, 9, "open"), (0, 10, "hopeless"), (1, 17, "hopeless")],
)
def test_the_rule(correct, judged, expected):
    assert decide(correct, judged, ADAPTIVE) == expected


def test_an_easy_problem_is_settled_before_many_right_ones_are_found():
    options = SpendingOptions(until_correct=100)
    assert [decide(n, n, options) for n in (9, 10)] == ["open", "settled"]


def test_fixed_sampling_never_ends_a_problem():
    assert decide(50, 50, SpendingOptions()) == decide(0, 50, SpendingOptions()) == "open"


def test_what_is_in_flight_counts_as_the_mean_of_what_came_back():
    spending = Spending(SpendingOptions(max_tokens_total=1000))
    assert spending.used_up() is None
    spending.add(Usage(prompt_tokens=50, completion_tokens=50))
    spending.in_flight = 8
    assert spending.used_up() is None
    spending.in_flight = 9
    assert spending.used_up() == "max_tokens_total"


def test_money_is_counted_by_both_prices():
    options = SpendingOptions(max_cost=1.0, prompt_price=1.0, completion_price=4.0)
    assert options.cost(Usage(prompt_tokens=1_000_000, completion_tokens=500_000)) == 3.0
    spending = Spending(options)
    spending.add(Usage(completion_tokens=200_000))
    assert spending.used_up() == "max_cost"


class Gambler:
    """Answers right with a chance that stands in the question."""

    name, model, continues, chat_template = "gambler", "g", True, None

    def __init__(self):
        self.asked = Counter()

    async def complete(self, messages, sampling, *, prefix="", n=1, extras=PLAIN):
        await asyncio.sleep(0)
        question = messages[-1].content
        self.asked[question] += 1
        right = random.Random(sampling.seed).random() < float(question.split()[-1])
        usage = Usage(prompt_tokens=10, completion_tokens=90)
        return [Completion(text=str(right), finish_reason=FinishReason.STOP, usage=usage, seconds=0.0)]


def run(tmp_path, make_problem, chances, *, options, samples=24, concurrency=16):
    problems = tuple(make_problem(i, question=f"{i} {chance}") for i, chance in enumerate(chances))
    plan = SamplingPlan(
        problems=problems,
        strategy=Cot(template=PromptTemplate(name="t", user="{question}")),
        sampling=Sampling(temperature=1.0),
        samples=samples,
        model="g",
        budget=options,
    )
    engine = Gambler()
    with Table(tmp_path / "rollouts", key="id", writable=True) as table:
        known = {row["id"]: row["messages"][-1]["content"] == "True" for row in table}

        async def judge(rollout):
            async def later():
                for _ in range(3):
                    await asyncio.sleep(0)
                job.queue.judged(rollout.problem_id, rollout.text == "True")

            judging.append(asyncio.create_task(later()))

        judging = []
        job = SamplingJob(plan=plan, table=table, on_rollout=judge, outcomes=known)
        asyncio.run(sample(engine, [job], concurrency=concurrency))
        rows = list(table)
    right = Counter(row["problem_id"] for row in rows if row["messages"][-1]["content"] == "True")
    return job, rows, right, engine


def test_samples_go_where_they_teach(tmp_path, make_problem):
    chances = [0.0] * 10 + [1.0] * 10 + [0.4] * 10
    job, rows, right, _ = run(tmp_path, make_problem, chances, options=ADAPTIVE)
    per_problem = Counter(row["problem_id"] for row in rows)
    # Up to two more may be under way when the tenth wrong verdict comes.
    assert all(10 <= per_problem[f"p{i}"] <= 12 for i in range(10))
    assert {per_problem[f"p{i}"] for i in range(10, 20)} == {3}
    assert all(right[f"p{i}"] <= 3 for i in range(30))
    decisions = job.counts.decisions
    assert decisions["hopeless"] >= 10
    assert decisions["enough"] >= 15
    fixed_tokens_per_right = 100 * 24 * 30 / (30 * 3)
    assert 100 * len(rows) / right.total() < fixed_tokens_per_right / 2


def test_a_problem_gets_no_more_than_its_samples(tmp_path, make_problem):
    options = SpendingOptions(until_correct=3, confidence=0.9999)
    job, rows, _, _ = run(tmp_path, make_problem, [0.0] * 4, options=options, samples=6)
    assert len(rows) == 24
    assert job.counts.decisions == {"open": 4}


def test_an_adaptive_run_goes_on_where_it_was(tmp_path, make_problem):
    chances = [0.0, 1.0, 0.5, 0.5]
    half = SpendingOptions(until_correct=3, max_tokens_total=1200)
    job, rows, _, _ = run(tmp_path, make_problem, chances, options=half, concurrency=2)
    assert (job.counts.stopped, len(rows)) == ("max_tokens_total", 12)
    whole, after, right, engine = run(tmp_path, make_problem, chances, options=ADAPTIVE, concurrency=2)
    assert engine.asked.total() == len(after) - 12
    assert right["p1"] == 3
    again, _, _, engine = run(tmp_path, make_problem, chances, options=ADAPTIVE)
    assert engine.asked.total() == 0
    assert again.counts.decisions == whole.counts.decisions


@pytest.mark.parametrize("concurrency", [1, 8])
def test_a_run_spends_no_more_than_it_may(tmp_path, make_problem, concurrency):
    options = SpendingOptions(max_tokens_total=1000)
    job, rows, _, _ = run(tmp_path, make_problem, [0.5] * 20, options=options, concurrency=concurrency)
    assert job.counts.stopped == "max_tokens_total"
    assert len(rows) <= 10
    more = SpendingOptions(max_tokens_total=1500)
    _, after, _, _ = run(tmp_path, make_problem, [0.5] * 20, options=more, concurrency=concurrency)
    assert len(rows) < len(after) <= 15
