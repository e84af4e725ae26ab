"""What an engine is: messages in, completions out, asynchronously.

An engine batches what is in flight at the same time; callers just await many `complete` calls at once. Nothing here
retries or stores: that is the caller's.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from ..records import FinishReason, Message, Row, Sampling, Usage


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """What an engine returns for one sample."""

    text: str
    """The assistant's content, without the prefix that it continued and without the stop string."""
    reasoning: str | None = None
    """Thinking that the server keeps apart from the text; None where the engine returns one text."""
    tool_calls: tuple[Row, ...] = ()
    token_ids: tuple[int, ...] | None = None
    finish_reason: FinishReason
    usage: Usage
    seconds: float
    """From the request to its last token, waiting in the engine's queue included."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineOptions:
    """How to open an engine; the recipe's `engine` blocks and the command line fill it."""

    engine: str = "auto"
    """auto, vllm, transformers, llamacpp, openai or replay."""
    model: str = ""
    """Model reference: hub id, local directory, .gguf file or catalogue name; for a server, the name it serves."""
    model_id: str | None = None
    """Name recorded in the rollouts instead of `model`; tells models of one name apart."""
    base_url: str | None = None
    """Address of an OpenAI-compatible server, such as http://127.0.0.1:8000/v1."""
    dtype: str = "auto"
    """auto, float32 or bfloat16. auto is bfloat16 on CUDA and on CPUs that multiply it in hardware, else float32."""
    concurrency: int = 64
    """Requests in flight at once."""
    max_context: int = 2048
    """Tokens of prompt and completion together, for the engines that reserve memory for them."""
    request_timeout: float = 600.0
    """Seconds that one request to a server may take."""
    replay: str | None = None
    """Folder or file of recorded rollouts, for the replay engine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Extras:
    """What the chat template gets beside the messages."""

    tools: tuple[Row, ...] = ()
    """Functions that the model may call, as OpenAI describes them."""
    arguments: Row = field(default_factory=dict)
    """Arguments of the template, such as `enable_thinking`; a server gets `reasoning_effort` as a field of its own."""


PLAIN = Extras()


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

    async def aclose(self) -> None:
        """Free the model or the connection; the engine cannot be used afterwards."""
        ...
