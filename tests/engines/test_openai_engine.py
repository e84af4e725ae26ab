"""The openai engine against a real server on a loopback port that misbehaves on purpose."""

import asyncio
import json
import socket
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from reasondistill.engines.base import Completion, Extras, Traffic
from reasondistill.engines.openai.addresses import masked
from reasondistill.engines.openai.engine import open_openai
from reasondistill.engines.openai.retry import Retry
from reasondistill.engines.options import EngineOptions
from reasondistill.errors import EngineError, RequestError
from reasondistill.records import FinishReason, Message, Sampling, Usage

QUESTION = (Message(role="user", content="What is 2 + 2?"),)


class Clock:
    """Stands for asyncio.sleep and remembers what was waited."""

    def __init__(self) -> None:
        self.waits: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        await asyncio.sleep(0)

    def now(self) -> float:
        return sum(self.waits)


async def ask(url: str, clock: Clock | None = None, **request: Any) -> list[Completion]:
    timeout, retry = request.pop("timeout", 20.0), request.pop("retry", None)
    options = EngineOptions(engine="openai", model="toy", base_url=url, request_timeout=timeout)
    clock = clock or Clock()
    engine = await open_openai(options, retry=retry, sleep=clock.sleep, clock=clock.now)
    try:
        return await engine.complete(
            request.pop("messages", QUESTION), request.pop("sampling", Sampling(max_tokens=50)), **request
        )
    finally:
        await engine.aclose()


def run(url: str, clock: Clock | None = None, **request: Any) -> list[Completion]:
    return asyncio.run(ask(url, clock, **request))


FAULTS: dict[str, Callable[[Any], None]] = {
    "server error": lambda e: e.error(500, "boom"),
    "bad gateway page": lambda e: e.raw(502, b"<html>bad gateway</html>"),
    "request timeout status": lambda e: e.error(408),
    "conflict": lambda e: e.error(409),
    "rate limit": lambda e: e.error(429, "slow down"),
    "not JSON": lambda e: e.raw(200, b"<html>hello</html>"),
    "cut JSON": lambda e: e.raw(200, b'{"choices": [{"mess'),
    "half a response": lambda e: e.raw(200, b'{"choices": [', length=4000),
    "no choices": lambda e: e.json({"choices": []}),
    "null choices": lambda e: e.json({"choices": None}),
    "a list": lambda e: e.json([]),
    "null": lambda e: e.json(None),
    "null message": lambda e: e.message(None),
    "null content": lambda e: e.answer(None),
    "empty content": lambda e: e.answer(""),
    "white space": lambda e: e.answer(" \n"),
    "content of another type": lambda e: e.answer(7),
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS.keys())
def test_a_fault_is_tried_again(loopback: Any, toy_answer: str, fault: Callable[[Any], None]) -> None:
    good = loopback.behaviours[0]
    loopback.behaviours = [fault, fault, good]
    clock = Clock()
    [completion] = run(loopback.url, clock)
    assert completion.text == toy_answer
    assert len(loopback.requests) == 3
    assert 0.25 <= clock.waits[0] <= 0.5 <= clock.waits[1] <= 1.0


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("server error", "server_error"),
        ("not JSON", "invalid_json"),
        ("half a response", "connection"),
        ("no choices", "no_choices"),
        ("null content", "empty_answer"),
    ],
)
def test_a_lasting_fault_fails_the_request_after_twelve_tries(loopback: Any, fault: str, reason: str) -> None:
    loopback.behaviours = [FAULTS[fault]]
    with pytest.raises(RequestError, match="after 12 tries") as error:
        run(loopback.url)
    assert error.value.reason == reason
    assert len(loopback.requests) == 12


def test_a_hanging_server_is_left_at_the_timeout(loopback: Any, toy_answer: str) -> None:
    loopback.behaviours = [loopback.hang, loopback.behaviours[0]]
    [completion] = run(loopback.url, timeout=0.5)
    assert completion.text == toy_answer


