"""Fetch the models of a command before its first step, so that a wrong name or a dead network costs no work."""

from collections.abc import Iterable

from ..models.fetch_progress import fetch_progress
from ..models.resolve import resolve, weights_directory
from .identity import is_local
from .options import EngineOptions


def fetch_models(models: Iterable[EngineOptions]) -> None:
    """Fetch what is missing of the models whose weights are loaded on this machine. Raises ModelError."""
    for model in models:
        if model.model and is_local(model):
            with fetch_progress() as progress:
                if resolve(model.model, progress=progress).kind == "hub":
                    weights_directory(model.model, progress=progress)
