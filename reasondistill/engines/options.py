"""A model and how it is run."""

from dataclasses import dataclass
from typing import Any


@dataclass
class ModelRecipe:
    """A model and how it is run."""

    model: str = ""
    """Model reference: catalogue name, hub id, directory, .gguf file, or the name that a server serves."""
    model_id: str | None = None
    engine: str = "auto"
    base_url: Any = None
    """One address of a server, or a list of several that serve the same model."""
    dtype: str = "auto"
    concurrency: int = 64
    max_context: int = 1024
    request_timeout: float = 600.0
    requests_per_minute: float | None = None
    tokens_per_minute: float | None = None
    stream: str = "auto"
    continuation: str = "auto"
    replay: str | None = None
