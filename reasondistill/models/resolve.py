"""One string names a model: a catalogue name, a .gguf file, a local directory or a hub id. Never a pickle."""

import difflib
import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ..errors import ModelError
from .adapter import merge_adapter
from .catalogue import CATALOGUE
from .fetch import cache_directory, cached, fetch
from .gguf.convert import convert_gguf
from .gguf.metadata import quantisation, read_metadata
from .hub import snapshot
from .wheels import Progress

_HUB_ID = re.compile(r"[\w.-]{1,96}/[\w.-]{1,96}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFiles:
    """What a model reference stands for."""

    reference: str
    name: str
    """What rollouts record: the same on every machine for catalogue names and hub ids."""
    kind: Literal["gguf", "directory", "hub"]
    path: Path | None
    """The file or directory; None for a hub id, and for a catalogue model that is not in the cache."""
    hub_id: str | None = None
    source: Literal["catalogue", "hub", "wheels", "local"]
    """Where the files came from; `catalogue` for a model that is not fetched yet."""
    licence: str | None = None
    sha256: str | None = None
    """Of the GGUF file, where it is known without reading all of it."""
    revision: str | None = None
    quantisation: str | None = None

    @property
    def weights(self) -> str | None:
        """Suffix, part of a rollout's id, that distinguishes these weights from others with the same name.

        A catalogue name means its quantised file, so the hub's original is marked; so is a file by its format if its
        name leaves that out.
        """
        if self.source == "hub" and self.name != self.hub_id:
            return "original"
        untold = self.source == "local" and self.quantisation is not None
        return self.quantisation if untold and str(self.quantisation).lower() not in self.name.lower() else None


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedModel:
    """A line of `models list`."""

    name: str
    parameters: int
    licence: str
    size: int
    path: Path | None


def resolve(reference: str, *, fetch_missing: bool = True, progress: Progress | None = None) -> ModelFiles:
    """Say what a reference means, or raise ModelError. Only a missing catalogue model is fetched, if at all."""
    if entry := CATALOGUE.get(reference.lower()):
        if fetch_missing:
            fetch(entry, progress=progress)
        found = cached(entry)
        from_hub = found is not None and found.source == "hub"
        return ModelFiles(
            reference=reference,
            name=entry.name,
            kind="directory" if from_hub else "gguf",
            path=found.path if found else None,
            hub_id=entry.hub_id,
            source=found.source if found else "catalogue",
            licence=entry.licence,
            sha256=found.sha256 if found else None,
            revision=found.revision if found else None,
            quantisation=None if from_hub else entry.quantisation,
        )
    path = Path(reference).expanduser()
    if reference.lower().endswith(".gguf"):
        if not path.is_file():
            known = ", ".join(CATALOGUE)
            raise ModelError(f"{reference}: no such file; give the path of a .gguf file or a name of {known}")
        metadata = read_metadata(path)
        told = {"licence": metadata.get("general.license"), "quantisation": quantisation(metadata)}
        return ModelFiles(reference=reference, name=path.stem, kind="gguf", path=path, source="local", **told)
    if reference and path.is_dir():
        _require_weights(path)
        return ModelFiles(reference=reference, name=_directory_name(path), kind="directory", path=path, source="local")
    if _HUB_ID.fullmatch(reference) and not reference.startswith("."):
        return ModelFiles(reference=reference, name=reference, kind="hub", path=None, hub_id=reference, source="hub")
    catalogue = "a catalogue name (`reasondistill models list`)"
    accepted = f"accepted: {catalogue}, ORG/NAME on the hub, a directory, a .gguf file"
    if "/" in reference or reference.startswith(("~", ".")):
        raise ModelError(f"{reference}: no such model directory; {accepted}")
    close = difflib.get_close_matches(reference.lower(), CATALOGUE, n=1, cutoff=0.4)
    raise ModelError(f"unknown model {reference!r}: {f'did you mean {close[0]}? ' if close else ''}{accepted}")


def weights_directory(reference: str, *, progress: Progress | None = None) -> Path:
    """Return a directory with safetensors, tokenizer and config; a GGUF is converted once, a hub id fetched."""
    files = resolve(reference, progress=progress)
    if files.hub_id and files.path is None:
        folder = snapshot(files.hub_id)
        _require_weights(folder)
        return folder
    if files.path is None:
        raise ModelError(f"{reference}: not in the cache; run `reasondistill models fetch {files.name}`")
    if files.kind == "directory":
        whole = (files.path / "config.json").is_file()
        return (
            files.path if whole else merge_adapter(files.path, cache=cache_directory(), directory_of=weights_directory)
        )
    try:
        with files.path.open("rb") as file:
            sha256 = files.sha256 or hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ModelError(f"{files.path}: cannot be read ({error.strerror})") from error
    return convert_gguf(files.path, sha256=sha256, cache=cache_directory())


def list_models() -> list[ListedModel]:
    """Return every model of the catalogue, and where it is in the cache.

    >>> [model.name for model in list_models()][0]
    'smollm2-135m-instruct'
    """
    listed = []
    for entry in CATALOGUE.values():
        same = {name: getattr(entry, name) for name in ("name", "parameters", "licence", "size")}
        listed.append(ListedModel(**same, path=found.path if (found := cached(entry)) else None))
    return listed


def _require_weights(directory: Path) -> None:
    """Raise unless the directory holds a configuration and safetensors; a PEFT adapter's count too."""
    if not any((directory / name).is_file() for name in ("config.json", "adapter_config.json")):
        way_out = "give the folder that holds config.json and *.safetensors"
        raise ModelError(f"{directory}: not a model directory (no config.json); {way_out}")
    if not any(directory.glob("*.safetensors")):
        found = [*directory.glob("*.bin"), *directory.glob("*.pt"), *directory.glob("*.pth")]
        what = f"only {found[0].name}, a pickle, which can run code" if found else "no weights"
        raise ModelError(
            f"{directory}: it holds {what}; weights load from safetensors or GGUF only: save the model with "
            "save_pretrained(..., safe_serialization=True)"
        )


def _directory_name(path: Path) -> str:
    """Name a local model by its last two folders, a run's `models` folder left out.

    >>> _directory_name(Path("/home/me/runs/quickstart/models/student"))
    'quickstart/student'
    """
    whole = path.resolve()
    return "/".join([part for part in whole.parts if part not in (whole.anchor, "models")][-2:])
