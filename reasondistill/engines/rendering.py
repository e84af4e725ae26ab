"""Messages to tokens and back, the same for every engine that runs a model in this process. No weights are loaded."""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from verifiers.thinking import OPENING, markup_ids, opens_thinking, take_thinking

from ..errors import ModelError, RequestError
from ..records import Message, Row, Sampling
from .base import PLAIN, Extras, one_line

OPEN, CLOSE = "<think>", "</think>"
_CONTEXT_IDS = 8
"""Prompt tokens that are decoded with a completion: enough for a word boundary, too few to cost time."""


def split_reasoning(text: str, opened: bool = False) -> tuple[str | None, str]:
    """Split a completion into thinking and content; `opened` says that the prompt opened the block.

    A block that is never closed is truncated thinking: all of it is reasoning and the content is empty. A text that
    continues a prefix keeps its leading space.

    >>> split_reasoning("<think>2 + 2</think> 4")
    ('2 + 2', '4')
    >>> split_reasoning("2 + 2</think>4", opened=True)
    ('2 + 2', '4')
    >>> split_reasoning("no thinking, 4")
    (None, 'no thinking, 4')
    """
    split = take_thinking(text, opened=opened)
    if split is None:
        return None, text
    thought = split.thinking
    if thought and not text.startswith(thought):  # behind a tag; the rest of a begun thought keeps its space
        thought = thought.lstrip()
    return (thought, "") if split.truncated else (thought and thought.rstrip(), split.answer.lstrip())


def cut_at_stop(text: str, stops: Iterable[str]) -> tuple[str, bool]:
    """Return the text before its first stop string, and whether there was one.

    >>> cut_at_stop("one. two; three", ["; ", ". "])
    ('one', True)
    """
    found = [at for stop in stops if stop and (at := text.find(stop)) >= 0]
    return (text[: min(found)], True) if found else (text, False)


def ended_at_stop(text: str, stops: Iterable[str], *, keep: bool) -> tuple[str, str | None]:
    """Return the text up to its first stop string, with or without it, and the stop string if there is one.

    >>> ended_at_stop("one. two; three", ["; ", ". "], keep=True)
    ('one. ', '. ')
    """
    stops = tuple(stops)
    cut, found = cut_at_stop(text, stops)
    stop = next((s for s in stops if found and s and text.startswith(s, len(cut))), None)
    return (cut + (stop or "") if keep else cut), stop


