"""Whatever JSON a server answers with, reading it gives an answer or one of two errors, and never a crash."""

import contextlib
import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from reasondistill.engines.base import PLAIN
from reasondistill.engines.openai.wire import Answer, ErrorBody, Unusable, completion, read_answer, read_event
from reasondistill.records import Sampling

KEYS = st.sampled_from([
    "choices", "message", "delta", "content", "reasoning", "reasoning_details", "thinking", "text", "type", "error",
    "code", "tool_calls", "function_call", "function", "name", "arguments", "index", "id", "finish_reason", "usage",
    "logprobs", "completion_tokens", "completion_tokens_details", "reasoning_tokens", "refusal", "detail", "data",
])  # fmt: skip
WORDS = st.sampled_from(["", "stop", "x", "thinking", "{", "<think>a"])
LEAVES = st.none() | st.booleans() | st.integers(-2, 900) | WORDS
VALUES = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4))
ANSWERS = VALUES | st.builds(lambda message, usage: {"choices": [{"message": message}], "usage": usage}, VALUES, VALUES)
EVENTS = VALUES | st.builds(lambda delta: {"choices": [{"delta": delta}]}, VALUES)


@settings(max_examples=500, deadline=None)
@given(ANSWERS)
def test_any_answer_is_read_or_refused(payload: Any) -> None:
    with contextlib.suppress(Unusable, ErrorBody):
        completion(read_answer(json.dumps(payload).encode()), Sampling(max_tokens=9), PLAIN)


@settings(max_examples=500, deadline=None)
@given(st.lists(EVENTS, max_size=4))
def test_any_stream_is_read_or_refused(payloads: list[Any]) -> None:
    answer = Answer()
    with contextlib.suppress(Unusable, ErrorBody):
        for payload in payloads:
            read_event(f"data: {json.dumps(payload)}", answer)
        completion(answer, Sampling(max_tokens=9), PLAIN)
