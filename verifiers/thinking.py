"""Takes the thinking off a completion, in whatever shape it comes: an answer only inside it is no answer.

Shapes: `<think>` and its kin inline, the opening tag in the prompt (the completion holds only the closing one), harmony
channels, a `reasoning` or `reasoning_content` field of the message, and thinking that was cut off before its end.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

_NAMES = r"think|thinking|thought|thoughts|reasoning|reason|seed:think|scratchpad"
_OPEN = re.compile(rf"<(?:{_NAMES})>|<\|begin_of_thought\|>|\[THINK\]|◁think▷", re.IGNORECASE)
_CLOSE = re.compile(rf"</(?:{_NAMES})>|<\|end_of_thought\|>|\[/THINK\]|◁/think▷", re.IGNORECASE)
_CLOSE_STARTS = ("</", "<|", "[/", "◁/")
_TAG_WORDS = ("think", "thought", "reason", "scratchpad")
"""One of them is in every tag."""
_BRACKET = re.compile(r"[<\[◁]")
_MAX_TAGS = 500
"""Tags of other kinds that are passed over in search of one that closes or opens thinking."""
_HARMONY = re.compile(r"<\|channel\|>\s*(\w+)[^<]*<\|message\|>")
_HARMONY_END = re.compile(r"<\|(?:end|return|call|start)\|>")
_TURN_END = re.compile(r"<\|(?:im_end|im_start|endoftext|eot_id|end_of_text|end|return)\|>|</s>")
_HEADER = re.compile(r"\s*(?:<\|im_start\|>|<\|start_header_id\|>|<\|start\|>)assistant(?:<\|end_header_id\|>)?\s*")
_FIELDS = ("reasoning_content", "reasoning", "thinking")


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """A completion as its thinking and its answer."""

    thinking: str | None
    """None for a completion without thinking."""
    answer: str
    truncated: bool = False
    """Whether the thinking was cut off before its end; the answer is then empty."""


def split_thinking(text: str, *, opened: bool = False) -> Split:
    """Split a completion; `opened` says that the prompt ended inside a thinking block.

    >>> split_thinking("<think>2 + 2</think> 4")
    Split(thinking='2 + 2', answer=' 4', truncated=False)
    >>> split_thinking("2 + 2</think> 4").answer, split_thinking("<think>2 + 2").truncated
    (' 4', True)
    """
    if "<|channel|>" in text:
        return _channels(text)
    if "<|" in text or "</s>" in text:  # a model that runs on writes the next turns too
        if header := _HEADER.match(text):
            text = text[header.end() :]
        if end := _TURN_END.search(text):
            text = text[: end.start()]
    lowered = text.lower()
    if not any(word in lowered for word in _TAG_WORDS):
        return Split(thinking=text, answer="", truncated=True) if opened else Split(thinking=None, answer=text)
    closing = _last_closing(text)
    head, rest = (text[: closing.start()], text[closing.end() :]) if closing else ("", text)
    brackets = islice(_BRACKET.finditer(rest), 10 * _MAX_TAGS)
    opening = next(filter(None, (_OPEN.match(rest, bracket.start()) for bracket in brackets)), None)
    if closing is None and opening is None:
        return Split(thinking=text, answer="", truncated=True) if opened else Split(thinking=None, answer=text)
    answer = rest[: opening.start()] if opening else rest
    inside = _OPEN.sub("", head) + (rest[opening.end() :] if opening else "")
    return Split(thinking=inside, answer=answer, truncated=opening is not None and not answer.strip())


def split_message(message: Mapping[str, Any]) -> Split:
    """Split a message whose thinking may be in a separate field.

    >>> split_message({"content": "4", "reasoning_content": "2 + 2"}).thinking
    '2 + 2'
    """
    text = message.get("content")
    if not isinstance(text, str):  # content that comes in parts
        parts = text if isinstance(text, list) else []
        text = "".join(str(part.get("text", "")) for part in parts if isinstance(part, Mapping))
    given = next((str(message[f]) for f in _FIELDS if message.get(f)), None)
    split = split_thinking(text)
    if given is None:
        return split
    thinking = given if split.thinking is None else f"{given}\n{split.thinking}"
    return Split(thinking=thinking, answer=split.answer, truncated=split.truncated or not split.answer.strip())


def _last_closing(text: str) -> re.Match[str] | None:
    at = len(text)
    for _ in range(_MAX_TAGS):
        at = max(text.rfind(start, 0, at) for start in _CLOSE_STARTS)
        if at < 0:
            return None
        if match := _CLOSE.match(text, at):
            return match
    return None


def _channels(text: str) -> Split:
    """Split harmony channels: `final` is the answer, everything else is thinking."""
    thinking, answer = [], None
    for match in _HARMONY.finditer(text):
        end = _HARMONY_END.search(text, match.end())
        content = text[match.end() : end.start() if end else len(text)]
        if match[1] == "final":
            answer = content
        else:
            thinking.append(content)
    return Split(thinking="\n".join(thinking) or None, answer=answer or "", truncated=answer is None)
