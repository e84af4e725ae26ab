"""From a conversation to token ids and labels, by the tokenizer's public `apply_chat_template`.

Prompt and whole conversation are rendered apart; the tokens behind their common beginning are labelled. Tool output
and everything behind an end token are masked. Nothing is cut.
"""

from collections.abc import Set
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

from ...engines.rendering import with_parsed_arguments
from ...errors import DataError
from ...generation.transcripts import CALL_MARKS, output_spans
from ...records import Message, Row
from .conversation import IGNORED, Conversation, TokenizedRow, trained_spans

_PROBE = "a-thought-to-look-for"


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """The chat template that rows are rendered with."""

    text: str | None
    """None is the tokenizer's own template; otherwise TRL's training variant of it."""
    renders_reasoning: bool
    """Whether the template renders a message's reasoning. If not, a <think> block is written before the content."""


def templates(tokenizer: Any) -> list[Template]:
    """Return the templates to try in order: the tokenizer's own, then TRL's training variant if it has one."""
    from trl.chat_template_utils import get_training_chat_template

    try:
        variant = get_training_chat_template(tokenizer)
    except ValueError:  # a template that TRL does not know
        variant = None
    texts = [None] if variant is None else [None, variant]
    return [Template(text=text, renders_reasoning=_renders_reasoning(tokenizer, text)) for text in texts]


def tokenize(
    tokenizer: Any, conversation: Conversation, template: Template, ends: Set[int], number: int
) -> TokenizedRow:
    """Tokenize one row; `number` names it in errors.

    Raises DataError where the template refuses the row or the row's tool output cannot be located.
    """
    prompt, completion = messages_as_rendered(conversation, template)
    render = _Renderer(tokenizer, conversation, template.text, number)
    asked = replace(render, template=None).ids([_message_row(m) for m in conversation.prompt], generation=True)
    before = asked if template.text is None else render.ids(prompt, generation=True)
    ids = render.ids(prompt + completion)
    # A generation prompt may differ from an answer's header.
    start = next(i for i, (a, b) in enumerate(zip([*before, -1], [*ids, -2], strict=False)) if a != b)
    labels = [IGNORED] * start + ids[start:]
    mask = _mask_outputs_in_turn if conversation.in_one_turn else _mask_between_turns
    mask(render, ids, labels, prompt, completion)
    _mask_after_end(tokenizer, ids, labels, ends)
    return TokenizedRow(input_ids=ids, labels=labels, asked=asked)


def messages_as_rendered(conversation: Conversation, template: Template) -> tuple[list[Row], list[Row]]:
    """Return prompt and completion as the chat template reads them."""
    written = (conversation.one_turn,) if conversation.in_one_turn else conversation.completion
    rows = []
    for message in written:
        if message.reasoning and not template.renders_reasoning:
            block = f"<think>\n{message.reasoning.strip()}\n</think>\n\n{message.content}"
            message = replace(message, reasoning=None, content=block)
        rows.append(_message_row(message))
    return [_message_row(m) for m in conversation.prompt], rows


@dataclass(frozen=True, slots=True)
class _Renderer:
    """Renders messages of one row with one chat template."""

    tokenizer: Any
    conversation: Conversation
    template: str | None
    number: int

    def ids(self, messages: list[Row], *, generation: bool = False) -> list[int]:
        return list(self._apply(messages, add_generation_prompt=generation, return_dict=False))

    def text(self, messages: list[Row]) -> str:
        return str(self._apply(messages, tokenize=False))

    def _apply(self, messages: list[Row], **keys: Any) -> Any:
        from jinja2 import TemplateError

        tools = list(self.conversation.tools) or None
        try:
            return self.tokenizer.apply_chat_template(messages, tools=tools, chat_template=self.template, **keys)
        except (TemplateError, TypeError, ValueError, KeyError, RuntimeError) as error:
            raise DataError(f"row {self.number}: the chat template refuses this conversation: {error}") from error


def _mask_between_turns(
    render: _Renderer, ids: list[int], labels: list[int], prompt: list[Row], completion: list[Row]
) -> None:
    """Mask tool output between two assistant messages, and the headers around it.

    The conversation is rendered up to each border; that locates the borders only where the tokens of a shorter
    conversation begin those of a longer one.
    """
    assistants = [i for i, m in enumerate(completion) if m["role"] == "assistant"]
    for last, following in pairwise(assistants):
        before = render.ids(prompt + completion[: last + 1])
        after = render.ids(prompt + completion[:following], generation=True)
        if any(ids[: len(shorter)] != shorter for shorter in (before, after)):
            raise DataError(
                f"row {render.number}: the chat template renders a conversation differently once it goes on, so tool "
                "output cannot be kept out of training; use a template that leaves earlier turns as they were"
            )
        labels[len(before) : len(after)] = [IGNORED] * (len(after) - len(before))


def _mask_outputs_in_turn(
    render: _Renderer, ids: list[int], labels: list[int], prompt: list[Row], completion: list[Row]
) -> None:
    """Mask the outputs inside an assistant turn, with the fences or tags around them."""
    text, turn, tokenizer = render.text(prompt + completion), completion[0]["content"], render.tokenizer
    start = text.rfind(turn)
    if start < 0:  # templates may strip a turn
        start = text.rfind(turn.strip()) - (len(turn) - len(turn.lstrip()))
    coded = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True) if tokenizer.is_fast else None
    if turn.strip() not in text or coded is None or list(coded["input_ids"]) != ids:
        raise DataError(
            f"row {render.number}: the outputs inside the assistant's turn are not found among its tokens, so they "
            "cannot be kept out of training; use a model with a fast tokenizer and a template that writes turns as "
            "they are"
        )
    spans = [(start + begin, start + end) for begin, end in output_spans(render.conversation.completion)]
    for i, (low, high) in enumerate(coded["offset_mapping"]):
        if any(low < end and begin < high for begin, end in spans):
            labels[i] = IGNORED


def _mask_after_end(tokenizer: Any, ids: list[int], labels: list[int], ends: Set[int]) -> None:
    """Mask white space and further special tokens behind an end token: the model has stopped by then."""
    for start, end in trained_spans(labels):
        first = next((i for i in range(start, end) if ids[i] in ends), end)
        if not tokenizer.decode(ids[first + 1 : end], skip_special_tokens=True).strip():
            labels[first + 1 : end] = [IGNORED] * (end - first - 1)


def _renders_reasoning(tokenizer: Any, text: str | None) -> bool:
    """Return whether the template writes the reasoning of a final message."""
    from jinja2 import TemplateError

    turns = (Message(role="user", content="?"), Message(role="assistant", content="!", reasoning=_PROBE))
    try:
        return _PROBE in tokenizer.apply_chat_template(
            [_message_row(m) for m in turns], tokenize=False, chat_template=text
        )
    except (TemplateError, TypeError):
        return False


def _message_row(message: Message) -> Row:
    row: Row = {"role": message.role, "content": message.content}
    if message.reasoning:
        # Templates disagree on the key: Qwen reads the first, Gemma 4 the second, gpt-oss the third.
        row |= dict.fromkeys(("reasoning_content", "reasoning", "thinking"), message.reasoning)
    if message.tool_calls:
        calls = [{k: v for k, v in call.items() if k not in CALL_MARKS} for call in message.tool_calls]
        row["tool_calls"] = [with_parsed_arguments(call) for call in calls]
    return row