def test_trying_again_ends_with_the_seconds_allowed(loopback: Any) -> None:
    loopback.behaviours = [FAULTS["server error"]]
    with pytest.raises(RequestError, match="after 1 tries"):
        run(loopback.url, retry=Retry(total_seconds=0.0))


@pytest.mark.parametrize(("header", "expected"), [("7", 7.0), ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0)])
def test_retry_after_is_honoured(loopback: Any, header: str, expected: float) -> None:
    loopback.behaviours = [lambda e: e.error(429, Retry_After=header), loopback.behaviours[0]]
    clock = Clock()
    run(loopback.url, clock)
    assert clock.waits == [expected]


@pytest.mark.parametrize(
    ("status", "message", "reason"),
    [
        (400, "temperature must be positive", "bad_request"),
        (400, "This model's maximum context length is 2048 tokens", "prompt_too_long"),
        (400, "the request exceeds the available context size", "prompt_too_long"),
        (422, "field required", "http_422"),
        (413, "body too large", "prompt_too_long"),
    ],
)
def test_a_refused_request_fails_at_once(loopback: Any, status: int, message: str, reason: str) -> None:
    loopback.behaviours = [lambda e: e.error(status, message)]
    with pytest.raises(RequestError, match=message) as error:
        run(loopback.url)
    assert error.value.reason == reason
    assert len(loopback.requests) == 1


@pytest.mark.parametrize(("status", "hint"), [(401, "OPENAI_API_KEY"), (404, "'toy' the model's name")])
def test_a_wrong_key_or_model_stops_everything(loopback: Any, status: int, hint: str) -> None:
    loopback.behaviours = [lambda e: e.error(status, "no such thing")]
    with pytest.raises(EngineError, match=hint):
        run(loopback.url)


@pytest.mark.parametrize(
    ("status", "body"),
    [(402, {"detail": "no credit"}), (429, {"error": {"message": "no credit", "code": "insufficient_quota"}})],
)
def test_an_account_without_credit_stops_everything(loopback: Any, status: int, body: Any) -> None:
    loopback.behaviours = [lambda e: e.json(body, status)]
    with pytest.raises(EngineError, match=rf"\(HTTP {status}: no credit\): check the account there"):
        run(loopback.url)
    assert len(loopback.requests) == 1


