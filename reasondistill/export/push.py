"""Sending a dataset folder to the Hugging Face hub.

The token comes from the environment and goes into the requests' headers, nowhere else. HF_ENDPOINT names another hub.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..errors import RecipeError, StoreError

TOKENS = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN")
"""Variables that may hold the token."""
_REPLACED = ("data/*", "splits/*", "formats/*")
"""Shards of an earlier push. Those not sent again are deleted, or their rows would mix with the new ones."""


def check_push(name: str) -> str:
    """Return the token. Raises RecipeError, before any work, for an invalid name and without a token."""
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils._validators import validate_repo_id

    try:
        validate_repo_id(name)
    except HFValidationError as error:
        raise RecipeError(f"--push {name}: {_line(error)}; write ORG/NAME") from None
    token = next((os.environ[key].strip() for key in TOKENS if os.environ.get(key, "").strip()), None)
    if token is None:
        raise RecipeError(f"--push {name}: no token; set {TOKENS[0]} in the environment to one that may write")
    return token


def push_dataset(folder: Path, name: str, *, token: str, private: bool = False) -> str:
    """Make the hub's dataset what the folder is, in one commit; return its address.

    Raises StoreError where the hub does not answer or refuses; the folder stays as it is.
    """
    from huggingface_hub import HfApi

    with _refusals(name, token), _quiet():
        api = HfApi(token=token)
        api.create_repo(name, repo_type="dataset", private=private or None, exist_ok=True)
        api.upload_folder(
            repo_id=name,
            repo_type="dataset",
            folder_path=folder,
            delete_patterns=list(_REPLACED),
            commit_message="Dataset written by reasondistill",
        )
    return f"{api.endpoint}/datasets/{name}"


@contextmanager
def _refusals(name: str, token: str) -> Iterator[None]:
    """Turn errors of the hub and the network into one line, without the token."""
    import httpx
    from huggingface_hub.errors import HfHubHTTPError

    again = "the dataset is complete in its folder, the same command sends it again"
    try:
        yield
    except HfHubHTTPError as error:
        status = getattr(error.response, "status_code", None)
        said = _line(error.server_message or error).replace(token, "***")
        hint = "; set HF_TOKEN to one that may write there" if status in (401, 403) else ""
        raise StoreError(f"--push {name}: the hub refuses it ({status}: {said}){hint}; {again}") from None
    except ValueError as error:  # the hub's complaint about the card's front matter
        raise StoreError(f"--push {name}: the hub refuses it ({_line(error).replace(token, '***')}); {again}") from None
    except (httpx.HTTPError, OSError) as error:
        said = _line(error).replace(token, "***")
        raise StoreError(f"--push {name}: the hub does not answer ({said}); {again}") from None


@contextmanager
def _quiet() -> Iterator[None]:
    """Hide progress bars: standard output carries the result, and logs want none."""
    from huggingface_hub.utils.tqdm import are_progress_bars_disabled, disable_progress_bars, enable_progress_bars

    were_off = are_progress_bars_disabled()
    disable_progress_bars()
    try:
        yield
    finally:
        if not were_off:
            enable_progress_bars()


def _line(error: Any) -> str:
    return " ".join(str(error).split())[:200]
