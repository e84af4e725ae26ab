"""A small run as the export formats see it, and a hub to send a dataset to."""

import base64
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from reasondistill.curation.candidate_source import Candidate, Source
from reasondistill.curation.controls import wrong_rollouts
from reasondistill.curation.options import CurateOptions
from reasondistill.curation.select import make_steps, select
from reasondistill.export.examples import to_example
from reasondistill.export.formats.inputs import gather
from reasondistill.generation.prompts import PromptTemplate
from reasondistill.records import Message, Usage
from verifiers import Outcome, Verdict

TEMPLATE = PromptTemplate(name="student", user="Solve: {question}", system="Be brief.")
CALL = {"id": "call_0", "type": "function", "function": {"name": "python", "arguments": '{"code": "1 + 1"}'}}
TOOL = {"type": "function", "function": {"name": "python", "parameters": {}}}


@pytest.fixture(scope="session")
def candidate(make_problem, make_rollout):
    """Return a builder of judged rollouts: (problem, index, text, outcome, tokens)."""

    def build(number=0, index=0, text=None, outcome=Outcome.CORRECT, tokens=10, problem=None, **fields):
        problem = problem or make_problem(number, source="own:set")
        usage = Usage(prompt_tokens=20, completion_tokens=tokens)
        rollout = make_rollout(problem, text, index=index, usage=usage, **fields)
        verdict = Verdict(outcome=outcome, extracted=problem.answer, method="boxed", verifier="rules 1")
        return Candidate(problem=problem, rollout=rollout, verdict=verdict)

    return build


@pytest.fixture(scope="session")
def coded(candidate):
    """Return a rollout that ran code twice, as a server's calls or in a text's fences."""

    def build(number=0, call=CALL, **fields):
        turns = (
            Message(role="user", content="1 + 1?"),
            Message(role="assistant", content="Let me see", tool_calls=(call,)),
            Message(role="tool", content="2"),
            Message(role="assistant", content="Again:\n", tool_calls=(call,)),
            Message(role="tool", content="2\n```\nnot the end"),
            Message(role="assistant", content="\\boxed{2}"),
        )
        return candidate(number, messages=turns, tools=(TOOL,), annotations={"executions": 2}, **fields)

    return build


@pytest.fixture(scope="session")
def material():
    """Return a function from candidates to what the formats are made from, by way of curation."""

    def build(candidates, options=None, held_out=None):
        chosen, source = options or CurateOptions(), Source.of(candidates)
        selection = select(source, make_steps(chosen), held_out=held_out)
        return gather(selection.kept, lambda c: to_example(c, TEMPLATE), wrong_rollouts(source, selection, chosen))

    return build


@pytest.fixture
def load(monkeypatch, tmp_path):
    """Return `datasets.load_dataset` with a cache of its own and no network."""
    for name in ("HF_DATASETS_OFFLINE", "HF_HUB_OFFLINE"):
        monkeypatch.setenv(name, "1")
    import datasets

    datasets.disable_progress_bars()
    return lambda *given, **options: datasets.load_dataset(
        *given, cache_dir=str(tmp_path / "cache"), split="train", **options
    )


class Hub(ThreadingHTTPServer):
    """A hub with one dataset, which takes every file in the commit itself."""

    def __init__(self, token="hf_secretsecretsecret"):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.token = token
        self.files = {"data/train-00001-of-00002.parquet": b"stale", "notes.txt": b"somebody's"}
        self.created = []
        self.complaints = []

    @property
    def address(self):
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        if "/tree/" in self.path:
            files = [{"type": "file", "path": p, "oid": "0" * 40, "size": len(d)} for p, d in self.server.files.items()]
            self._answer(200, files)
        else:
            self._answer(200, {"id": "me/set", "sha": "0" * 40, "siblings": [], "private": False})

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.headers.get("Authorization") != f"Bearer {self.server.token}":
            self._answer(401, {"error": f"Invalid credentials {self.headers.get('Authorization')}"})
        elif self.path.endswith("/repos/create"):
            self.server.created.append(json.loads(body))
            self._answer(200, {"url": f"{self.server.address}/datasets/me/set", "id": "0", "name": "me/set"})
        elif "/validate-yaml" in self.path:
            complaints = self.server.complaints
            self._answer(400 if complaints else 200, {"errors": complaints, "warnings": []})
        elif "/preupload/" in self.path:
            asked = json.loads(body)["files"]
            self._answer(200, {"files": [{**f, "uploadMode": "regular", "shouldIgnore": False} for f in asked]})
        else:
            self._commit([json.loads(line) for line in body.splitlines()])

    def _commit(self, lines):
        for line in lines:
            if line["key"] == "file":
                self.server.files[line["value"]["path"]] = base64.b64decode(line["value"]["content"])
            elif line["key"] == "deletedFile":
                del self.server.files[line["value"]["path"]]
        self._answer(200, {"commitUrl": f"{self.server.address}/datasets/me/set/commit/0", "commitOid": "0" * 40})

    def _answer(self, status, value):
        data = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        """Keep quiet."""


@pytest.fixture
def hub():
    """A hub on this machine that keeps what it is sent."""
    server = Hub()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()
