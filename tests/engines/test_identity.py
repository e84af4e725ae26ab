"""What is written down of inputs, models and versions."""

import hashlib

import pytest

from reasondistill.engines.identity import is_local, model_name, model_row
from reasondistill.engines.options import EngineOptions
from reasondistill.errors import ModelError
from reasondistill.problems.source import ProblemSource, input_hash
from reasondistill.store.versions import versions


def test_versions_name_what_is_installed():
    found = versions()
    assert {"reasondistill", "python", "platform", "math-verify", "openai"} <= found.keys()
    assert all(isinstance(v, str) and v for v in found.values())


def test_a_files_hash_is_that_of_its_bytes(tmp_path):
    path = tmp_path / "problems.jsonl"
    path.write_bytes(b"one\n")
    assert input_hash(ProblemSource(source=str(path))) == hashlib.sha256(b"one\n").hexdigest()


@pytest.mark.parametrize(("source", "split"), [("procedural", "seen"), ("openai/gsm8k", "train")])
def test_what_is_no_file_is_named(source, split):
    assert input_hash(ProblemSource(source=source, split=split)) == f"{source}:{split}"


@pytest.mark.parametrize(
    ("model", "name"),
    [
        (EngineOptions(model="served", engine="openai"), "served"),
        (EngineOptions(model="served", base_url="http://127.0.0.1:1/v1"), "served"),
        (EngineOptions(model="recorded", engine="replay"), "recorded"),
        (EngineOptions(model="served", model_id="mine", engine="openai"), "mine"),
        (EngineOptions(model="nowhere", model_id="mine"), "mine"),
        (EngineOptions(model="SmolLM2-135M-Instruct"), "smollm2-135m-instruct"),
        (EngineOptions(model="Org/Name"), "Org/Name"),
    ],
)
def test_rollouts_record_the_models_name_and_never_an_address(model, name):
    assert model_name(model) == name


def test_an_unknown_local_model_is_refused():
    with pytest.raises(ModelError, match="did you mean smollm2-135m-instruct"):
        model_name(EngineOptions(model="smollm-135m-instruct"))


@pytest.mark.parametrize(
    ("model", "local"),
    [
        (EngineOptions(model="m"), True),
        (EngineOptions(model="m", engine="vllm"), True),
        (EngineOptions(model="m", engine="openai"), False),
        (EngineOptions(model="m", engine="replay"), False),
        (EngineOptions(model="m", replay="rows.jsonl"), False),
        (EngineOptions(model="m", base_url="http://127.0.0.1:1/v1"), False),
    ],
)
def test_weights_are_local_unless_a_server_or_a_recording_answers(model, local):
    assert is_local(model) is local


def test_a_models_row_says_licence_and_source():
    row = model_row(EngineOptions(model="smollm2-135m-instruct"))
    assert (row["name"], row["licence"]) == ("smollm2-135m-instruct", "Apache-2.0")
    served = model_row(EngineOptions(model="served", engine="openai", base_url="http://me:hunter2@host/v1"))
    assert served["name"] == "served" and "hunter2" not in str(served)
