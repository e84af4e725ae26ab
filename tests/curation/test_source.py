"""Candidates read from tables: in the given order, each pass the same, and the steps do the same as with held ones."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reasondistill.curation.candidate_source import Candidate, Source, stored_source
from reasondistill.curation.options import CurateOptions
from reasondistill.curation.select import make_steps, select
from reasondistill.records import Usage
from reasondistill.store import Table
from verifiers import Outcome, Verdict

OPTIONS = st.builds(
    CurateOptions,
    keep=st.sampled_from(["correct", "all"]),
    max_per_problem=st.none() | st.integers(1, 2),
    choose=st.sampled_from(["first", "shortest", "longest", "random", "diverse"]),
    s1k=st.none() | st.integers(1, 9),
    max_tokens=st.none() | st.integers(5, 300),
)


@pytest.fixture(scope="session")
def stored(make_problem, make_rollout, tmp_path_factory):
    """Twenty problems with three rollouts each, in tables of many shards that were filled in another order."""
    folder = tmp_path_factory.mktemp("run")
    problems = {f"p{n}": make_problem(n) for n in range(20)}
    rollouts = [
        make_rollout(
            problems[f"p{n}"], f"Try {n % 4} {i % 2}: \\boxed{{{n}}}", index=i, usage=Usage(completion_tokens=n + i)
        )
        for i in range(3)
        for n in range(20)
    ]
    tables = {
        name: Table(folder / name, key=key, writable=True, shard_bytes=2000)
        for name, key in (("rollouts", "id"), ("verdicts", "rollout_id"))
    }
    for rollout in sorted(rollouts, key=lambda r: (r.index * 7 + int(r.problem_id[1:]) * 5) % 11):
        outcome = Outcome.INCORRECT if rollout.usage.completion_tokens % 5 == 0 else Outcome.CORRECT
        tables["rollouts"].append(rollout.to_row())
        tables["verdicts"].append({"rollout_id": rollout.id, **Verdict(outcome=outcome).to_row()})
    for table in tables.values():
        table.close()
    return stored_source(problems, ids=[r.id for r in rollouts], **tables)


def test_candidates_come_in_the_order_of_the_ids_every_time(stored):
    assert [c.rollout.id for c in stored] == [c.rollout.id for c in stored] == list(stored.ids)
    some = {"p3-1", "p0-2", "p9-0"}
    assert [c.rollout.id for c in stored.only(some)] == ["p9-0", "p3-1", "p0-2"]
    assert all(c.problem.id == c.rollout.problem_id for c in stored)


@settings(deadline=None, max_examples=40)
@given(OPTIONS)
def test_what_is_read_again_is_selected_as_what_is_held(stored, options):
    steps = make_steps(options)
    held, read = select(list(stored), steps), select(stored, steps)
    assert list(read.kept) == list(held.kept)
    assert list(read.ledger.drops) == list(held.ledger.drops)
    assert read.waterfall == held.waterfall


def test_what_can_be_read_once_only_is_held(stored):
    once = Source.of(candidate for candidate in stored)
    assert list(once) == list(once) == list(stored)
    assert Source.of(stored) is stored


def test_the_kept_ones_are_few_keys(stored):
    selection = select(stored, make_steps(CurateOptions(max_per_problem=1)))
    kept, keys = selection.kept, selection.keys
    assert len(kept) == len(keys) == len({key.problem_id for key in keys}) == 20
    assert list(kept.ids) == [key.rollout_id for key in keys]
    assert [c.rollout.id for c in kept.read(kept.ids[:2])] == list(kept.ids[:2])
    assert all(isinstance(c, Candidate) for c in kept)
