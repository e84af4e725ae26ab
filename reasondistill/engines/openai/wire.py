"""Requests to and answers from OpenAI-compatible servers: JSON and server-sent events, no network.

`Unusable` is raised for an answer that a retry may cure. The servers' many spellings become one vocabulary.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from verifiers.thinking import read_message, take_thinking

from ...records import FinishReason, Message, Row, Sampling, Usage
from ..base import Completion, Extras
from ..rendering import CLOSE, OPEN, ended_at_stop, split_reasoning
from .calls import Calls

REASONING_FIELDS = ("reasoning", "reasoning_content")
"""Names of an earlier turn's thinking: the first in vLLM, the second in DeepSeek, SGLang and llama.cpp."""
CONTINUE_FIELDS = ("continue_final_message", "add_generation_prompt")
CAP_FIELD, NEW_CAP_FIELD, SEED_FIELD = "max_tokens", "max_completion_tokens", "seed"
STOP_FIELD, STREAM_FIELD = "include_stop_str_in_output", "stream_options"
OPTIONAL_FIELDS = (*CONTINUE_FIELDS, STOP_FIELD, STREAM_FIELD, SEED_FIELD, "stream")
CONTINUE_TURN = "Go on exactly where your last message stops. Repeat nothing of it and add no introduction."
"""The user turn that asks for a continuation from a server that cannot continue a message."""
_SAID = 300
_OVERLAP = 200
"""Characters at the end of a partial answer that a server may repeat when it continues in a new turn."""
_CUT = {"length", "max_tokens", "model_length"}
_FINISH = {
    **dict.fromkeys(_CUT, FinishReason.LENGTH),
    **dict.fromkeys(("tool_calls", "tool_use", "function_call"), FinishReason.TOOL_CALLS),
    **dict.fromkeys(("content_filter", "safety", "refusal"), FinishReason.CONTENT_FILTER),
}
_BROKEN_OFF = {"abort", "error", "cancelled", "insufficient_system_resource"}
"""Finish reasons of servers that gave up: the answer is incomplete."""


class Unusable(Exception):
    """No answer, or one that cannot be used; the request is retried."""

    def __init__(
        self, message: str, *, reason: str, tokens: int = 0, wait: float | None = None, down: bool = False
    ) -> None:
        super().__init__(message)
        self.reason = reason
        self.tokens = tokens
        """Completion tokens that were generated in vain, if the server reports them."""
        self.wait = wait
        self.down = down


class ErrorBody(Exception):
    """An error in the body of an answer with HTTP status 200, or in a stream."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status, self.text = status, text
        """The HTTP status that the error stands for, and the body."""


@dataclass(slots=True, kw_only=True)
class Draft:
    """Partial completion from a stream that broke off."""

    text: str = ""
    reasoning: str | None = None
    tokens: int = 0

    def __bool__(self) -> bool:
        return bool(self.text or self.reasoning)

    @property
    def written(self) -> str:
        """The draft as one text; thinking without content stays open."""
        if self.reasoning is None:
            return self.text
        return f"{OPEN}{self.reasoning}{CLOSE}{self.text}" if self.text else f"{OPEN}{self.reasoning}"


def body(
    model: str,
    messages: Sequence[Message],
    sampling: Sampling,
    extras: Extras,
    *,
    prefix: str,
    in_turns: bool,
    stream: bool,
    refused: Iterable[str] = (),
) -> Row:
    """Return the request's JSON object without the fields that the server has refused."""
    rows = message_rows(messages, refused=refused)
    arguments = dict(extras.arguments)
    effort = arguments.pop("reasoning_effort", None)
    optional: Row = {
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "top_k": sampling.top_k,
        "stop": list(sampling.stop) or None,
        "tools": list(extras.tools) or None,
        "reasoning_effort": effort,
        "chat_template_kwargs": arguments or None,
        "logprobs": extras.logprobs or None,
        "thinking_token_budget": extras.thinking_budget,
        STOP_FIELD: (extras.include_stop and bool(sampling.stop)) or None,
    }
    if stream:
        optional |= {"stream": True, STREAM_FIELD: {"include_usage": True}}
    if prefix:
        rows.append({"role": "assistant", "content": prefix})
        if in_turns:
            rows.append({"role": "user", "content": CONTINUE_TURN})
        else:
            optional |= dict(zip(CONTINUE_FIELDS, (True, False), strict=True))
    left_out = set(refused)
    cap = NEW_CAP_FIELD if CAP_FIELD in left_out else CAP_FIELD
    optional |= {cap: sampling.max_tokens, SEED_FIELD: sampling.seed}
    return {"model": model, "messages": rows} | {
        k: v for k, v in optional.items() if v is not None and k not in left_out
    }


