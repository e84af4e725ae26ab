"""Engines: how text is made. `open_engine` opens one; each engine's libraries are imported only then."""

from collections.abc import Callable

from ..errors import RecipeError
from .auto import calm_threads, choose
from .base import PLAIN, Abilities, Completion, Engine, EngineOptions, Extras, Score, Traffic

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

ENGINES = ("auto", "vllm", "transformers", "llamacpp", "openai", "replay")


async def open_engine(
    options: EngineOptions, *, say: Callable[[str], None] | None = None, known: bool = False
) -> Engine:
    """Open the engine that the options name; `say` is told which one `auto` took and why.

    `known` says that the server has answered before, in an earlier process: then it is waited for where it is down.

    Raises EngineError or ModelError when it cannot be opened, RecipeError for a name that is none.
    """
    calm_threads()
    name, why = choose(options)
    if options.engine == "auto" and say is not None:
        say(f"engine {name}: {why}")
    if name == "vllm":
        from .vllm_engine import open_vllm

        return await open_vllm(options)
    if name == "transformers":
        from .transformers_engine import open_transformers

        return await open_transformers(options)
    if name == "llamacpp":
        from .llamacpp_engine import open_llamacpp

        return await open_llamacpp(options)
    if name == "openai":
        from .openai.engine import open_openai

        return await open_openai(options, say=say, known=known)
    if name == "replay":
        from .replay_engine import open_replay

        return await open_replay(options)
    raise RecipeError(f"engine must be one of {', '.join(ENGINES)}, got {name!r}")
