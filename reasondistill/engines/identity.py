"""The name of a model, as rollouts, manifests and cards record it, and its files before a command's first step."""

from collections.abc import Iterable

from ..models.fetch import fetch_progress
from ..models.resolve import resolve, weights_directory
from ..records import Row
from .options import EngineOptions


def model_name(model: EngineOptions) -> str:
    """Return the name that rollouts record: `model_id`, a server's name for it, or the resolved name."""
    if model.model_id:
        return model.model_id
    if not is_local(model):
        return model.model
    return resolve(model.model, fetch_missing=False).name


def model_weights(model: EngineOptions) -> str | None:
    """Return a suffix that distinguishes these weights from others with the same name, or None (ModelFiles.weights)."""
    if model.model_id or not is_local(model):
        return None
    return resolve(model.model, fetch_missing=False).weights


def is_local(model: EngineOptions) -> bool:
    """Return whether the model's weights are loaded on this machine, rather than served or replayed.

    >>> is_local(EngineOptions(model="smollm2-135m-instruct")), is_local(EngineOptions(model="m", engine="openai"))
    (True, False)
    """
    return not (model.base_url or model.replay or model.engine in ("openai", "replay") or ":" in model.engine)


def model_row(model: EngineOptions) -> Row:
    """Return the model's row in the manifest and on the dataset card."""
    if not is_local(model):
        return {"name": model.model_id or model.model, "licence": None, "source": "server"}
    files = resolve(model.model, fetch_missing=False)
    kept = ("name", "licence", "source", "hub_id", "revision", "sha256", "quantisation")
    return {name: getattr(files, name) for name in kept}


def fetch_models(models: Iterable[EngineOptions]) -> None:
    """Fetch missing models that are loaded here, before any work: a wrong name or a dead network is a ModelError."""
    for model in models:
        if model.model and is_local(model):
            with fetch_progress() as progress:
                if resolve(model.model, progress=progress).kind == "hub":
                    weights_directory(model.model, progress=progress)
