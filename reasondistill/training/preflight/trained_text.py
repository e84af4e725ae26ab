"""Compare the trained tokens of one row with the messages that they should spell.

Knows tokens and messages, not how they were made. Trusts neither the chat template nor the mask.
"""

import json
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from ...records import Message, Row
from .conversation import IGNORED, Conversation, TokenizedRow, trained_spans

_MARKUP = re.compile(
    r"(?:\s|<[^<>\s]{1,40}>|(?<=>)(?:thought|analysis|final|assistant)(?=\s|<)|to=(?:self|user)(?=<))*"
)
"""Markup that templates write around reasoning and content: tags, and the channel names of Gemma 4, gpt-oss, Muse."""


class RowCheck:
    """Checks rows for one tokenizer."""

    def __init__(self, tokenizer: Any, ends: Iterable[int]) -> None:
        """`ends` are the tokens that end an answer."""
        self._tokenizer = tokenizer
        self._ends = frozenset(ends)
        added = tokenizer.added_tokens_decoder
        self._added = frozenset(added)
        self._special = frozenset(i for i, token in added.items() if token.special)

    def trained_text(self, row: TokenizedRow) -> str:
        """Return the text of the trained tokens, special tokens included."""
        return "".join(self._decode(row.input_ids[start:end]) for start, end in trained_spans(row.labels))

    def problem(self, conversation: Conversation, row: TokenizedRow) -> str | None:
        """Return why a row must not be trained on; None if its trained tokens spell its assistant messages exactly."""
        spans = trained_spans(row.labels)
        answers = conversation.answers
        if not spans or not any((m.content + (m.reasoning or "")).strip() for m in answers):
            return "no token would be trained on: the completion is empty or the chat template leaves it out"
        ids, asked = row.input_ids, row.asked
        if ids[: spans[0][0]] != asked:
            same = next((i for i, (a, b) in enumerate(zip(ids, asked, strict=False)) if a != b), len(asked))
            test, trained = self._decode(asked[same:][:12]), self._decode(ids[same:][:12])
            return (
                f"the model is asked with {test!r} where training would go on with {trained!r}: the chat template "
                "renders an answer differently from its generation prompt, or tokens merge there; use a template that "
                "does not"
            )
        if len(spans) != len(answers):
            return f"{len(answers)} assistant messages but {len(spans)} trained stretches: the mask is wrong"
        reasons = (
            self._span_problem(
                row.input_ids[start:end],
                message,
                final=message is answers[-1],
                continues=conversation.in_one_turn and message is not answers[-1],
            )
            for (start, end), message in zip(spans, answers, strict=True)
        )
        return next((reason for reason in reasons if reason), None) or self._tool_problem(conversation, row)

    def _span_problem(self, ids: Sequence[int], message: Message, *, final: bool, continues: bool) -> str | None:
        """Check one run of trained tokens; `continues` if the turn continues behind it with tool output."""
        if any(i in self._ends for i in ids[:-1]):
            return "an end token stands inside the answer: its text spells a special token; drop that row"
        if not continues and ids[-1] not in (self._ends if final else self._ends | self._added):
            named = " or ".join(repr(self._tokenizer.convert_ids_to_tokens(i)) for i in sorted(self._ends))
            return (
                f"the answer ends with {self._decode(ids[-3:])!r}, never with the end token {named}: the student would "
                "not learn to stop; set the tokenizer's eos_token to what the chat template writes"
            )
        length = len(ids) if continues else len(ids) - 1
        # Cohere 2 closes the response, then the turn.
        while not continues and length and ids[length - 1] in self._special:
            length -= 1
        text = self._decode(ids[:length])
        if is_rendering(text, message):
            return None
        return (
            f"the trained text {_short(text)!r} is not the message {_short(message.content)!r}, its reasoning and calls"
        )

    def _tool_problem(self, conversation: Conversation, row: TokenizedRow) -> str | None:
        if all(m.role == "assistant" for m in conversation.completion):
            return None
        masked = self._decode([i for i, label in zip(row.input_ids, row.labels, strict=True) if label == IGNORED])
        lost = [m for m in conversation.completion if m.role == "tool" and not _holds_value(masked, m.content)]
        return f"the chat template leaves out the tool output {_short(lost[0].content)!r}" if lost else None

    def _decode(self, ids: Sequence[int]) -> str:
        return str(self._tokenizer.decode(ids, skip_special_tokens=False, clean_up_tokenization_spaces=False))


def is_rendering(text: str, message: Message) -> bool:
    """Return whether the text is the message's reasoning, content and tool calls, with a template's markup around them.

    >>> is_rendering("<think>2 + 3</think> 5", Message(role="assistant", content="5", reasoning="2 + 3"))
    True
    >>> is_rendering("Tool says 4. 5", Message(role="assistant", content="5"))
    False
    """
    rest, reasoning, content = _plain(text), _plain(message.reasoning or ""), _plain(message.content)
    before, found, rest = rest.partition(reasoning) if reasoning else ("", "", rest)
    if found != reasoning or not _MARKUP.fullmatch(before):
        return False
    if not message.tool_calls:
        return rest.endswith(content) and bool(_MARKUP.fullmatch(rest.removesuffix(content)))
    between, found, rest = rest.partition(content) if content else ("", "", rest)
    return (
        found == content and bool(_MARKUP.fullmatch(between)) and all(_holds_call(rest, c) for c in message.tool_calls)
    )


def _holds_call(text: str, call: Row) -> bool:
    function = call.get("function", call)
    arguments = function.get("arguments") or {}
    if isinstance(arguments, str):
        arguments = json.loads(arguments)
    return function["name"] in text and all(_holds_value(text, value) for value in _leaves(arguments))


def _holds_value(text: str, value: object) -> bool:
    """Return whether the text holds the value verbatim, as JSON or as Python's repr."""
    forms = (str(value), json.dumps(value), json.dumps(value, ensure_ascii=False), repr(value))
    return any(_plain(form).strip("\"'") in text for form in forms)


def _leaves(value: object) -> Iterator[object]:
    if isinstance(value, Mapping | list):
        for inner in value.values() if isinstance(value, Mapping) else value:
            yield from _leaves(inner)
    else:
        yield value


def _plain(text: str) -> str:
    """Return the text in the Unicode form of tokenizers (NFC), without surrounding white space."""
    return unicodedata.normalize("NFC", text).strip()


def _short(text: str) -> str:
    return text if len(text) <= 80 else f"{text[:40]} ... {text[-40:]}"