def message_rows(messages: Sequence[Message], *, refused: Iterable[str] = ()) -> list[Row]:
    """Return the messages in the servers' form: tool results refer to their calls by id, in order."""
    names = [name for name in REASONING_FIELDS if name not in set(refused)]
    rows: list[Row] = []
    calls: list[Any] = []
    for message in messages:
        row: Row = {"role": message.role, "content": message.content}
        if message.reasoning:
            row |= dict.fromkeys(names, message.reasoning)
        if message.tool_calls:
            row["tool_calls"] = list(message.tool_calls)
            calls = [call.get("id") for call in message.tool_calls]
        if message.role == "tool" and calls:
            row["tool_call_id"] = calls.pop(0)
        rows.append(row)
    return rows


@dataclass(slots=True, kw_only=True)
class Answer:
    """One answer, whole or as far as its stream has come."""

    content: str = ""
    thinking: str | None = None
    sealed: set[str] = field(default_factory=set)
    """Kinds of thinking that the server has encrypted."""
    calls: Calls = field(default_factory=Calls)
    finish: str | None = None
    stop: str | None = None
    usage: Usage = field(default_factory=Usage)
    logprobs: list[float] | None = None
    refusal: str | None = None
    chunks: int = 0
    """Pieces of text in a stream; about as many as tokens."""
    hidden: int = 0
    """Tokens of thinking, shown or not, as far as the server counts them."""

    @property
    def tokens(self) -> int:
        """Completion tokens, estimated from a stream's pieces if the server does not count them."""
        return self.usage.completion_tokens or (self.chunks if self.chunks > 1 else 0)


def read_answer(data: bytes) -> Answer:
    """Return the answer in a response's body. Raises Unusable and ErrorBody."""
    text = data.decode(errors="replace")
    try:
        payload = json.loads(text)
    except ValueError as error:
        raise Unusable(f"the answer is not JSON: {error_message(text)}", reason="invalid_json") from error
    refuse_error(payload)
    try:
        choice, answer = payload["choices"][0], Answer()
        _take_usage(answer, payload.get("usage"))
        _take(answer, choice["message"], choice, whole=True)
    except (KeyError, IndexError, TypeError, AttributeError) as error:
        raise Unusable(f"the answer holds no choices: {error_message(text)}", reason="no_choices") from error
    return answer


def read_event(line: str, answer: Answer) -> bool:
    """Add one line of an event stream to the answer; return whether it was the last. Raises Unusable and ErrorBody."""
    if not line.startswith("data:"):
        return False
    data = line[5:].strip()
    if data == "[DONE]":
        return True
    try:
        event = json.loads(data)
        refuse_error(event)
        _take_usage(answer, event.get("usage"))
        for choice in event.get("choices") or ():
            if choice.get("index", 0) == 0:
                _take(answer, choice.get("delta") or choice.get("message") or {}, choice, whole=False)
    except (ValueError, TypeError, AttributeError) as error:
        raise Unusable("the stream holds no JSON", reason="invalid_json") from error
    return False