@pytest.mark.parametrize("stream", ["never", "always"])
def test_a_key_that_a_server_repeats_is_told_to_nobody(
    loopback: Any, monkeypatch: pytest.MonkeyPatch, stream: str
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret-0123456789")
    loopback.behaviours = [lambda e: e.error(400, "the key sk-secret-0123456789 may not ask this")]

    async def one() -> None:
        engine = await open_openai(EngineOptions(model="toy", base_url=loopback.url, stream=stream))
        try:
            await engine.complete(QUESTION, Sampling())
        finally:
            await engine.aclose()

    with pytest.raises(RequestError, match=r"HTTP 400: the key \*\*\* may not ask this"):
        asyncio.run(one())


def test_a_server_that_wants_the_cap_under_its_new_name_gets_it(loopback: Any, toy_answer: str) -> None:
    said = "Unsupported parameter: 'max_tokens' is not supported here. Use 'max_completion_tokens' instead."
    loopback.behaviours = [lambda e: e.error(400, said), lambda e: e.error(400, "seed is not permitted"), answered]
    assert run(loopback.url)[0].text == toy_answer
    first, second, third = loopback.requests
    assert (first["max_tokens"], second["max_completion_tokens"], third["max_completion_tokens"]) == (50, 50, 50)
    assert "max_tokens" not in third and "seed" not in third


def answered(exchange: Any) -> None:
    exchange.answer()


def test_a_refusal_after_good_answers_fails_only_its_request(loopback: Any) -> None:
    async def two() -> None:
        engine = await open_openai(EngineOptions(model="toy", base_url=loopback.url))
        await engine.complete(QUESTION, Sampling())
        loopback.behaviours = [lambda e: e.error(404, "gone")]
        try:
            await engine.complete(QUESTION, Sampling())
        finally:
            await engine.aclose()

    with pytest.raises(RequestError, match="404") as error:
        asyncio.run(two())
    assert error.value.reason == "not_found"


def dead_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_a_dead_port_is_told_with_the_password_masked() -> None:
    clock = Clock()
    with pytest.raises(EngineError, match="no server answers at") as error:
        run(f"http://me:secret@127.0.0.1:{dead_port()}/v1", clock)
    assert "secret" not in str(error.value)
    assert "--base-url" in str(error.value)
    assert sum(clock.waits) < 30


def test_a_server_that_went_away_is_told(loopback: Any) -> None:
    async def lose() -> None:
        clock = Clock()
        options = EngineOptions(model="toy", base_url=loopback.url)
        engine = await open_openai(options, sleep=clock.sleep, clock=clock.now)
        await engine.complete(QUESTION, Sampling())
        loopback.close()
        try:
            await engine.complete(QUESTION, Sampling())
        finally:
            await engine.aclose()

    with pytest.raises(EngineError, match="stopped answering"):
        asyncio.run(lose())


def test_a_prefix_is_continued(loopback: Any, toy_answer: str) -> None:
    [completion] = run(loopback.url, prefix="The sum")
    assert completion.text == toy_answer.removeprefix("The sum")
    request = loopback.requests[0]
    assert request["messages"][-1] == {"role": "assistant", "content": "The sum"}
    assert (request["continue_final_message"], request["add_generation_prompt"]) == (True, False)


@pytest.mark.parametrize(
    "refusal",
    [
        "Unrecognized request argument supplied: continue_final_message",
        "extra fields not permitted",
    ],
)
def test_a_server_that_refuses_the_continue_fields_is_asked_to_go_on(loopback: Any, refusal: str) -> None:
    def strict(exchange: Any) -> None:
        if "continue_final_message" in exchange.body:
            exchange.error(400, refusal)
        else:
            exchange.answer("the sum of two and two is 4.")

    loopback.behaviours = [strict]
    prefix = "I think that the sum of two"
    [completion] = run(loopback.url, prefix=prefix)
    assert prefix + completion.text == "I think that the sum of two and two is 4."
    assert [m["role"] for m in loopback.requests[1]["messages"]] == ["user", "assistant", "user"]
    assert len(loopback.requests) == 2


def test_the_thinking_of_earlier_turns_is_sent_until_a_server_refuses_it(loopback: Any) -> None:
    def strict(exchange: Any) -> None:
        if any("reasoning_content" in m for m in exchange.body["messages"]):
            exchange.error(400, "reasoning_content is not a field of a message")
        else:
            exchange.answer("4")

    loopback.behaviours = [strict]
    messages = (
        *QUESTION,
        Message(role="assistant", content="", reasoning="I call.", tool_calls=({"id": "c", "function": {}},)),
        Message(role="tool", content="4"),
    )
    run(loopback.url, messages=messages)
    first, second = (request["messages"] for request in loopback.requests)
    assert (first[1]["reasoning"], first[1]["reasoning_content"]) == ("I call.", "I call.")
    assert second[1] == {k: v for k, v in first[1].items() if k != "reasoning_content"}
    assert all(m.keys() <= {"role", "content"} for m in (first[0], second[0]))


def test_a_prefix_that_the_server_repeats_is_taken_off(loopback: Any, toy_answer: str) -> None:
    loopback.behaviours = [lambda e: e.answer(toy_answer)]
    [completion] = run(loopback.url, prefix="The sum")
    assert completion.text == toy_answer.removeprefix("The sum")


@pytest.mark.parametrize(
    ("message", "reasoning", "text"),
    [
        ({"content": "4", "reasoning_content": "2 + 2"}, "2 + 2", "4"),
        ({"content": "4", "reasoning": "2 + 2"}, "2 + 2", "4"),
        ({"content": "<think>\n2 + 2\n</think>\n\n4"}, "2 + 2", "4"),
        ({"content": "2 + 2</think>4"}, "2 + 2", "4"),
        ({"content": [{"type": "text", "text": "4"}]}, None, "4"),
    ],
)
def test_thinking_is_kept_apart(loopback: Any, message: dict[str, Any], reasoning: str | None, text: str) -> None:
    loopback.behaviours = [lambda e: e.message(message)]
    [completion] = run(loopback.url)
    assert (completion.reasoning, completion.text) == (reasoning, text)


def test_a_truncated_thought_is_an_answer(loopback: Any) -> None:
    loopback.behaviours = [lambda e: e.message({"content": None, "reasoning": "2 + "}, "length")]
    [completion] = run(loopback.url)
    assert (completion.reasoning, completion.text) == ("2 + ", "")
    assert completion.finish_reason is FinishReason.LENGTH


def test_a_tool_call_without_content_is_an_answer(loopback: Any) -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "python", "arguments": "{}"}}
    loopback.behaviours = [lambda e: e.message({"content": None, "tool_calls": [call]}, "tool_calls")]
    [completion] = run(loopback.url)
    assert completion.tool_calls == (call,)
    assert completion.finish_reason is FinishReason.TOOL_CALLS


