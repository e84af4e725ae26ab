"""Sending a dataset: a loopback server stands in for the hub and keeps what it is sent."""

import os
import subprocess
import sys

import pytest

from reasondistill.errors import RecipeError
from reasondistill.export.push import check_push

SENDS = """
import json, sys
from pathlib import Path
from reasondistill.errors import UserError
from reasondistill.export.push import check_push, push_dataset
try:
    print(push_dataset(Path(sys.argv[1]), sys.argv[2], token=check_push(sys.argv[2]), private=True))
except UserError as error:
    print(error, file=sys.stderr)
    sys.exit(2)
"""


@pytest.fixture
def dataset(tmp_path):
    """A folder laid out as a dataset's."""
    folder = tmp_path / "dataset"
    for name in ("data/train-00000-of-00001.parquet", "formats/dpo/data/train-00000-of-00001.parquet"):
        (folder / name).parent.mkdir(parents=True)
        (folder / name).write_bytes(f"PAR1 {name}".encode())
    (folder / "README.md").write_text("---\npretty_name: x\n---\n# x\n")
    return folder


def send(dataset, address, tmp_path, token="hf_x"):
    """Push in a process of its own: the hub's address is read when huggingface_hub is imported."""
    own = {"HF_ENDPOINT": address, "HF_TOKEN": token, "HF_HOME": str(tmp_path / "hf"), "HF_HUB_DISABLE_XET": "1"}
    return subprocess.run(
        [sys.executable, "-c", SENDS, str(dataset), "me/set"],
        capture_output=True, text=True, timeout=110, check=False, env={**os.environ, **own},
    )  # fmt: skip


def test_the_hub_holds_what_the_folder_does(dataset, hub, tmp_path):
    done = send(dataset, hub.address, tmp_path, token=hub.token)
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{hub.address}/datasets/me/set\n"
    local = {str(p.relative_to(dataset)): p.read_bytes() for p in dataset.rglob("*") if p.is_file()}
    assert hub.files == {**local, "notes.txt": b"somebody's"}
    (created,) = hub.created
    assert created["type"] == "dataset"
    assert created.get("private") is True or created.get("visibility") == "private"
    assert hub.token not in done.stdout + done.stderr
    assert not [p for p in tmp_path.rglob("*") if p.is_file() and hub.token.encode() in p.read_bytes()]


def test_a_token_that_the_hub_does_not_take_is_one_line_without_it(dataset, hub, tmp_path):
    bad = "hf_wrongwrongwrong"
    done = send(dataset, hub.address, tmp_path, token=bad)
    assert done.returncode == 2
    assert done.stderr.startswith("--push me/set: the hub refuses it (401: ")
    assert "set HF_TOKEN to one that may write there" in done.stderr
    assert done.stderr.count("\n") == 1
    assert bad not in done.stdout + done.stderr


def test_a_card_that_the_hub_does_not_take_is_one_line(dataset, hub, tmp_path):
    hub.complaints.append({"message": "license is none that we know"})
    done = send(dataset, hub.address, tmp_path, token=hub.token)
    assert done.returncode == 2
    assert done.stderr.startswith("--push me/set: the hub refuses it (")
    assert "license is none that we know" in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_hub_that_is_not_there_is_one_line(dataset, tmp_path):
    done = send(dataset, "http://127.0.0.1:9", tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("--push me/set: the hub does not answer (")
    assert "the same command sends it again" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(("name", "token"), [("a/b/c", "hf_x"), ("me/set", ""), ("me/set", "  ")])
def test_what_cannot_work_is_refused_before_any_work(monkeypatch, name, token):
    monkeypatch.delenv("HUGGING_FACE_HUB_TOKEN", raising=False)
    monkeypatch.setenv("HF_TOKEN", token)
    with pytest.raises(RecipeError, match=f"--push {name}: "):
        check_push(name)
