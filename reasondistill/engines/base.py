"""What an engine is: messages in, completions out, asynchronously.

An engine batches what is in flight at the same time; callers just await many `complete` calls at once. What an engine
can do beyond that is data: `Abilities`. Nothing here stores: that is the caller's.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from ..errors import RequestError
from ..records import FinishReason, Message, Row, Sampling, Usage


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """What an engine returns for one sample."""

    text: str
    """The assistant's content, without the prefix that it continued, and without the stop string unless asked."""
    reasoning: str | None = None
    """Thinking that the server keeps apart from the text; None where the engine returns one text."""
    tool_calls: tuple[Row, ...] = ()
    token_ids: tuple[int, ...] | None = None
    """The tokens that were made: those of the end of turn and of a stop string among them, whatever the text keeps."""
    logprobs: tuple[float, ...] | None = None
    """Natural logarithm of each token's probability at temperature 1, if asked; as many as there are `token_ids`."""
    stop: str | None = None
    """The stop string that ended it, where the engine tells."""
    finish_reason: FinishReason
    usage: Usage
    seconds: float
    """From the request to its last token, waiting in the engine's queue included."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """What a model thinks of a completion that is there already: its log-probabilities, token by token."""

    logprobs: tuple[float, ...]
    """Of each completion token after all that stands before it, at temperature 1."""
    top: tuple[dict[int, float], ...] = ()
    """The `top_k` likeliest tokens at each place, with their log-probabilities."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Extras:
    """What a request asks for beside its messages and its sampling."""

    tools: tuple[Row, ...] = ()
    """Functions that the model may call, as OpenAI describes them."""
    arguments: Row = field(default_factory=dict)
    """Arguments of the template, such as `enable_thinking`; a server gets `reasoning_effort` as a field of its own."""
    include_stop: bool = False
    """Keep the stop string that ended the text. A server that does not know how leaves it out."""
    logprobs: bool = False
    """Return each token's log-probability. RequestError where the engine has none."""
    prefix_ids: tuple[int, ...] = ()
    """The prefix's own token ids, used instead of tokenizing the prefix anew where the engine takes tokens."""
    thinking_budget: int | None = None
    """Tokens of thinking at which the engine itself closes it; see `open_engine` for the delimiters. Servers may ignore
    it silently: count afterwards."""
    progress: Callable[[Completion], None] | None = None
    """Told now and then what a long completion holds so far, by the engines that stream."""


PLAIN = Extras()


@dataclass(frozen=True, slots=True, kw_only=True)
class Abilities:
    """What an engine can do beyond completing a conversation."""

    token_ids: bool = False
    """Completions hold their token ids, and `prefix_ids` are taken."""
    logprobs: bool = False
    include_stop: bool = False
    """A stop string is kept for sure if asked; False: it depends on the server."""
    score: bool = False
    """`score` works for sure; False: it depends on the server, or there is no way."""
    seeds: bool = False
    """A request that is alone in the engine gives the same sample for the same seed."""
    streams: bool = False
    """`progress` is told what a long completion holds so far."""


@dataclass(slots=True)
class Traffic:
    """What an engine's work cost beside the completions that it returned."""

    requests: int = 0
    """Requests sent, tries included."""
    retries: Counter[str] = field(default_factory=Counter)
    """Tries that were made again, by what was wrong with the one before."""
    wasted_tokens: int = 0
    """Completion tokens that were made and could not be used, as far as the server tells."""


class Engine(Protocol):
    """Something that completes conversations. Open one with `engines.open_engine`, end it with `aclose`."""

    name: str
    """The engine's own name: vllm, transformers, llamacpp, openai or replay."""
    model: str
    """The name that rollouts record."""
    continues: bool
    """Whether a completion is sure to go on from `prefix`. A chat server may begin a new turn instead."""
    chat_template: str | None
    """Text of the model's chat template; None where it is not known."""
    abilities: Abilities
    traffic: Traffic

    async def complete(
        self,
        messages: Sequence[Message],
        sampling: Sampling,
        *,
        prefix: str = "",
        n: int = 1,
        extras: Extras = PLAIN,
    ) -> list[Completion]:
        """Return n completions of the conversation, each continuing the assistant prefix if one is given.

        Sample i uses the seed `sampling.seed + i`. Raises RequestError when this request cannot be served (the prompt
        is too long, the server refuses it) and EngineError when the engine itself is gone.
        """
        ...

    async def score(self, prompt_ids: Sequence[int], completion_ids: Sequence[int], *, top_k: int = 0) -> Score:
        """Return the log-probabilities of a completion that is there already, and of the likeliest tokens.

        Raises RequestError: with reason `unsupported` where the engine cannot (see `abilities.score`).
        """
        ...

    async def aclose(self) -> None:
        """Free the model or the connection; the engine cannot be used afterwards."""
        ...


@runtime_checkable
class TokenEngine(Protocol):
    """What an engine with `abilities.token_ids` has beside Engine: its tokenizer."""

    async def encode(self, text: str, *, begins: bool = False) -> tuple[int, ...]:
        """Return a text's token ids, as part of an assistant turn.

        `begins` says that the turn begins with it: a thinking tag that the template has opened already is left out.
        """
        ...

    async def decode(self, ids: Sequence[int]) -> str:
        """Return the text of an assistant turn's ids: no special tokens, and no character that is cut in two."""
        ...


def no_score(name: str) -> RequestError:
    """Return the error of an engine that cannot score."""
    return RequestError(
        f"the {name} engine cannot score given completions: use engine vllm or transformers, or a vLLM server",
        reason="unsupported",
    )


def no_logprobs(name: str) -> RequestError:
    """Return the error of an engine that knows no log-probabilities."""
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
    """Return both as one list. Raises RequestError for what no model can score.

    >>> scored_ids([1], [2, 3], top_k=0, room=3)
    [1, 2, 3]
    """
    if not prompt_ids:
        message = "scoring needs a prompt of one token at least: a first token stands after nothing"
        raise RequestError(message, reason="bad_request")
    if top_k < 0:
        raise RequestError(f"top_k must be 0 or more, got {top_k}", reason="bad_request")
    whole = [*prompt_ids, *completion_ids]
    if vocabulary is not None and not all(0 <= token < vocabulary for token in whole):
        raise RequestError(f"a token id lies outside the model's vocabulary of {vocabulary}", reason="bad_request")
    if room is not None and len(whole) > room:
        message = f"prompt and completion have {len(whole)} tokens together and {room} can be scored"
        raise RequestError(message, reason="prompt_too_long")
    return whole