def test_tool_results_are_joined_to_their_calls(loopback: Any) -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "python", "arguments": "{}"}}
    turns = (
        *QUESTION,
        Message(role="assistant", content="", tool_calls=(call,)),
        Message(role="tool", content="4"),
    )
    run(loopback.url, messages=turns)
    assert loopback.requests[0]["messages"][2] == {"role": "tool", "content": "4", "tool_call_id": "c1"}


@pytest.mark.parametrize(
    ("finish", "expected"),
    [
        ("stop", FinishReason.STOP),
        ("eos", FinishReason.STOP),
        (None, FinishReason.STOP),
        ("length", FinishReason.LENGTH),
        ("max_tokens", FinishReason.LENGTH),
        ("content_filter", FinishReason.CONTENT_FILTER),
    ],
)
def test_finish_reasons_are_normalised(loopback: Any, finish: str | None, expected: FinishReason) -> None:
    loopback.behaviours = [lambda e: e.answer("4", finish)]
    assert run(loopback.url)[0].finish_reason is expected


def test_usage_counts_the_cached_part(loopback: Any) -> None:
    usage = {"prompt_tokens": 9, "completion_tokens": 2, "prompt_tokens_details": {"cached_tokens": 5}}
    loopback.behaviours = [lambda e: e.answer("4", **usage)]
    assert run(loopback.url)[0].usage == Usage(prompt_tokens=9, cached_tokens=5, completion_tokens=2)


def test_samples_are_requests_with_seeds_of_their_own(loopback: Any) -> None:
    sampling = Sampling(temperature=0.7, top_p=0.9, top_k=20, max_tokens=50, seed=10)
    assert len(run(loopback.url, sampling=sampling, n=3)) == 3
    assert sorted(r["seed"] for r in loopback.requests) == [10, 11, 12]
    assert {(r["temperature"], r["top_p"], r["top_k"]) for r in loopback.requests} == {(0.7, 0.9, 20)}


def test_settings_left_open_are_not_sent(loopback: Any) -> None:
    run(loopback.url)
    assert not {"temperature", "top_p", "top_k", "stop", "n"} & loopback.requests[0].keys()


def test_the_key_comes_from_the_environment(loopback: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "a-key")
    run(loopback.url)
    assert loopback.headers[0]["authorization"] == "Bearer a-key"


