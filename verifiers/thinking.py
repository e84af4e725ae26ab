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
    text = _one_turn(text)
    lowered = text.lower()
    if not any(word in lowered for word in _TAG_WORDS):
        return Split(thinking=text, answer="", truncated=True) if opened else Split(thinking=None, answer=text)
    closing = _last(_CLOSE, text)
    head, rest = (text[: closing.start()], text[closing.end() :]) if closing else ("", text)
    opening = _first(_OPEN, rest)
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
    content = message.get("content")
    text = content if isinstance(content, str) else _joined(content)
    given = next((str(message[f]) for f in _FIELDS if message.get(f)), None)
    split = split_thinking(text)
    if given is None:
        return split
    thinking = given if split.thinking is None else f"{given}\n{split.thinking}"
    return Split(thinking=thinking, answer=split.answer, truncated=split.truncated or not split.answer.strip())


def _last(pattern: re.Pattern[str], text: str) -> re.Match[str] | None:
    """Find the last match of a pattern that starts with one of the tags' first characters."""
    at = len(text)
    for _ in range(_MAX_TAGS):
        at = max(text.rfind(start, 0, at) for start in _CLOSE_STARTS)
        if at < 0:
            return None
        match = pattern.match(text, at)
        if match:
            return match
    return None


def _first(pattern: re.Pattern[str], text: str) -> re.Match[str] | None:
    for start in islice(_BRACKET.finditer(text), 10 * _MAX_TAGS):
        match = pattern.match(text, start.start())
        if match:
            return match
    return None


def _joined(content: Any) -> str:
    """Return the text of content that comes in parts."""
    if not isinstance(content, list):
        return ""
    return "".join(str(part.get("text", "")) for part in content if isinstance(part, Mapping))


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


def _one_turn(text: str) -> str:
    """Return the text before a marker of the turn's end: a model that runs on writes the next turns too."""
    if "<|" not in text and "</s>" not in text:
        return text
    header = _HEADER.match(text)
    if header:
        text = text[header.end() :]
    end = _TURN_END.search(text)
    return text[: end.start()] if end else text
