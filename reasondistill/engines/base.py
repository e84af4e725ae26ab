"""The protocol of an engine: messages in, completions out, asynchronously. Engines store nothing.

An engine batches the requests in flight: await many `complete` calls at once. `Abilities` say what else it can do.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from ..errors import RequestError
from ..records import FinishReason, Message, Row, Sampling, Usage


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """One sample of an engine."""

    text: str
    """The assistant's content, without the prefix that it continued, and without the stop string unless requested."""
    reasoning: str | None = None
    """Thinking that the server returns apart from the text. None where the engine returns one text."""
    tool_calls: tuple[Row, ...] = ()
    token_ids: tuple[int, ...] | None = None
    """Ids of all generated tokens, including the end of turn and a stop string that the text leaves out."""
    logprobs: tuple[float, ...] | None = None
    """Natural logarithm of each token's probability at temperature 1, if requested; as long as `token_ids`."""
    stop: str | None = None
    finish_reason: FinishReason
    usage: Usage
    seconds: float
    """Seconds from the request to its last token, including the time in the engine's queue."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """A model's log-probabilities of an existing completion, token by token."""

    logprobs: tuple[float, ...]
    """Log-probability of each completion token after all tokens before it, at temperature 1."""
    top: tuple[dict[int, float], ...] = ()
    """The `top_k` likeliest tokens at each position, with their log-probabilities."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Extras:
    """Settings of a request besides its messages and its sampling."""

    tools: tuple[Row, ...] = ()
    """Functions that the model may call, in OpenAI's form."""
    arguments: Row = field(default_factory=dict)
    """Arguments of the chat template, such as `enable_thinking`. `reasoning_effort` is a separate field of a server."""
    include_stop: bool = False
    """Keep the stop string that ended the text. A server without that feature leaves it out."""
    logprobs: bool = False
    """Return each token's log-probability; an engine without them raises RequestError."""
    prefix_ids: tuple[int, ...] = ()
    """Token ids of the prefix. An engine that takes tokens uses them instead of tokenizing the prefix again."""
    thinking_budget: int | None = None
    """Tokens of thinking at which the engine itself closes it; see `open_engine` for the delimiters. Servers may ignore
    it silently, so callers count the tokens."""
    progress: Callable[[Completion], None] | None = None
    """Callback that engines which stream call with the partial completion, several times a second."""


PLAIN = Extras()


@dataclass(frozen=True, slots=True, kw_only=True)
class Abilities:
    """Features of an engine beyond completing a conversation."""

    token_ids: bool = False
    """Completions hold their token ids, and `prefix_ids` are used."""
    logprobs: bool = False
    include_stop: bool = False
    """A stop string is always kept if requested. False: it depends on the server."""
    score: bool = False
    """`score` always works. False: it depends on the server, or is impossible."""
    seeds: bool = False
    """A request alone in the engine gives the same sample for the same seed."""
    streams: bool = False


@dataclass(slots=True)
class Traffic:
    """Cost of an engine's work beyond the completions that it returned."""

    requests: int = 0
    """Requests sent, retries included."""
    retries: Counter[str] = field(default_factory=Counter)
    """Retries by the reason that the attempt before them failed."""
    wasted_tokens: int = 0
    """Completion tokens that were generated and not usable, as far as the server reports them."""


class Engine(Protocol):
    """Completes conversations. Open one with `engines.open_engine`, close it with `aclose`."""

    name: str
    """Name of the engine: vllm, transformers, llamacpp, openai or replay."""
    model: str
    continues: bool
    """Whether a completion always continues `prefix`. A chat server may start a new turn instead."""
    chat_template: str | None
    """Text of the model's chat template. None if unknown."""
    abilities: Abilities
    traffic: Traffic

    async def complete(
        self, messages: Sequence[Message], sampling: Sampling, *, prefix: str = "", n: int = 1, extras: Extras = PLAIN
    ) -> list[Completion]:
        """Return n completions of the conversation; each continues the assistant prefix, if there is one.

        Sample i uses the seed `sampling.seed + i`. Raises RequestError when this request cannot be served (the prompt
        is too long, the server refuses it) and EngineError when the engine itself has failed.
        """

    async def score(self, prompt_ids: Sequence[int], completion_ids: Sequence[int], *, top_k: int = 0) -> Score:
        """Return the log-probabilities of an existing completion, and the likeliest tokens, or raise RequestError."""

    async def aclose(self) -> None:
        """Free the model or close the connections; the engine cannot be used afterwards."""


@runtime_checkable
class TokenEngine(Protocol):
    """The tokenizer of an engine with `abilities.token_ids`."""

    async def encode(self, text: str, *, begins: bool = False) -> tuple[int, ...]:
        """Return the ids of a part of a turn; with `begins`, without a thinking tag that the template has opened."""

    async def decode(self, ids: Sequence[int]) -> str:
        """Return the text of an assistant turn's ids, without special tokens and without incomplete characters."""


def one_line(error: BaseException | None) -> str:
    """Return the start of a library's message on one line."""
    return " ".join(str(error).split())[:300]


def prompt_too_long(tokens: int, room: int) -> RequestError:
    """Return the error of a prompt that fills the context."""
    return RequestError(f"the prompt has {tokens} tokens and the context holds {room}", reason="prompt_too_long")


class NoScore:
    """An engine that cannot score."""

    name: str

    async def score(self, prompt_ids: Sequence[int], completion_ids: Sequence[int], *, top_k: int = 0) -> Score:
        """Raise RequestError."""
        message = f"the {self.name} engine cannot score completions: use engine vllm or transformers, or a vLLM server"
        raise RequestError(message, reason="unsupported")


def no_logprobs(name: str) -> RequestError:
    """Return the error of an engine without log-probabilities."""
    message = f"the {name} engine has no log-probability for every token: use engine vllm, transformers or openai"
    return RequestError(message, reason="unsupported")


def scored_ids(
    prompt_ids: Sequence[int],
    completion_ids: Sequence[int],
    *,
    top_k: int,
    room: int | None = None,
    vocabulary: int | None = None,
) -> list[int]:
    """Return both as one list. Raises RequestError for ids that no model can score.

    >>> scored_ids([1], [2, 3], top_k=0, room=3)
    [1, 2, 3]
    """
    whole, fault = [*prompt_ids, *completion_ids], ""
    if not prompt_ids:
        fault = "scoring needs a prompt of one token at least: a first token stands after nothing"
    elif top_k < 0:
        fault = f"top_k must be 0 or more, got {top_k}"
    elif vocabulary is not None and not all(0 <= token < vocabulary for token in whole):
        fault = f"a token id lies outside the model's vocabulary of {vocabulary}"
    if fault:
        raise RequestError(fault, reason="bad_request")
    if room is not None and len(whole) > room:
        message = f"prompt and completion have {len(whole)} tokens together and {room} can be scored"
        raise RequestError(message, reason="prompt_too_long")
    return whole