def test_a_server_on_this_machine_needs_no_key(loopback: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{dead_port()}")
    assert run(loopback.url)


@pytest.mark.parametrize(
    ("options", "hint"),
    [
        (EngineOptions(model="toy", base_url="https://api.example.com/v1"), "OPENAI_API_KEY"),
        (EngineOptions(model="", base_url="http://localhost:1/v1"), "--model"),
        (EngineOptions(model="toy", base_url="localhost:8000"), "http://"),
    ],
)
def test_what_is_missing_is_told_at_once(options: EngineOptions, hint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises(EngineError, match=hint):
        asyncio.run(open_openai(options))


def test_no_more_requests_are_under_way_than_allowed(loopback: Any) -> None:
    async def many() -> int:
        options = EngineOptions(model="toy", base_url=loopback.url, concurrency=3)
        engine = await open_openai(options)
        most = 0

        async def watch() -> None:
            nonlocal most
            while True:
                most = max(most, 3 - engine._slots._value)
                await asyncio.sleep(0)

        watcher = asyncio.create_task(watch())
        await asyncio.gather(*(engine.complete(QUESTION, Sampling()) for _ in range(12)))
        watcher.cancel()
        await engine.aclose()
        return most

    assert asyncio.run(many()) == 3


def test_a_rate_limit_is_waited_for_longer_than_other_faults(loopback: Any, toy_answer: str) -> None:
    loopback.behaviours = [*[FAULTS["rate limit"]] * 30, loopback.behaviours[0]]
    assert run(loopback.url)[0].text == toy_answer
    loopback.behaviours = [FAULTS["rate limit"]]
    with pytest.raises(RequestError) as error:
        run(loopback.url)
    assert error.value.reason == "rate_limit"


def test_a_retry_budget_bounds_all_requests_together(loopback: Any) -> None:
    loopback.behaviours = [FAULTS["server error"]]
    with pytest.raises(RequestError, match="after 4 tries"):
        run(loopback.url, retry=Retry(spare=3))


def events(
    *pieces: str, finish: str | None = "stop", usage: dict[str, int] | None = None, missing: int = 0
) -> Callable[[Any], None]:
    """Return a behaviour that streams the pieces; without `finish` the stream breaks off, with `missing` roughly."""
    rows: list[dict[str, Any]] = [{"choices": [{"index": 0, "delta": {"content": p}}]} for p in pieces]
    if finish:
        rows.append({"choices": [{"index": 0, "delta": {}, "finish_reason": finish}]})
    if usage:
        rows.append({"choices": [], "usage": usage})
    text = "".join(f"data: {json.dumps(row, ensure_ascii=False)}\n\n" for row in rows)
    data = (text + ("data: [DONE]\n\n" if finish else "")).encode()

    def behave(exchange: Any) -> None:
        exchange.raw(200, data, length=len(data) + missing, Content_Type="text/event-stream")

    return behave


def stream(url: str, **request: Any) -> tuple[Completion, list[str]]:
    """Ask for a long completion; return it and what was shown on the way."""
    shown: list[str] = []
    extras = Extras(progress=lambda c: shown.append(c.text))
    sampling = request.pop("sampling", Sampling(max_tokens=5000))
    [completion] = run(url, sampling=sampling, extras=extras, **request)
    return completion, shown


def test_a_long_completion_is_streamed(loopback: Any) -> None:
    loopback.behaviours = [events("It", " is", "\u2028", " 4.", usage={"prompt_tokens": 9, "completion_tokens": 4})]
    completion, shown = stream(loopback.url)
    assert (completion.text, completion.usage) == ("It is\u2028 4.", Usage(prompt_tokens=9, completion_tokens=4))
    assert loopback.requests[0]["stream"] is True
    assert shown
    assert all(completion.text.startswith(text) for text in shown)


def test_a_short_completion_is_not_streamed(loopback: Any, toy_answer: str) -> None:
    completion, _ = stream(loopback.url, sampling=Sampling(max_tokens=100))
    assert completion.text == toy_answer
    assert "stream" not in loopback.requests[0]


def test_a_server_that_does_not_stream_is_taken_as_it_is(loopback: Any, toy_answer: str) -> None:
    completion, _ = stream(loopback.url)
    assert completion.text == toy_answer
    assert len(loopback.requests) == 1


@pytest.mark.parametrize(
    ("message", "left"),
    [("stream is not supported", set()), ("unknown field stream_options", {"stream"})],
)
def test_a_server_that_refuses_to_stream_is_asked_without(loopback: Any, message: str, left: set[str]) -> None:
    loopback.behaviours = [lambda e: e.error(400, message), loopback.behaviours[0]]
    stream(loopback.url)
    assert {"stream", "stream_options"} & loopback.requests[1].keys() == left


def test_a_broken_stream_is_gone_on_with(loopback: Any) -> None:
    loopback.behaviours = [
        events("The ", "sum ", finish=None),
        events("of ", finish=None),
        events("two.", usage={"prompt_tokens": 5, "completion_tokens": 1}),
    ]
    completion, shown = stream(loopback.url)
    assert (completion.text, completion.finish_reason) == ("The sum of two.", FinishReason.STOP)
    assert completion.usage.completion_tokens == 3
    assert [r["messages"][-1]["content"] for r in loopback.requests[1:]] == ["The sum ", "The sum of "]
    assert loopback.requests[1]["max_tokens"] == 4998
    assert "The sum of " in shown


def test_a_connection_that_breaks_in_a_stream_is_a_broken_stream(loopback: Any) -> None:
    loopback.behaviours = [events("The ", "sum ", finish=None, missing=500), events("is two.")]
    completion, _ = stream(loopback.url)
    assert completion.text == "The sum is two."
    assert loopback.requests[1]["messages"][-1]["content"] == "The sum "


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS.keys())
def test_a_fault_where_a_stream_was_asked_for_is_tried_again(
    loopback: Any, toy_answer: str, fault: Callable[[Any], None]
) -> None:
    good = loopback.behaviours[0]
    loopback.behaviours = [fault, fault, good]
    assert stream(loopback.url)[0].text == toy_answer
    assert [request["stream"] for request in loopback.requests] == [True] * 3


def test_a_broken_thought_is_gone_on_with(loopback: Any) -> None:
    loopback.behaviours = [events("<think>two ", "and ", finish=None), events("two</think>", "4")]
    completion, _ = stream(loopback.url)
    assert (completion.reasoning, completion.text) == ("two and two", "4")
    assert loopback.requests[1]["messages"][-1]["content"] == "<think>two and "


def test_a_stream_that_falls_silent_is_left_and_gone_on_with(loopback: Any) -> None:
    def silent(exchange: Any) -> None:
        text = 'data: {"choices": [{"index": 0, "delta": {"content": "The "}}]}\n\n' * 2
        exchange.raw(200, text.encode(), length=100_000, Content_Type="text/event-stream")
        exchange.handler.wfile.flush()
        loopback.hang(exchange)

    loopback.behaviours = [silent, events("end.")]
    completion, _ = stream(loopback.url, timeout=0.6)
    assert completion.text == "The The end."


@pytest.mark.parametrize(
    ("request_extras", "answer", "text"),
    [
        (Extras(), {"content": "4 is it", "stop_reason": "END"}, "4 is it"),
        (Extras(include_stop=True), {"content": "4 is it", "stop_reason": "END"}, "4 is itEND"),
        (Extras(include_stop=True), {"content": "4 is itEND"}, "4 is itEND"),
        (Extras(), {"content": "4 is itEND and more"}, "4 is it"),
    ],
)
def test_a_stop_string_is_kept_if_asked(
    loopback: Any, request_extras: Extras, answer: dict[str, str], text: str
) -> None:
    choice = {"index": 0, "message": {"content": answer["content"]}, "finish_reason": "stop"}
    choice["stop_reason"] = answer.get("stop_reason")
    loopback.behaviours = [lambda e: e.json({"choices": [choice]})]
    [completion] = run(loopback.url, sampling=Sampling(stop=("END",)), extras=request_extras)
    assert (completion.text, completion.finish_reason) == (text, FinishReason.STOP)
    assert completion.stop == "END"


def test_log_probabilities_are_returned_if_asked(loopback: Any) -> None:
    tokens = {"content": [{"token": "4", "logprob": -0.25}, {"token": ".", "logprob": -1.5}]}
    choice = {"index": 0, "message": {"content": "4."}, "finish_reason": "stop", "logprobs": tokens}
    loopback.behaviours = [lambda e: e.json({"choices": [choice]}), lambda e: e.answer()]
    assert run(loopback.url, extras=Extras(logprobs=True))[0].logprobs == (-0.25, -1.5)
    with pytest.raises(RequestError) as error:
        run(loopback.url, extras=Extras(logprobs=True))
    assert error.value.reason == "unsupported"


@pytest.mark.parametrize("finish", ["abort", "error"])
def test_an_answer_that_the_server_gave_up_is_asked_again(loopback: Any, toy_answer: str, finish: str) -> None:
    loopback.behaviours = [lambda e: e.answer("The", finish), loopback.behaviours[0]]
    assert run(loopback.url)[0].text == toy_answer


def test_a_hidden_thought_that_used_up_the_cap_is_truncated_and_not_paid_again(loopback: Any) -> None:
    loopback.behaviours = [lambda e: e.answer("", "length", prompt_tokens=5, completion_tokens=50)]
    [completion] = run(loopback.url)
    assert (completion.text, completion.finish_reason) == ("", FinishReason.LENGTH)
    assert len(loopback.requests) == 1


def test_what_went_wrong_is_counted(loopback: Any) -> None:
    wasted = {"prompt_tokens": 5, "completion_tokens": 7}
    loopback.behaviours = [lambda e: e.answer("", **wasted), FAULTS["server error"], loopback.behaviours[0]]

    async def count() -> Traffic:
        clock = Clock()
        engine = await open_openai(EngineOptions(model="toy", base_url=loopback.url), sleep=clock.sleep)
        await engine.complete(QUESTION, Sampling())
        await engine.aclose()
        return engine.traffic

    assert asyncio.run(count()) == Traffic(requests=3, retries=Counter(empty_answer=1, server_error=1), wasted_tokens=7)


def test_masked_hides_user_and_password_and_keys() -> None:
    assert masked("https://u:p@h:1/v1?api_key=s") == "https://***@h:1/v1"


THOUGHTS: dict[str, dict[str, Any]] = {
    "content parts": {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "2 + 2"}]}]},
    "details": {"content": "", "reasoning_details": [{"type": "reasoning.text", "text": "2 + 2"}]},
    "another name": {"content": None, "thinking": "2 + 2"},
    "null beside it": {"content": "", "reasoning": None, "reasoning_content": "2 + 2"},
    "tags": {"content": "[THINK]2 + 2"},
}


