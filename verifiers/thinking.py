"""Takes the thinking off a completion, in whatever shape it comes: an answer only inside it is no answer.

`split_thinking` reads tags and channels in a text, `read_message` the fields and content parts of a message. The only
place that knows how models, servers and datasets write thinking.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

_NAMES = r"(?:\w+[:_])?think|thinking|antthinking|thoughts?|reasoning|reason|scratchpad"
_TOKENS = (
    (r"<\|begin_of_thought\|>", r"<\|end_of_thought\|>"),
    (r"\[THINK\]", r"\[/THINK\]"),
    ("◁think▷", "◁/think▷"),
    (r"<\|START_THINKING\|>", r"<\|END_THINKING\|>"),
    (r"<\|think(?:ing)?\|>", r"<\|/think(?:ing)?\|>"),
    (r"<\|inner_prefix\|>", r"<\|inner_suffix\|>"),
    (r"<\|channel>\s*thought\b", r"<channel\|>"),
)
"""Pairs besides XML tags: Sky-T1, Mistral, Kimi, Cohere, Solar, Apertus, Gemma."""
OPENING = re.compile("|".join([rf"<(?:{_NAMES})>", *(opening for opening, _ in _TOKENS)]), re.IGNORECASE)
CLOSING = re.compile("|".join([rf"</(?:{_NAMES})>", *(closing for _, closing in _TOKENS)]), re.IGNORECASE)
_LAYOUT = re.compile(r"<\|(?:START|END)_(?:RESPONSE|TEXT)\|>|<\|(?:begin|end)_of_solution\|>")
"""Marks around an answer that follows thinking."""
_CLOSE_STARTS = ("</", "<|", "[/", "◁/", "<channel")
_TAG_WORDS = ("think", "thought", "reason", "scratchpad", "<|inner_", "<channel|>")
"""One of them is in every tag."""
_BRACKET = re.compile(r"[<\[◁]")
_MAX_TAGS = 500
"""Tags of other kinds that are passed over in search of one that closes or opens thinking."""
_HARMONY = re.compile(r"<\|channel\|>\s*(\w+)(?:[^<]|<\|constrain\|>)*<\|message\|>")
_HARMONY_END = re.compile(r"<\|(?:end|return|call|start)\|>")
_TURN_END = re.compile(r"<\|(?:im_end|im_start|endoftext|eot_id|end_of_text|end|return)\|>|</s>")
_HEADER = re.compile(r"\s*(?:<\|im_start\|>|<\|start_header_id\|>|<\|start\|>)assistant(?:<\|end_header_id\|>)?\s*")
_FIELDS = (
    "reasoning_content", "reasoning", "thinking", "thought", "thoughts", "reasoning_text", "reasoning_details",
    "thinking_blocks",
)  # fmt: skip
_INNER = ("text", "thinking", "reasoning", "reasoning_text", "thought", "summary", "content", "value")
"""Names of the text inside a part of thinking."""
_EXTRAS = ("provider_specific_fields", "additional_kwargs")
"""Names under which clients such as LiteLLM and LangChain keep fields that they do not know."""
_SEALED = ("data", "encrypted_content")
"""Names of thinking that only its server can read."""
_THOUGHT = re.compile(r"think|thought|reason", re.IGNORECASE)


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
    opening = next(filter(None, (OPENING.match(rest, bracket.start()) for bracket in brackets)), None)
    if closing is None and opening is None:
        return Split(thinking=text, answer="", truncated=True) if opened else Split(thinking=None, answer=text)
    answer = rest[: opening.start()] if opening else rest
    inside = OPENING.sub("", head) + (rest[opening.end() :] if opening else "")
    return Split(thinking=inside, answer=answer, truncated=opening is not None and not answer.strip())


def take_thinking(text: str, *, opened: bool = False) -> Split | None:
    """Take off the block of thinking that a text begins with; None if it begins with none.

    With `opened` the text begins inside one. Tags behind the answer's first word stay where they are: a program may
    hold them. For storing a completion; `split_thinking` is for judging one.

    >>> take_thinking("[THINK]2 + 2[/THINK]4"), take_thinking("so: <think>?</think> 4")
    (Split(thinking='2 + 2', answer='4', truncated=False), None)
    """
    if text.lstrip().startswith(("<|channel|>", "<|start|>assistant<|channel|>")):
        split = _channels(text)
        return split if split.thinking is not None or split.answer else None
    lowered = text.lower()
    if not opened and not any(word in lowered for word in _TAG_WORDS):
        return None
    opening = OPENING.match(text, len(text) - len(text.lstrip()))
    rest = text[opening.end() :] if opening else text
    same = f"</{opening[0][1:]}".lower() if opening and opening[0].endswith(">") else ""
    at = rest.lower().find(same) if same else -1
    closing = CLOSING.match(rest, at) if at >= 0 else CLOSING.search(rest)
    if closing is None:
        return Split(thinking=rest, answer="", truncated=True) if opening or opened else None
    if not opening and not opened and OPENING.search(rest, 0, closing.start()):
        return None
    return Split(thinking=rest[: closing.start()], answer=_LAYOUT.sub("", rest[closing.end() :]))


def opens_thinking(prompt: str) -> bool:
    """Return whether a prompt ends with an opening tag, so that a completion begins inside thinking.

    >>> opens_thinking("<|im_start|>assistant\\n<think>\\n"), opens_thinking("<think></think>")
    (True, False)
    """
    tail = prompt.rstrip()
    return any(tag.end() == len(tail) for tag in OPENING.finditer(tail, max(0, len(tail) - 40)))


def markup_ids(tokens: Mapping[int, str]) -> set[int]:
    """Return the ids of tokens that mark thinking, so that a decoded text must keep them.

    >>> markup_ids({1: "<think>", 2: "[/THINK]", 3: "<|im_end|>", 4: "<|end|>"})
    {1, 2}
    """
    marks = {"<|channel>", "<channel|>"}
    if "<|channel|>" in tokens.values():
        marks |= {"<|channel|>", "<|message|>", "<|start|>", "<|end|>", "<|constrain|>"}
    return {i for i, token in tokens.items() if token in marks or OPENING.fullmatch(token) or CLOSING.fullmatch(token)}


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageText:
    """The texts of a message, tags in them included."""

    content: str
    thinking: str | None
    """Thinking apart from the content; None for a message without a place for it."""
    sealed: tuple[str, ...] = ()
    """Kinds of thinking that only the server can read, such as `reasoning.encrypted`."""


def read_message(message: Mapping[str, Any], *, joint: str = "\n") -> MessageText:
    """Read content and thinking from a message's fields and content parts; `joint` joins several parts.

    Raises TypeError for content that is neither text nor parts, and for a part that is a number.

    >>> parts = [{"type": "thinking", "thinking": [{"type": "text", "text": "2 + 2"}]}, {"type": "text", "text": "4"}]
    >>> read_message({"content": parts})
    MessageText(content='4', thinking='2 + 2', sealed=())
    """
    content = message.get("content")
    content = [content] if isinstance(content, Mapping) else content
    if not isinstance(content, str | list | None):
        raise TypeError(f"the content of a message must be text, got {type(content).__name__}")
    parts = content if isinstance(content, list) else []
    for part in parts:
        if not isinstance(part, str | Mapping | list | None):
            raise TypeError(f"a part of a message's content must be an object, got {type(part).__name__}")
    thoughts = [part for part in parts if _is_thought(part)]
    text = content if isinstance(content, str) else "".join(_texts(p) for p in parts if not _is_thought(p))
    places = [message, *(message[name] for name in _EXTRAS if isinstance(message.get(name), Mapping))]
    given = [place[name] for place in places for name in _FIELDS if place.get(name) is not None]
    found = next((said for value in (*given, thoughts) if (said := _texts(value, joint))), None)
    if found is None and (thoughts or any(isinstance(value, str) for value in given)):
        found = ""
    return MessageText(content=text, thinking=found, sealed=tuple(dict.fromkeys(_sealed([*given, *thoughts]))))


def split_message(message: Mapping[str, Any]) -> Split:
    """Split a message whose thinking may be in a separate field.

    >>> split_message({"content": "4", "reasoning_content": "2 + 2"}).thinking
    '2 + 2'
    """
    read = read_message(message)
    split = split_thinking(read.content)
    if not read.thinking:
        return split
    thinking = read.thinking if split.thinking is None else f"{read.thinking}\n{split.thinking}"
    return Split(thinking=thinking, answer=split.answer, truncated=split.truncated or not split.answer.strip())


def _is_thought(part: object) -> bool:
    if not isinstance(part, Mapping):
        return False
    kind = part.get("type")
    named = _THOUGHT.search(kind) if isinstance(kind, str) else "thinking" in part or "reasoning" in part
    return bool(named) or part.get("thought") is True


def _texts(value: object, joint: str = "") -> str:
    if isinstance(value, list):
        return joint.join(filter(None, (_texts(part) for part in value)))
    if isinstance(value, Mapping):
        return next((said for key in _INNER if (said := _texts(value.get(key)))), "")
    return value if isinstance(value, str) else ""


def _sealed(values: list[Any]) -> Iterator[str]:
    for part in values:
        if isinstance(part, list):
            yield from _sealed(part)
        elif isinstance(part, Mapping) and any(part.get(key) for key in _SEALED) and not _texts(part):
            yield str(part.get("type") or "encrypted thinking")


def _last_closing(text: str) -> re.Match[str] | None:
    at = len(text)
    for _ in range(_MAX_TAGS):
        at = max(text.rfind(start, 0, at) for start in _CLOSE_STARTS)
        if at < 0:
            return None
        if match := CLOSING.match(text, at):
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