def _take_usage(answer: Answer, row: Any) -> None:
    if row:
        details = row.get("completion_tokens_details")
        answer.usage, answer.hidden = read_usage(row), _count(details, "reasoning_tokens")


def _take(answer: Answer, message: Mapping[str, Any], choice: Mapping[str, Any], *, whole: bool) -> None:
    read = read_message(message, joint="\n" if whole else "")
    answer.content += read.content
    answer.sealed.update(read.sealed)
    if read.thinking:
        answer.thinking = (answer.thinking or "") + read.thinking
    answer.chunks += bool(read.content or read.thinking)
    if isinstance(message.get("refusal"), str):
        answer.refusal = (answer.refusal or "") + message["refusal"]
    calls = message.get("tool_calls") or ()
    for call in [calls] if isinstance(calls, Mapping) else calls:
        answer.calls.add(call, whole=whole)
    if message.get("function_call") and not calls:  # the name before OpenAI's servers could return several
        answer.calls.add({"index": -1, "type": "function", "function": message["function_call"]}, whole=whole)
    finish, stop = choice.get("finish_reason"), choice.get("stop_reason")
    answer.finish = finish if isinstance(finish, str) and finish else answer.finish
    answer.stop = stop if isinstance(stop, str) else answer.stop
    tokens = (choice.get("logprobs") or {}).get("content")
    if tokens:
        answer.logprobs = (answer.logprobs or []) + [float(token["logprob"]) for token in tokens]


def completion(
    answer: Answer,
    sampling: Sampling,
    extras: Extras,
    *,
    prefix: str = "",
    draft: Draft | None = None,
    in_turns: bool = False,
    seconds: float = 0.0,
    whole: bool = True,
) -> Completion:
    """Return the completion of an answer and the draft before it; `whole` is False in a stream. Raises Unusable."""
    draft = draft or Draft()
    begun = prefix + draft.written
    content = _after(begun, answer.content, in_turns=in_turns, whole=whole)
    if answer.finish in _CUT:
        content = content.rstrip("\ufffd")  # the first bytes of a character that the cap cut
    content, stop = ended_at_stop(content, sampling.stop, keep=extras.include_stop)
    if stop is None and answer.stop in sampling.stop:
        stop = answer.stop
        content += (stop or "") if extras.include_stop else ""
    before = take_thinking(begun)
    inline, text = split_reasoning(content, before is not None and before.truncated and not answer.thinking)
    thoughts = [thought for thought in (answer.thinking, inline) if thought]
    thinking = "\n".join(thoughts) or inline
    if answer.refusal and not text:
        text, answer.finish = answer.refusal, "refusal"
    used_up = answer.usage.completion_tokens >= sampling.max_tokens
    # Without a reason the answer is complete unless it used up the cap.
    calls = answer.calls.finished()
    finish = FinishReason.TOOL_CALLS if calls else FinishReason.LENGTH if used_up else FinishReason.STOP
    if answer.finish:
        finish = _FINISH.get(answer.finish.lower(), FinishReason.STOP)
    if whole:
        _check(answer, text, thinking, finish, begun, sampling)
    joined = None if thinking is None and draft.reasoning is None else (draft.reasoning or "") + (thinking or "")
    usage = replace(answer.usage, completion_tokens=answer.tokens)
    return Completion(
        text=draft.text + text,
        reasoning=joined,
        tool_calls=calls,
        logprobs=None if answer.logprobs is None or draft else tuple(answer.logprobs),
        stop=stop,
        finish_reason=finish,
        usage=usage + Usage(completion_tokens=draft.tokens),
        seconds=seconds,
    )


def _after(begun: str, content: str, *, in_turns: bool, whole: bool) -> str:
    """Return the new part of an answer: some servers repeat the text that they continue, or its end."""
    if not begun or content.startswith(begun):
        return content[len(begun) :]
    if not whole and begun.startswith(content):
        return ""
    if in_turns:
        most = min(_OVERLAP, len(begun), len(content))
        size = next((n for n in range(most, 11, -1) if begun.endswith(content[:n])), 0)
        return content[size:]
    return content