@pytest.mark.parametrize("finish", ["stop", "length"])
@pytest.mark.parametrize("message", THOUGHTS.values(), ids=THOUGHTS.keys())
def test_a_sample_that_only_thought_is_a_sample(loopback: Any, message: dict[str, Any], finish: str) -> None:
    loopback.behaviours = [lambda e: e.message(message, finish)]
    [completion] = run(loopback.url)
    assert (completion.reasoning, completion.text, len(loopback.requests)) == ("2 + 2", "", 1)
    assert completion.finish_reason == finish


def test_hidden_thinking_without_an_answer_is_paid_for_once(loopback: Any) -> None:
    loopback.behaviours = [lambda e: e.message({"content": ""}, completion_tokens_details={"reasoning_tokens": 9})]
    assert run(loopback.url)[0].text == ""
    assert len(loopback.requests) == 1


def test_thinking_is_read_from_a_stream_of_parts(loopback: Any) -> None:
    thoughts = [[{"type": "thinking", "thinking": [{"type": "text", "text": t}]}] for t in ("2 +", " 2")]
    deltas = [{"content": part} for part in (*thoughts, [{"type": "text", "text": "4"}], "!")]
    rows = [{"choices": [{"index": 0, "delta": delta}], "error": None} for delta in deltas]
    rows.append({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}], "error": None})
    data = "".join(f"data: {json.dumps(row)}\n\n" for row in rows).encode()
    loopback.behaviours = [lambda e: e.raw(200, data, Content_Type="text/event-stream")]
    completion, _ = stream(loopback.url)
    assert (completion.reasoning, completion.text) == ("2 + 2", "4!")


