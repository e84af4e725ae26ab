"""Models from the Hugging Face hub: whether it answers, and a snapshot of what loading needs, in the hub's own cache.

Only safetensors, configuration and tokenizer files of the top folder are taken: never a pickle, never code.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import ModelError

_WANTED = ["*.safetensors", "*.json", "*.txt", "*.jinja", "tokenizer.model"]


def hub_revision(hub_id: str, *, seconds: float = 3.0) -> str | None:
    """Return the model's current commit, or None where the hub does not answer or does not give the model."""
    import httpx
    from huggingface_hub import HfApi, constants

    if constants.HF_HUB_OFFLINE:
        return None
    try:
        return HfApi().model_info(hub_id, timeout=seconds).sha
    except (OSError, httpx.HTTPError):
        return None


def snapshot(hub_id: str, *, revision: str | None = None, local_only: bool = False) -> Path:
    """Return the local folder of the hub's model, downloading what is missing; its name is the commit."""
    import httpx
    from huggingface_hub import errors, snapshot_download

    try:
        with _bars_only_on_terminals():
            folder = snapshot_download(
                hub_id, revision=revision, allow_patterns=_WANTED, ignore_patterns=["*/*"], local_files_only=local_only
            )
    except (errors.RepositoryNotFoundError, errors.GatedRepoError, errors.HFValidationError) as error:
        raise ModelError(
            f"{hub_id}: the hub has no such model, or it is private or gated (then log in with `hf auth login`); "
            "a local model is given as an existing directory or a .gguf file"
        ) from error
    except (OSError, httpx.HTTPError) as error:
        said = f"{type(error).__name__}: {error}".splitlines()[0][:200]
        raise ModelError(
            f"{hub_id}: the hub does not answer and the model is not in its cache ({said}); connect, or "
            "use a local directory, a .gguf file or a catalogue name (`reasondistill models list`)"
        ) from error
    return Path(folder)


@contextmanager
def _bars_only_on_terminals() -> Iterator[None]:
    from huggingface_hub.utils.tqdm import are_progress_bars_disabled, disable_progress_bars, enable_progress_bars

    silence = not (sys.stderr.isatty() or are_progress_bars_disabled())
    if silence:
        disable_progress_bars()
    try:
        yield
    finally:
        if silence:
            enable_progress_bars()