def _check(
    answer: Answer, text: str, thinking: str | None, finish: FinishReason, begun: str, sampling: Sampling
) -> None:
    if answer.finish in _BROKEN_OFF:
        raise Unusable(f"the server broke the answer off ({answer.finish})", reason="server_error")
    if text.strip() or answer.calls.rows or begun or finish is FinishReason.CONTENT_FILTER:
        return
    # A sample that only thought, shown or hidden, is a sample without an answer: a retry would pay for it again.
    used_up = finish is FinishReason.LENGTH and answer.usage.completion_tokens >= sampling.max_tokens
    if not (thinking or answer.hidden or used_up):
        raise Unusable("the answer is empty", reason="empty_answer", tokens=answer.tokens)


_STATUSES = {
    "quota": 402, "billing": 402, "credit": 402, "rate_limit": 429, "too_many": 429, "exhausted": 429,
    "ratelimit": 429, "overloaded": 503, "unavailable": 503, "internal": 500, "server_error": 500, "timeout": 504,
    "api_key": 401, "auth": 401, "permission": 403, "forbidden": 403, "not_found": 404, "notfound": 404, "invalid": 400,
    "bad_request": 400, "badrequest": 400, "context_length": 400, "unsupported": 400, "policy": 400,
}  # fmt: skip
"""HTTP statuses by words in the code or type of an error; the first that fits."""


def refuse_error(payload: Any) -> None:
    """Raise ErrorBody if the body of an answer, or an event of a stream, is an error."""
    payload = payload[0] if isinstance(payload, list) and payload else payload
    if not isinstance(payload, Mapping):
        return
    choices = payload.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices else None
    error = payload.get("error") or (choice.get("error") if isinstance(choice, Mapping) else None)
    alone = not choice and not payload.get("usage")
    if error or (alone and (payload.get("object") == "error" or payload.get("message") or payload.get("detail"))):
        given = {**payload, **(error if isinstance(error, Mapping) else {"error": error})}
        named = [
            re.sub(r"[ -]", "_", str(given.get(key) or "")).lower() for key in ("code", "status", "status_code", "type")
        ]
        numbers = [int(name[:3]) for name in named if name.isdigit() and len(name) in (3, 5)]
        words = [status for name in named for word, status in _STATUSES.items() if word in name]
        status = next((n for n in (*numbers, *words) if 400 <= n < 600), 500)
        raise ErrorBody(status, json.dumps(error if error else payload))


def error_message(text: str) -> str:
    """Return the message in the body of an error, on one line.

    >>> error_message('{"error": {"message": "no such model", "code": 404}}')
    'no such model'
    >>> error_message("<html><title>404</title><body>Not <b>here</b></body></html>")
    '404 Not here'
    """
    try:
        said = json.loads(text)
    except ValueError:
        said = re.sub(r"(?s)<(script|style)\b.*?</\1>|<[^>]*>", " ", text)
    for key in ("error", "message", "detail"):
        said = said.get(key, said) if isinstance(said, dict) else said
    line = said if isinstance(said, str) else json.dumps(said)
    return " ".join(line.split())[:_SAID] or "no message"


def read_usage(row: Any) -> Usage:
    """Return the token counts in an answer; zeros if the server does not count."""
    row = row if isinstance(row, Mapping) else {}
    cached = _count(row.get("prompt_tokens_details"), "cached_tokens")
    sent, written = (_count(row, f"{name}_tokens") for name in ("prompt", "completion"))
    return Usage(prompt_tokens=sent, cached_tokens=cached, completion_tokens=written)


def _count(row: Any, name: str) -> int:
    count = row.get(name) if isinstance(row, Mapping) else None
    return count if isinstance(count, int) else 0
