"""Rollouts under way, as a killed process leaves them."""

import asyncio
import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reasondistill.generation.partial import PartialLog, PartialRollout
from reasondistill.records import Message, Usage

texts = st.text("ab<\u2028é", max_size=6)
turns = st.builds(
    Message,
    role=st.sampled_from(["assistant", "tool"]),
    content=texts,
    reasoning=st.none() | texts,
    tool_calls=st.sampled_from([(), ({"name": "python"},)]),
)
states = st.builds(
    PartialRollout,
    messages=st.lists(turns, max_size=4).map(tuple),
    usage=st.builds(Usage, completion_tokens=st.integers(0, 9)),
    tools=st.sampled_from([(), ({"name": "python"},)]),
    annotations=st.dictionaries(st.sampled_from(["executions", "branch"]), st.integers(0, 2)),
)


@given(st.lists(states, min_size=1, max_size=5))
def test_the_steps_lead_to_the_last_state(history):
    state = PartialRollout()
    for later in history:
        state = state.after(state.step(later))
        assert state == later


def grown(text, thought=None):
    return PartialRollout(
        messages=(Message(role="assistant", content=text, reasoning=thought),),
        usage=Usage(completion_tokens=len(text)),
    )


def test_a_growing_text_is_saved_by_what_it_gains():
    row = grown("The sum", "2 + 2").step(grown("The sum is 4", "2 + 2"))
    assert (row["content"], row["then"]) == (" is 4", [])


def killed(folder, *notes):
    """Leave what a process leaves that notes these and dies: only the system closes its file."""

    async def inside():
        log = PartialLog(folder).__enter__()
        for identifier, begun in notes:
            log.note(identifier, begun)
            log.flush()
        log._file.close()
        return log

    return asyncio.run(inside())


def test_what_a_killed_process_saved_is_there(tmp_path):
    folder = tmp_path / "partial"
    killed(folder, ("a", grown("The")), ("b", grown("A")), ("a", grown("The sum", "2 + 2")))
    with PartialLog(folder) as log:
        assert log.get("a") == grown("The sum", "2 + 2")
        assert log.get("b") == grown("A")
        assert log.get("c") is None


def test_a_torn_last_line_costs_only_itself(tmp_path):
    folder = tmp_path / "partial"
    killed(folder, ("a", grown("The")), ("a", grown("The sum")))
    data = (folder / "log.jsonl").read_bytes()
    (folder / "log.jsonl").write_bytes(data[:-9])
    with PartialLog(folder) as log:
        assert log.get("a") == grown("The")
    killed(folder, ("a", grown("The rest")))
    with PartialLog(folder) as log:
        assert log.get("a") == grown("The rest")


def test_the_file_goes_with_the_last_rollout(tmp_path):
    folder = tmp_path / "partial"
    killed(folder, ("a", grown("The")), ("b", grown("A")))
    with PartialLog(folder) as log:
        log.forget("a")
    with PartialLog(folder) as log:
        assert log.ids() == ["b"]
        log.forget("b")
    assert not folder.exists()


def test_notes_are_written_without_being_asked(tmp_path):
    async def inside():
        with PartialLog(tmp_path / "partial") as log:
            log.note("a", grown("The"))
            while not (tmp_path / "partial" / "log.jsonl").exists():
                await asyncio.sleep(0.01)
            return log.get("a")

    assert asyncio.run(inside()) == grown("The")


def test_the_file_does_not_grow_for_ever(tmp_path, monkeypatch):
    monkeypatch.setattr("reasondistill.generation.partial._COMPACT_BYTES", 2000)
    log = killed(tmp_path / "partial", *(("a", grown("x" * n)) for n in range(200)))
    log.forget("b")
    assert (tmp_path / "partial" / "log.jsonl").stat().st_size < 2600
    with PartialLog(tmp_path / "partial") as again:
        assert again.get("a") == grown("x" * 199)


@pytest.mark.parametrize("field", ["seconds", "usage"])
def test_costs_are_kept(tmp_path, field):
    begun = dataclasses.replace(grown("The"), seconds=2.5)
    killed(tmp_path / "partial", ("a", begun))
    with PartialLog(tmp_path / "partial") as log:
        assert getattr(log.get("a"), field) == getattr(begun, field)
