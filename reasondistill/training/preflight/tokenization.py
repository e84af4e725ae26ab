"""From prompt/completion rows to token ids and labels, by TRL's own preparation code.

TRL renders and tokenizes. Added here: which chat template it renders with, how a message's reasoning reaches that
template, and labels that leave out tool output and what follows an end token. What comes out is what training reads.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

from ...errors import DataError
from ...generation.transcripts import CALL_MARKS, output_spans, render
from ...records import Message, Row, to_messages

IGNORED = -100
"""Label of a token that is not trained on (PyTorch's cross-entropy)."""
_PROBE = "a-thought-to-look-for"


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenizedRow:
    """One row as the model reads it."""

    input_ids: list[int]
    labels: list[int]
    """The ids that are trained on, IGNORED elsewhere."""

    @property
    def trained(self) -> int:
        """Return the number of trained tokens."""
        return len(self.labels) - self.labels.count(IGNORED)

    def spans(self) -> list[tuple[int, int]]:
        """Return start and end of every unbroken run of trained tokens."""
        marks = [label != IGNORED for label in self.labels]
        edges = [i for i, (a, b) in enumerate(zip([False, *marks], [*marks, False], strict=True)) if a != b]
        return list(zip(edges[::2], edges[1::2], strict=True))


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """A row's messages as they are trained on."""

    prompt: tuple[Message, ...]
    completion: tuple[Message, ...]
    tools: tuple[Row, ...] = ()

    @property
    def in_one_turn(self) -> bool:
        """Whether its calls are written as text, so that the outputs stand inside one assistant turn."""
        return any("syntax" in call for message in self.completion for call in message.tool_calls)

    @property
    def one_turn(self) -> Message:
        """The completion as that turn."""
        return Message(role="assistant", content=render(self.completion))

    @property
    def answers(self) -> tuple[Message, ...]:
        """What is to be trained on: the assistant messages, or the stretches of one turn between its outputs."""
        if not self.in_one_turn:
            return tuple(m for m in self.completion if m.role == "assistant")
        text, spans = self.one_turn.content, output_spans(self.completion)
        starts, ends = [0, *(end for _, end in spans)], [*(start for start, _ in spans), len(text)]
        return tuple(Message(role="assistant", content=text[a:b]) for a, b in zip(starts, ends, strict=True))

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> "Conversation":
        """Read a dataset row. Keys that Parquet filled with nulls are left out; tool calls may be JSON text."""
        tools = row.get("tools") or ()
        return cls(
            prompt=to_messages(_clean(row["prompt"])),
            completion=to_messages(_clean(row["completion"])),
            tools=tuple(_clean(json.loads(tools) if isinstance(tools, str) else tools)),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """The chat template that rows are rendered with."""

    text: str | None
    """None is the tokenizer's own; else TRL's training variant of it."""
    renders_reasoning: bool
    """Whether it renders a message's reasoning; where not, a <think> block is written before the content."""


def templates(tokenizer: Any) -> list[Template]:
    """Return the templates that may render rows: the tokenizer's own, then TRL's training variant if there is one."""
    from trl.chat_template_utils import get_training_chat_template

    try:
        variant = get_training_chat_template(tokenizer)
    except ValueError:  # a template that TRL does not know
        variant = None
    texts = [None] if variant is None else [None, variant]
    return [Template(text=text, renders_reasoning=_renders_reasoning(tokenizer, text)) for text in texts]


def tokenize(
    tokenizer: Any, rows: Sequence[Conversation], template: Template, ends: Iterable[int]
) -> list[TokenizedRow]:
    """Tokenize with TRL. Raises DataError where the template refuses a row or its tool turns cannot be told apart."""
    raw = _prepare(tokenizer, rows, template)
    ends = frozenset(ends)
    masked = []
    for number, (conversation, row) in enumerate(zip(rows, raw, strict=True)):
        mask = _without_outputs if conversation.in_one_turn else _without_tool_turns
        masked.append(_without_tails(tokenizer, mask(tokenizer, conversation, row, template, number), ends))
    return masked


def prompt_ids(tokenizer: Any, row: Conversation) -> list[int]:
    """Return what the model reads before it answers: the prompt and the tokenizer's own generation prompt."""
    return _ids(tokenizer, row, [_message_row(m) for m in row.prompt], None, generation=True)


def messages_as_rendered(row: Conversation, template: Template) -> tuple[list[Row], list[Row]]:
    """Return prompt and completion as the chat template reads them."""
    written = (row.one_turn,) if row.in_one_turn else row.completion
    if not template.renders_reasoning:
        written = tuple(_with_think_block(m) for m in written)
    return [_message_row(m) for m in row.prompt], [_message_row(m) for m in written]


def _prepare(tokenizer: Any, rows: Sequence[Conversation], template: Template) -> list[TokenizedRow]:
    """Run TRL's dataset preparation on the rows, without cutting them.

    An iterable dataset keeps the rows as Python objects: an Arrow one would give every message all keys of all others.
    """
    from datasets import IterableDataset
    from jinja2 import TemplateError
    from trl import SFTTrainer

    trainer = SimpleNamespace(_tokenizer=tokenizer, chat_template=template.text, completion_only_loss=True)
    arguments = SimpleNamespace(
        assistant_only_loss=False, max_length=None, shuffle_dataset=False, dataset_text_field="text"
    )
    dataset = IterableDataset.from_generator(_trl_rows, gen_kwargs={"rows": rows, "template": template})
    prepared: list[TokenizedRow] = []
    try:
        ready = SFTTrainer._prepare_dataset(trainer, dataset, tokenizer, arguments, False, None, "train")
        prepared.extend(TokenizedRow(input_ids=row["input_ids"], labels=row["labels"]) for row in ready)
    except (TemplateError, TypeError, ValueError, KeyError, RuntimeError) as error:
        raise DataError(f"row {len(prepared)}: the chat template refuses this conversation: {error}") from error
    return prepared


def _trl_rows(rows: Sequence[Conversation], template: Template) -> Iterator[Row]:
    for row in rows:
        prompt, completion = messages_as_rendered(row, template)
        yield {"prompt": prompt, "completion": completion, "tools": list(row.tools) or None}


def _without_tool_turns(
    tokenizer: Any, row: Conversation, tokens: TokenizedRow, template: Template, number: int
) -> TokenizedRow:
    """Mask what stands between two assistant messages: tool output and the headers around it.

    The conversation is rendered up to each border; that tells the borders apart only where a longer conversation
    starts with the tokens of a shorter one.
    """
    labels = list(tokens.labels)
    prompt, completion = messages_as_rendered(row, template)
    assistants = [i for i, m in enumerate(completion) if m["role"] == "assistant"]
    for last, following in pairwise(assistants):
        before = _ids(tokenizer, row, prompt + completion[: last + 1], template.text)
        after = _ids(tokenizer, row, prompt + completion[:following], template.text, generation=True)
        if any(tokens.input_ids[: len(ids)] != ids for ids in (before, after)):
            raise DataError(
                f"row {number}: the chat template renders a conversation differently once it goes on, so tool output "
                "cannot be kept out of training; use a template that leaves earlier turns as they were"
            )
        labels[len(before) : len(after)] = [IGNORED] * (len(after) - len(before))
    return TokenizedRow(input_ids=tokens.input_ids, labels=labels)


def _without_outputs(
    tokenizer: Any, row: Conversation, tokens: TokenizedRow, template: Template, number: int
) -> TokenizedRow:
    """Mask the outputs inside an assistant turn, with the fences or tags around them."""
    prompt, completion = messages_as_rendered(row, template)
    text = tokenizer.apply_chat_template(
        prompt + completion, tools=list(row.tools) or None, chat_template=template.text, tokenize=False
    )
    turn, spans = completion[0]["content"], output_spans(row.completion)
    start = text.rfind(turn)
    if start < 0:  # templates may strip a turn
        start = text.rfind(turn.strip()) - (len(turn) - len(turn.lstrip()))
    coded = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True) if tokenizer.is_fast else None
    if turn.strip() not in text or coded is None or list(coded["input_ids"]) != tokens.input_ids:
        raise DataError(
            f"row {number}: the outputs inside the assistant's turn are not found among its tokens, so they cannot be "
            "kept out of training; use a model with a fast tokenizer and a template that writes turns as they are"
        )
    labels = list(tokens.labels)
    for i, (low, high) in enumerate(coded["offset_mapping"]):
        if any(low < start + end and start + begin < high for begin, end in spans):
            labels[i] = IGNORED
    return TokenizedRow(input_ids=tokens.input_ids, labels=labels)


def _without_tails(tokenizer: Any, row: TokenizedRow, ends: frozenset[int]) -> TokenizedRow:
    """Mask white space and further special tokens after an end token: the model has stopped by then."""
    labels = list(row.labels)
    for start, end in row.spans():
        first = next((i for i in range(start, end) if row.input_ids[i] in ends), end)
        if not tokenizer.decode(row.input_ids[first + 1 : end], skip_special_tokens=True).strip():
            labels[first + 1 : end] = [IGNORED] * (end - first - 1)
    return TokenizedRow(input_ids=row.input_ids, labels=labels)


def _ids(
    tokenizer: Any, row: Conversation, messages: list[Row], template: str | None, *, generation: bool = False
) -> list[int]:
    from jinja2 import TemplateError

    tools = list(row.tools) or None
    try:
        ids = tokenizer.apply_chat_template(
            messages, tools=tools, chat_template=template, add_generation_prompt=generation, return_dict=False
        )
    except (TemplateError, TypeError) as error:
        raise DataError(f"the chat template refuses a conversation of the data set: {error}") from error
    return list(ids)


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
        row["tool_calls"] = [_with_parsed_arguments(call) for call in calls]
    return row


def _with_think_block(message: Message) -> Message:
    if not message.reasoning:
        return message
    return replace(
        message, reasoning=None, content=f"<think>\n{message.reasoning.strip()}\n</think>\n\n{message.content}"
    )


def _with_parsed_arguments(call: Row) -> Row:
    function = call.get("function")
    if not isinstance(function, dict) or not isinstance(function.get("arguments"), str):
        return call
    try:
        return {**call, "function": {**function, "arguments": json.loads(function["arguments"])}}
    except json.JSONDecodeError:
        return call


def _clean(value: Any) -> Any:
    """Drop the nulls that a table puts where a message lacks a key, and read tool calls kept as JSON text."""
    if isinstance(value, Mapping):
        kept = {k: _clean(v) for k, v in value.items() if v is not None}
        if isinstance(kept.get("tool_calls"), str):
            kept["tool_calls"] = json.loads(kept["tool_calls"])
        return kept
    return [_clean(v) for v in value] if isinstance(value, list | tuple) else value
