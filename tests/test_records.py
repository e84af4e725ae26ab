"""Records become JSON rows and come back unchanged; ids depend on the content and on nothing else."""

import dataclasses
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reasondistill.records import (
    SCHEMA,
    Estimate,
    Example,
    FinishReason,
    Kind,
    Message,
    Problem,
    Rollout,
    Sampling,
    Usage,
    content_id,
    rollout_namer,
    to_messages,
    with_seed,
)

PROBLEM = Problem(id="gsm-1", question="What is 2 + 3?", answer="5")


def _whole(text: str) -> str:
    """Join surrogate pairs, as JSON does; single halves stay."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")


texts = st.text(st.characters(exclude_categories=())).map(_whole)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
json_objects = st.dictionaries(texts, json_values, max_size=3)
counts = st.integers(0, 10**9)
messages = st.builds(
    Message,
    role=st.sampled_from(["system", "user", "assistant", "tool"]),
    content=texts,
    reasoning=st.none() | texts,
    tool_calls=st.lists(json_objects, max_size=2).map(tuple),
)
problems = st.builds(
    Problem,
    id=texts,
    kind=st.sampled_from(Kind),
    question=texts,
    answer=st.none() | texts,
    tests=json_values,
    source=texts,
    split=texts,
    parent_ids=st.lists(texts, max_size=2).map(tuple),
    metadata=json_objects,
)
samplings = st.builds(
    Sampling,
    temperature=st.none() | st.floats(0, 2),
    top_p=st.none() | st.floats(0, 1),
    top_k=st.none() | counts,
    max_tokens=counts,
    seed=counts,
    stop=st.lists(texts, max_size=2).map(tuple),
)
rollouts = st.builds(
    Rollout,
    id=texts,
    problem_id=texts,
    index=counts,
    strategy=texts,
    messages=st.lists(messages, max_size=3).map(tuple),
    token_ids=st.none() | st.lists(counts, max_size=3).map(tuple),
    finish_reason=st.sampled_from(FinishReason),
    model=texts,
    engine=texts,
    sampling=samplings,
    prompt_hash=texts,
    round=counts,
    policy_model=st.none() | texts,
    usage=st.builds(Usage, prompt_tokens=counts, cached_tokens=counts, completion_tokens=counts),
    seconds=st.floats(0, 1e6),
    tools=st.lists(json_objects, max_size=2).map(tuple),
    annotations=json_objects,
)


def _through_json(row):
    return json.loads(json.dumps(row))


@given(messages)
def test_message_round_trip(message):
    assert Message.from_row(_through_json(message.to_row())) == message


@given(problems)
def test_problem_round_trip(problem):
    row = _through_json(problem.to_row())
    assert Problem.from_row(row) == problem
    assert (row["schema"], row["content_hash"]) == (SCHEMA, problem.content_hash)


@given(rollouts)
def test_rollout_round_trip(rollout):
    row = _through_json(rollout.to_row())
    assert row["schema"] == SCHEMA
    assert Rollout.from_row(row) == rollout


@given(samplings)
def test_sampling_round_trip(sampling):
    assert Sampling.from_row(_through_json(dataclasses.asdict(sampling))) == sampling


def test_estimate_round_trip_leaves_other_keys_out():
    estimate = Estimate(value=0.5, low=0.25, high=0.75, n=8)
    assert Estimate.from_row({**estimate.to_row(), "unit": "share"}) == estimate
    assert str(estimate) == "50.0 % [25.0, 75.0] n=8"


@pytest.mark.parametrize("record", [PROBLEM, Sampling(), Usage(), Message(role="user", content="")])
def test_records_are_frozen(record):
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(record, dataclasses.fields(record)[0].name, "other")


def test_a_servers_spelling_of_reasoning_is_read():
    read = Message.from_row({"role": "assistant", "content": None, "reasoning_content": "hm"})
    assert (read.content, read.reasoning) == ("", "hm")


def test_empty_parts_of_a_message_are_not_written():
    assert Message(role="user", content="hi").to_row() == {"role": "user", "content": "hi"}


def test_unknown_keys_of_a_problem_row_are_left_out():
    assert Problem.from_row({**PROBLEM.to_row(), "difficulty": 3}) == PROBLEM


# The ids below are what earlier versions wrote into run folders: a change makes every stored rollout unusable.
def test_content_ids_are_stable():
    assert content_id("a", 1, None, {"b": 2.5, "a": "\u2028é"}) == "bf745c2a388f0ab543e2"
    assert PROBLEM.content_hash == "7d49dcbc5921245b5417"
    code = Problem(id="x", kind=Kind.CODE, question="Add.", tests={"style": "assert", "code": "assert f(1)==2"})
    assert code.content_hash == "785fa4a29bf6bcd1ddbb"


def _id(problem=PROBLEM, index=0, **changed):
    given = {"strategy": {"name": "cot", "thinking": "default"}, "model": "m", "prompt_hash": "abc"}
    return rollout_namer(**{**given, "sampling": Sampling(temperature=0.7), **changed})(problem, index)


def test_rollout_ids_are_stable():
    assert _id() == "2129d7b1bd5c6cdc5f7e"


def test_a_caps_length_is_not_part_of_a_rollouts_id():
    assert _id(sampling=Sampling(temperature=0.7, max_tokens=7)) == _id()


@pytest.mark.parametrize(
    "change",
    [
        {"index": 1},
        {"strategy": {"name": "tir", "thinking": "default"}},
        {"strategy": {"name": "cot", "thinking": "high"}},
        {"strategy": {"name": "cot", "thinking": "default", "options": {"executions": 4}}},
        {"model": "n"},
        {"weights": "Q4_1"},
        {"prompt_hash": "abd"},
        {"round": 1},
        *({"sampling": Sampling(**s)} for s in ({}, {"temperature": 0.8}, {"temperature": 0.7, "seed": 1})),
        *({"sampling": Sampling(temperature=0.7, **s)} for s in ({"top_p": 0.9}, {"top_k": 5}, {"stop": ("\n",)})),
        {"problem": dataclasses.replace(PROBLEM, id="gsm-2")},
        {"problem": dataclasses.replace(PROBLEM, question="What is 3 + 2?")},
        {"problem": dataclasses.replace(PROBLEM, answer="6")},
    ],
)
def test_whatever_decides_a_sample_is_part_of_its_id(change):
    assert _id(**change) != _id()


@pytest.mark.parametrize("change", [{"source": "elsewhere"}, {"split": "test"}, {"metadata": {"level": 2}}])
def test_where_a_problem_comes_from_is_not_part_of_a_rollouts_id(change):
    assert _id(dataclasses.replace(PROBLEM, **change)) == _id()


def test_each_rollout_has_a_seed_of_its_own():
    sampling = Sampling(temperature=0.7, seed=3)
    first, second = (with_seed(sampling, _id(index=i)) for i in range(2))
    assert first.seed != second.seed
    assert dataclasses.replace(first, seed=3) == sampling
    assert 0 <= first.seed < 2**31


def _conversation(*roles, **fields):
    turns = tuple(Message(role=role, content=f"{i} {role}") for i, role in enumerate(roles))
    given = {"id": "r", "problem_id": "p", "index": 0, "strategy": "cot", "finish_reason": FinishReason.STOP}
    return Rollout(**given, messages=turns, model="m", engine="replay", sampling=Sampling(), prompt_hash="", **fields)


@pytest.mark.parametrize(
    ("roles", "prompt", "text"),
    [
        (["user", "assistant"], 1, "1 assistant"),
        (["system", "user", "assistant", "user", "assistant"], 4, "4 assistant"),
        (["user", "assistant", "tool", "assistant"], 1, "3 assistant"),
        (["user"], 1, ""),
        ([], 0, ""),
    ],
)
def test_the_prompt_ends_with_the_last_question(roles, prompt, text):
    rollout = _conversation(*roles)
    assert len(rollout.prompt) == prompt
    assert rollout.prompt + rollout.completion == rollout.messages
    assert rollout.text == text


def test_usage_adds_up():
    total = Usage(prompt_tokens=3, completion_tokens=1) + Usage(prompt_tokens=4, cached_tokens=2)
    assert total == Usage(prompt_tokens=7, cached_tokens=2, completion_tokens=1)


def test_an_examples_row_is_trls_with_the_receipt_as_columns():
    turn = Message(role="user", content="q")
    answer = Message(role="assistant", content="a")
    row = Example(prompt=(turn,), completion=(answer,), provenance={"rollout_id": "r"}).to_row()
    assert row == {"prompt": [turn.to_row()], "completion": [answer.to_row()], "rollout_id": "r"}
    assert to_messages(row["prompt"]) == (turn,)