def test_thinking_that_the_server_encrypts_is_told_once(loopback: Any) -> None:
    sealed = {"content": "4", "reasoning_details": [{"type": "reasoning.encrypted", "data": "x"}]}
    loopback.behaviours = [lambda e: e.message(sealed)]
    told: list[str] = []

    async def twice() -> None:
        engine = await open_openai(EngineOptions(model="m", base_url=loopback.url), say=told.append)
        await engine.complete(QUESTION, Sampling(max_tokens=9), n=2)
        await engine.aclose()

    asyncio.run(twice())
    assert len(told) == 1
    assert "reasoning.encrypted" in told[0]


BODIES = {
    "code": {"error": {"message": "no such key", "code": 401}},
    "type": {"error": {"message": "no such key", "type": "authentication_error"}},
    "beside": {"error": "no such key", "code": "401"},
    "object": {"object": "error", "message": "no such key", "code": 40101},
    "choice": {"choices": [{"index": 0, "error": {"message": "no such key", "code": 403}, "finish_reason": "error"}]},
    "list": [{"error": {"message": "no such key", "code": 401}}],
}


@pytest.mark.parametrize("streams", [False, True])
@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES.keys())
def test_a_lasting_error_in_a_good_answer_is_told_and_not_repeated(loopback: Any, body: Any, streams: bool) -> None:
    data = f"data: {json.dumps(body)}\n\n".encode()
    loopback.behaviours = [lambda e: e.raw(200, data, Content_Type="text/event-stream") if streams else e.json(body)]
    with pytest.raises(EngineError, match="no such key"):
        stream(loopback.url) if streams else run(loopback.url)
    assert len(loopback.requests) == 1


