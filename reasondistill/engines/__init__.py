"""Engines complete conversations. `open_engine` opens one and imports its libraries only then."""

from collections.abc import Callable
from typing import get_args, get_type_hints

from ..errors import RecipeError
from .auto import choose, limit_openmp_spinning
from .base import PLAIN, Abilities, Completion, Engine, Extras, Score, Traffic
from .options import EngineOptions

__all__ = [
    "ENGINES",
    "PLAIN",
    "Abilities",
    "Completion",
    "Engine",
    "EngineOptions",
    "Extras",
    "Score",
    "Traffic",
    "open_engine",
]

ENGINES: tuple[str, ...] = get_args(get_type_hints(EngineOptions)["engine"])


async def open_engine(
    options: EngineOptions,
    *,
    say: Callable[[str], None] | None = None,
    wait_if_down: bool = False,
    thinking_delimiters: tuple[str, str] | None = None,
) -> Engine:
    """Open the engine that the options name. `say` receives the choice of `auto` and its reason.

    With `wait_if_down` a server that is down is waited for from the first request: it answered an earlier process.
    `thinking_delimiters` open and close thinking, for a vLLM in this process that caps thinking itself
    (`Extras.thinking_budget`).

    Raises EngineError or ModelError when it cannot be opened, RecipeError for an unknown name.
    """
    limit_openmp_spinning()
    name, why = choose(options)
    if options.engine == "auto" and say is not None:
        say(f"engine {name}: {why}")
    if name == "vllm":
        from .vllm_engine import open_vllm

        return await open_vllm(options, thinking_delimiters=thinking_delimiters)
    if name == "transformers":
        from .transformers_engine import open_transformers

        return await open_transformers(options)
    if name == "llamacpp":
        from .llamacpp_engine import open_llamacpp

        return await open_llamacpp(options)
    if name == "openai":
        from .openai.engine import open_openai

        return await open_openai(options, say=say, wait_if_down=wait_if_down)
    if name == "replay":
        from .replay_engine import open_replay

        return await open_replay(options)
    raise RecipeError(f"engine must be one of {', '.join(ENGINES)}, got {name!r}")
