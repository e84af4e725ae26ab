"""Engines complete conversations. `open_engine` opens one and imports its libraries only then."""

from collections.abc import Awaitable, Callable
from typing import Any

from ..store.options import load_member
from .auto import choose, limit_openmp_spinning
from .base import PLAIN, Abilities, Completion, Engine, Extras, Score, Traffic
from .options import EngineOptions

# fmt: off
__all__ = ["ENGINES", "PLAIN", "Abilities", "Completion", "Engine", "EngineOptions", "Extras", "Score", "Traffic",
           "open_engine"]
# fmt: on

ENGINES = {
    "vllm": "reasondistill.engines.vllm_engine:open_vllm",
    "transformers": "reasondistill.engines.transformers_engine:open_transformers",
    "llamacpp": "reasondistill.engines.llamacpp_engine:open_llamacpp",
    "openai": "reasondistill.engines.openai.engine:open_openai",
    "replay": "reasondistill.engines.replay_engine:open_replay",
}
"""Openers of the engines by name. Your own is `package.module:Name`: a coroutine function that gets the options."""


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
    further: dict[str, dict[str, Any]] = {
        "vllm": {"thinking_delimiters": thinking_delimiters},
        "openai": {"say": say, "wait_if_down": wait_if_down},
    }
    opener: Callable[..., Awaitable[Engine]] = load_member(name, ENGINES, "engine")
    return await opener(options, **further.get(name, {}))