@pytest.mark.parametrize("error", [{"message": "busy", "code": 503}, {"message": "busy", "type": "overloaded"}, "busy"])
def test_a_passing_error_in_a_good_answer_is_tried_again(loopback: Any, toy_answer: str, error: Any) -> None:
    loopback.behaviours = [lambda e: e.json({"error": error}), loopback.behaviours[0]]
    assert run(loopback.url)[0].text == toy_answer
    loopback.behaviours = [lambda e: e.json({"error": error})]
    with pytest.raises(RequestError, match="busy"):
        run(loopback.url)


def test_an_answer_without_choices_is_shown(loopback: Any) -> None:
    loopback.behaviours = [lambda e: e.json({"result": "come back tomorrow"})]
    with pytest.raises(RequestError, match="come back tomorrow"):
        run(loopback.url)


@pytest.mark.parametrize(("status", "message"), [(501, "not here"), (500, "the context length is exceeded")])
def test_a_server_error_that_lasts_is_not_repeated(loopback: Any, status: int, message: str) -> None:
    loopback.behaviours = [lambda e: e.error(status, message)]
    with pytest.raises(RequestError, match=message):
        run(loopback.url)
    assert len(loopback.requests) == 1


def test_a_pause_that_is_longer_than_requests_are_retried_is_told(loopback: Any) -> None:
    loopback.behaviours = [lambda e: e.error(429, "slow down", Retry_After="7200")]
    with pytest.raises(RequestError, match=r"slow down.* asks to wait 7200 s, longer than the 1800 s"):
        run(loopback.url)
    assert len(loopback.requests) == 1
