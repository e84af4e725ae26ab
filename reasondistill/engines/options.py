"""A model and how it is run: the one record behind a recipe's `teacher:` and the command line's `--engine` options."""

from dataclasses import dataclass
from typing import Annotated, Literal

from annotated_types import Ge, Gt

from ..store import mask_secrets
from ..store.options import Check, OwnMember
from .openai.addresses import fault_of


def check_addresses(addresses: str | tuple[str, ...] | None) -> None:
    """Raise ValueError for an address that no server can have, or for an empty list."""
    listed = (addresses,) if isinstance(addresses, str) else addresses
    if listed is not None and not (listed and all(listed)):
        raise ValueError(f"must be an address or a list of addresses, got {addresses!r}")
    for address in listed or ():
        if fault := fault_of(address):
            raise ValueError(f"{mask_secrets(address)!r}: {fault}")


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineOptions:
    """A model and how it is run."""

    model: str = ""
    """Model reference: catalogue name, hub id, directory, .gguf file, or the name that a server serves."""
    model_id: str | None = None
    """Name recorded in the rollouts instead of `model`; distinguishes models with the same name."""
    engine: Literal["auto", "vllm", "transformers", "llamacpp", "openai", "replay"] | OwnMember = "auto"
    """Engine, or your own `package.module:Name`. auto takes the fastest one that runs here, and openai where there is a
    `base_url`."""
    base_url: Annotated[str | tuple[str, ...] | None, Check(check_addresses)] = None
    """Address of an OpenAI-compatible server, such as http://127.0.0.1:8000/v1, or a list of several that serve the
    same model."""
    dtype: Literal["auto", "float32", "bfloat16"] = "auto"
    """Precision. auto is bfloat16 on CUDA and on CPUs that multiply it in hardware, else float32."""
    concurrency: Annotated[int, Ge(1)] = 64
    """Requests in flight at once."""
    max_context: Annotated[int, Ge(1)] = 4096
    """Tokens of prompt and completion together, for the engines that reserve memory for them."""
    request_timeout: Annotated[float, Gt(0)] = 600.0
    """Seconds that one request to a server may take."""
    retry_seconds: Annotated[float, Gt(0)] | None = None
    """Longest time of retries, for a failing request and for a server that refuses connections. Defaults to 1800 for a
    request, 300 for a server that has answered before and 12 for one that has not."""
    requests_per_minute: Annotated[float, Gt(0)] | None = None
    """Limit of the server; None is no limit. Retries count as requests."""
    tokens_per_minute: Annotated[float, Gt(0)] | None = None
    """Limit of the server on prompts and completions together; a completion's length is estimated from earlier ones."""
    stream: Literal["auto", "always", "never"] = "auto"
    """Whether a server streams: auto streams completions with room for 2,000 tokens or more, so that a broken
    connection costs few."""
    continuation: Literal["auto", "prefix", "turns"] = "auto"
    """How a server continues a partial answer: prefix (a last assistant message), turns (a further user turn asks for
    it), or auto: prefix with vLLM's fields for it, and turns where the server refuses these."""
    replay: str | None = None
    """Folder or file of recorded rollouts, for the replay engine."""

    @property
    def addresses(self) -> tuple[str, ...]:
        """The servers' addresses.

        >>> EngineOptions(base_url="http://h/v1").addresses, EngineOptions().addresses
        (('http://h/v1',), ())
        """
        return (self.base_url,) if isinstance(self.base_url, str) else tuple(self.base_url or ())