class Renderer:
    """The chat template and the tokenizer of one model."""

    def __init__(self, tokenizer: Any, *, name: str = "model", end_ids: Iterable[int] = ()) -> None:
        """Wrap a transformers tokenizer; `end_ids` are the generation config's own end tokens."""
        if not tokenizer.chat_template:
            way_out = "name an instruct model, or add chat_template.jinja to its folder"
            raise ModelError(f"{name}: no chat template; {way_out}")
        self.tokenizer = tokenizer
        added = {i: str(token) for i, token in tokenizer.added_tokens_decoder.items()}
        marked = {i for i, token in tokenizer.added_tokens_decoder.items() if token.special}
        self._special = (marked | set(tokenizer.all_special_ids)) - markup_ids(added)
        """Ids that texts leave out; thinking tags are kept whatever the tokenizer calls them."""
        probe = self._render((Message(role="user", content="?"),), generation=True)
        self.thinking_opened = opens_thinking(probe)
        """Whether the template's generation prompt itself opens the thinking block."""
        turns = (Message(role="user", content="?"), Message(role="assistant", content="an answer"))
        tail = self._encode(self._render(turns, generation=False).rpartition("an answer")[2])
        end_of_turn = [i for i in tail if i in self._special][:1]
        self.end_ids = {*end_ids, *end_of_turn, tokenizer.eos_token_id} - {None}
        """Tokens that end a completion: the generation config's, the tokenizer's and the template's end of turn."""

    @classmethod
    def load(cls, directory: Path, *, name: str = "") -> "Renderer":
        """Read the tokenizer and the end tokens of a model directory."""
        from transformers import AutoTokenizer

        try:
            tokenizer = AutoTokenizer.from_pretrained(str(directory), trust_remote_code=False)
        except (OSError, ValueError) as error:
            raise ModelError(f"{name or directory}: its tokenizer cannot be loaded ({one_line(error)})") from error
        return cls(tokenizer, name=name or directory.name, end_ids=configured_end_ids(directory))

    @property
    def template(self) -> str:
        return str(self.tokenizer.get_chat_template())

    def prompt_text(self, messages: Sequence[Message], *, prefix: str = "", extras: Extras = PLAIN) -> str:
        """Render the conversation up to the point where the model continues."""
        return self._render(messages, generation=True, extras=extras) + self._continued(prefix)

    def prompt_ids(self, messages: Sequence[Message], *, prefix: str = "", extras: Extras = PLAIN) -> list[int]:
        """Return the prompt's token ids: template, generation prompt, then the assistant prefix, left open.

        The prefix never merges into the generation prompt's tokens; `extras.prefix_ids` replace its tokenization.
        RequestError where the template refuses the conversation, such as a system turn for a model without one.
        """
        base = self._encode(self._render(messages, generation=True, extras=extras))
        prefix = self._continued(prefix)
        if extras.prefix_ids:
            return base + list(extras.prefix_ids)
        if not prefix:
            return base
        joint = self._encode(self.prompt_text(messages, prefix=prefix, extras=extras))
        return joint if joint[: len(base)] == base else base + self._encode(prefix)

    def turn_ids(self, text: str, *, begins: bool = False) -> tuple[int, ...]:
        """Return the ids of a part of an assistant turn; with `begins`, without a tag that the template has opened."""
        rest = self._continued(text) if begins else text
        return tuple(self._encode(rest)) if rest == text or rest.strip() else ()

    def inside_thinking(self, prefix: str = "") -> bool:
        """Return whether a completion of this prefix starts inside a thinking block."""
        split = take_thinking(prefix, opened=self.thinking_opened)
        return split is not None and split.truncated

    def decode(self, ids: Sequence[int], *, after: Sequence[int] = ()) -> str:
        """Return the ids' text without special tokens and torn characters; `after`, the prompt, keeps a first space."""
        context = self._kept(after)[-_CONTEXT_IDS:]
        before = self._decode(context)
        whole = self._decode(context + self._kept(ids))
        text = whole[len(before) :] if whole.startswith(before) else self._decode(self._kept(ids))
        return text.rstrip("\ufffd")

    def split(self, text: str, *, prefix: str = "") -> tuple[str | None, str]:
        return split_reasoning(text, self.inside_thinking(prefix))

    def _render(self, messages: Sequence[Message], *, generation: bool, extras: Extras = PLAIN) -> str:
        from jinja2 import TemplateError

        rows, tools = [template_row(m) for m in messages], list(extras.tools) or None
        how = {"tokenize": False, "add_generation_prompt": generation, **extras.arguments}
        try:
            return str(self.tokenizer.apply_chat_template(rows, tools=tools, **how))
        except TemplateError as error:
            message = f"the chat template refuses this conversation: {error}"
            raise RequestError(message, reason="template_refused") from error

    def _continued(self, prefix: str) -> str:
        tag = OPENING.match(prefix.lstrip()) if self.thinking_opened else None
        return prefix.lstrip()[tag.end() :] if tag else prefix

    def _encode(self, text: str) -> list[int]:
        return list(self.tokenizer(text, add_special_tokens=False)["input_ids"])

    def _decode(self, ids: Sequence[int]) -> str:
        return str(self.tokenizer.decode(ids, skip_special_tokens=False, clean_up_tokenization_spaces=False))

    def _kept(self, ids: Sequence[int]) -> list[int]:
        return [i for i in ids if i not in self._special]


def chosen_sampling(sampling: Sampling, defaults: Mapping[str, Any]) -> dict[str, Any]:
    """Return temperature, top_p and top_k: the request's, then the model's defaults, then plain sampling.

    >>> chosen_sampling(Sampling(top_p=0.9), {"temperature": 0.6, "top_p": 0.8})
    {'temperature': 0.6, 'top_p': 0.9, 'top_k': 0}
    """
    plain = {"temperature": 1.0, "top_p": 1.0, "top_k": 0}
    known = {name: value for name in plain if (value := defaults.get(name)) is not None}
    return plain | known | {name: value for name in plain if (value := getattr(sampling, name)) is not None}


def generation_defaults(directory: Path) -> Row:
    """Return generation_config.json, the model's sampling defaults; empty without the file."""
    path = directory / "generation_config.json"
    return dict(json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else {}


def configured_end_ids(directory: Path) -> set[int]:
    """Return the end tokens that generation_config.json names."""
    ends = generation_defaults(directory).get("eos_token_id")
    return set() if ends is None else {ends} if isinstance(ends, int) else set(ends)


def template_row(message: Message) -> Row:
    """Return the message as chat templates expect it: reasoning_content, and tool arguments as objects."""
    row = message.to_row()
    if "reasoning" in row:
        row["reasoning_content"] = row.pop("reasoning")
    if message.tool_calls:
        row["tool_calls"] = [with_parsed_arguments(call) for call in message.tool_calls]
    return row


class _Arguments(dict[str, Any]):
    """Arguments of a call that templates may read as an object, or join to a text as JSON."""

    def __str__(self) -> str:
        return json.dumps(self, ensure_ascii=False)

    def __add__(self, other: str) -> str:
        return str(self) + other

    def __radd__(self, other: str) -> str:
        return other + str(self)


def with_parsed_arguments(call: Row) -> Row:
    """Return a call as chat templates expect it: its arguments are an object."""
    function = call.get("function")
    if not isinstance(function, dict) or not isinstance(function.get("arguments"), str):
        return call
    arguments: Any = function["arguments"]
    try:
        while isinstance(arguments, str):  # some models encode them twice
            arguments = json.loads(arguments)
    except json.JSONDecodeError:
        return call
    arguments = _Arguments(arguments) if isinstance(arguments, dict) else arguments
    return {**call, "function": {**function, "arguments": arguments}}
