"""The replay engine: what was recorded comes back, in order, and never twice."""

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import zstandard

from reasondistill.engines.base import Completion
from reasondistill.engines.options import EngineOptions
from reasondistill.engines.replay_engine import ReplayEngine, open_replay
from reasondistill.errors import DataError, RequestError
from reasondistill.records import FinishReason, Message, Rollout, Sampling, Usage


def question(text: str) -> tuple[Message, ...]:
    return (Message(role="user", content=text),)


def recorded(text: str, answer: str, seed: int = 0, **changes: Any) -> dict[str, Any]:
    rollout = Rollout(
        id=f"{text}-{answer}-{seed}",
        problem_id="p",
        index=0,
        strategy="cot",
        messages=(*question(text), Message(role="assistant", content=answer)),
        finish_reason=FinishReason.STOP,
        model="recorded-model",
        engine="vllm",
        sampling=Sampling(seed=seed),
        prompt_hash="h",
        usage=Usage(prompt_tokens=3, completion_tokens=2),
    )
    return {**rollout.to_row(), **changes}


def engine_for(rows: Sequence[dict[str, Any]]) -> ReplayEngine:
    return ReplayEngine(rows, model="m")


def ask(engine: ReplayEngine, messages: tuple[Message, ...], *, seed: int = 0, **request: Any) -> list[Completion]:
    return asyncio.run(engine.complete(messages, Sampling(seed=seed), **request))


def test_the_recording_with_the_requests_seed_is_given_again_and_again() -> None:
    engine = engine_for([recorded("q", "one", seed=5), recorded("q", "two", seed=6)])
    assert [ask(engine, question("q"), seed=6)[0].text for _ in range(2)] == ["two", "two"]
    assert [c.text for c in ask(engine, question("q"), seed=5, n=2)] == ["one", "two"]


def test_without_a_matching_seed_recordings_come_in_order_and_never_twice() -> None:
    engine = engine_for([recorded("q", "one"), recorded("q", "two")])
    assert [c.text for c in ask(engine, question("q"), seed=9, n=2)] == ["one", "two"]
    with pytest.raises(RequestError, match="2 answers are recorded") as error:
        ask(engine, question("q"), seed=9)
    assert error.value.reason == "not_recorded"


def test_recordings_that_share_a_seed_come_in_order() -> None:
    engine = engine_for([recorded("q", "one"), recorded("q", "two")])
    assert [ask(engine, question("q"))[0].text for _ in range(2)] == ["one", "two"]


def test_an_unknown_prompt_is_not_recorded() -> None:
    with pytest.raises(RequestError) as error:
        ask(engine_for([recorded("q", "one")]), question("another"))
    assert error.value.reason == "not_recorded"


def test_a_prefix_picks_the_recordings_that_start_with_it() -> None:
    engine = engine_for([recorded("q", "so it is 4", seed=1), recorded("q", "well, 5", seed=2)])
    assert ask(engine, question("q"), seed=2, prefix="so ")[0].text == "it is 4"


def test_every_assistant_turn_can_be_asked_for() -> None:
    turns = (
        *question("q"),
        Message(role="assistant", content="```python\nprint(4)\n```"),
        Message(role="tool", content="4"),
        Message(role="assistant", content="It is 4."),
    )
    row = recorded("q", "")
    row["messages"] = [m.to_row() for m in turns]
    engine = engine_for([{**row, "finish_reason": "length"}])
    [first] = ask(engine, turns[:1])
    [second] = ask(engine, turns[:3])
    assert (first.text, first.finish_reason) == (turns[1].content, FinishReason.STOP)
    assert (second.text, second.finish_reason) == ("It is 4.", FinishReason.LENGTH)


def test_usage_reasoning_and_tokens_come_back() -> None:
    row = recorded("q", "4", token_ids=[7, 8])
    row["messages"][-1]["reasoning"] = "2 + 2"
    [completion] = ask(engine_for([row]), question("q"))
    assert completion.reasoning == "2 + 2"
    assert completion.token_ids == (7, 8)
    assert completion.usage == Usage(prompt_tokens=3, completion_tokens=2)


def lines(rows: Sequence[dict[str, Any]]) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def open_path(path: Path, **options: Any) -> ReplayEngine:
    return asyncio.run(open_replay(EngineOptions(engine="replay", replay=str(path), **options)))


def test_a_run_folder_with_open_and_closed_shards_is_read(tmp_path: Path) -> None:
    shards = tmp_path / "rollouts"
    shards.mkdir()
    (tmp_path / "log.jsonl").write_text('{"event": "no rollout"}\n')
    (shards / "00000.jsonl.zst").write_bytes(zstandard.compress(lines([recorded("q", "one\u2028line")]).encode()))
    (shards / "00001.jsonl").write_text(lines([recorded("q", "two")]), encoding="utf-8")
    engine = open_path(tmp_path)
    assert [ask(engine, question("q"))[0].text for _ in range(2)] == ["one\u2028line", "two"]
    assert engine.model == "recorded-model"


def test_the_model_can_be_named(tmp_path: Path) -> None:
    (tmp_path / "r.jsonl").write_text(lines([recorded("q", "one")]))
    assert open_path(tmp_path / "r.jsonl", model="asked").model == "asked"
    assert open_path(tmp_path / "r.jsonl", model="asked", model_id="told-apart").model == "told-apart"


def test_a_torn_last_line_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "r.jsonl").write_text(lines([recorded("q", "one")]) + '{"messages": [{"ro')
    assert ask(open_path(tmp_path), question("q"))[0].text == "one"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{broken\n" + lines([recorded("q", "one")]), r"r\.jsonl:1: not a JSON object"),
        ('{"answer": 1}\n', "row 1 is not a rollout row"),
        ("", "no recorded rollouts"),
    ],
)
def test_a_file_that_holds_no_rollouts_is_told(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "r.jsonl").write_text(text)
    with pytest.raises(DataError, match=message):
        open_path(tmp_path)


def test_a_missing_path_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no recorded rollouts"):
        open_path(tmp_path / "nowhere")
    with pytest.raises(DataError, match="--replay"):
        asyncio.run(open_replay(EngineOptions(engine="replay")))


def test_latency_is_part_of_the_seconds() -> None:
    engine = ReplayEngine([recorded("q", "one")], model="m", latency=0.01)
    assert ask(engine, question("q"))[0].seconds == 0.01
